//! A line that is typed or pasted, and the yes or no made of one.

use std::io;
use std::mem;
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::Answer;
use super::buffer::Buffer;
use super::frame::{Frame, Line, Size, clip};
use super::keys::Heard;
use super::session::{Cursor, Session};

/// Nobody presses a key so soon after Enter: it comes from a paste, and so did the Enter.
const PASTE_GAP: Duration = Duration::from_millis(30);

/// A pause after which to draw, so that a paste that comes as keys is drawn once.
const DRAW_GAP: Duration = Duration::from_millis(5);

/// Asks `prompt` (ASCII, ending in a blank) and reads what is typed or pasted until Enter.
///
/// Newlines inside a paste are kept, as `\n`. The answer is at most 64 KiB; the rest is ignored.
pub(crate) async fn line(prompt: &str) -> io::Result<Answer<String>> {
    let mut input = Input::default();
    let mut session = Session::open(Cursor::Shown)?;
    session.draw(input.frame(prompt, Session::size()))?;
    let mut up_to_date = true;
    loop {
        let patience = match (input.entered, up_to_date) {
            (true, _) => Some(PASTE_GAP),
            (false, false) => Some(DRAW_GAP),
            (false, true) => None,
        };
        let answer = match session.next(patience).await? {
            Heard::Event(event) => {
                up_to_date = false;
                input.take(event)
            }
            Heard::Silence => {
                session.draw(input.frame(prompt, Session::size()))?;
                up_to_date = true;
                input.submit()
            }
            Heard::HungUp => Some(Answer::Ended),
        };
        if let Some(answer) = answer {
            if let Answer::Given(_) = answer {
                session.answered();
            }
            return Ok(answer);
        }
    }
}

/// Asks `message` followed by ` [y/N] `: y or yes is yes; n, no or nothing is no; others ask again.
pub(crate) async fn confirm(message: &str) -> io::Result<Answer<bool>> {
    let prompt = format!("{message} [y/N] ");
    loop {
        match line(&prompt).await? {
            Answer::Given(text) => match yes_or_no(&text) {
                Some(yes) => return Ok(Answer::Given(yes)),
                None => continue,
            },
            Answer::Ended => return Ok(Answer::Ended),
            Answer::Cancelled => return Ok(Answer::Cancelled),
        }
    }
}

/// Reads an answer to a question with yes or no; `None` where it is neither.
pub(crate) fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[derive(Debug, Default)]
struct Input {
    buffer: Buffer,
    /// Enter came last; it ends the input unless more follows at once.
    entered: bool,
}

impl Input {
    fn take(&mut self, event: Event) -> Option<Answer<String>> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                self.keep_enter();
                self.press(key)
            }
            Event::Paste(text) => {
                self.keep_enter();
                self.buffer.insert(&text);
                None
            }
            _ => None,
        }
    }

    /// The answer, if Enter came last; to be called once nothing has followed it.
    fn submit(&mut self) -> Option<Answer<String>> {
        let entered = mem::take(&mut self.entered);
        entered.then(|| Answer::Given(mem::take(&mut self.buffer).into_text()))
    }

    /// More has come after an Enter, which was a newline of a paste then.
    fn keep_enter(&mut self) {
        if mem::take(&mut self.entered) {
            self.buffer.insert("\n");
        }
    }

    fn press(&mut self, key: KeyEvent) -> Option<Answer<String>> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let buffer = &mut self.buffer;
        match key.code {
            KeyCode::Esc => return Some(Answer::Cancelled),
            KeyCode::Char('c') if control => return Some(Answer::Cancelled),
            KeyCode::Char('d') if control && buffer.is_empty() => return Some(Answer::Ended),
            KeyCode::Enter => self.entered = true,
            KeyCode::Char('j') if control => self.entered = true,
            KeyCode::Char('d') if control => buffer.delete(),
            KeyCode::Char('u') if control => buffer.delete_to_start(),
            KeyCode::Char('w') if control => buffer.delete_word(),
            KeyCode::Char('h') if control => buffer.backspace(),
            KeyCode::Char('a') if control => buffer.home(),
            KeyCode::Char('e') if control => buffer.end(),
            KeyCode::Backspace => buffer.backspace(),
            KeyCode::Delete => buffer.delete(),
            KeyCode::Left => buffer.left(),
            KeyCode::Right => buffer.right(),
            KeyCode::Home => buffer.home(),
            KeyCode::End => buffer.end(),
            KeyCode::Tab => buffer.insert("\t"),
            KeyCode::Char(c) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                buffer.insert(c.encode_utf8(&mut [0; 4]));
            }
            _ => {}
        }
        None
    }

    /// One line that the terminal wraps: the prompt, and as much of the text as fits on its last
    /// row and one more.
    fn frame(&self, prompt: &str, Size { columns, rows }: Size) -> Frame {
        let whole = clip(prompt, usize::MAX).cells;
        let room = ((whole / columns + 2) * columns).min(rows * columns) - 1;
        let prompt = clip(prompt, room.saturating_sub(columns).max(room / 2));
        let (shown, cursor) = self.buffer.shown(room - prompt.cells);
        let cursor = (0, prompt.cells + cursor);
        let cells = prompt.cells + shown.len();
        Frame { lines: vec![Line { text: prompt.text + &shown, cells }], cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(input: &mut Input, text: &str) {
        for c in text.chars() {
            let code = if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
            assert_eq!(input.take(Event::Key(code.into())), None);
        }
    }

    #[test]
    fn enter_ends_the_input_once_nothing_follows() {
        let mut input = Input::default();
        typed(&mut input, "abc");
        assert_eq!(input.submit(), None);
        typed(&mut input, "\n");
        assert_eq!(input.take(Event::Resize(9, 9)), None, "a resize is not input");
        assert_eq!(input.submit(), Some(Answer::Given("abc".into())));
    }

    #[test]
    fn an_enter_inside_a_paste_is_a_newline() {
        let mut input = Input::default();
        typed(&mut input, "ab\ncd\n\n");
        input.take(Event::Paste("e\r\nf".into()));
        typed(&mut input, "\n");
        assert_eq!(input.submit(), Some(Answer::Given("ab\ncd\n\ne\nf".into())));
    }

    #[test]
    fn keys_end_it() {
        let control = |c| Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
        let cases = [
            ("", control('d'), Some(Answer::Ended)),
            ("a", control('d'), None),
            ("a", control('c'), Some(Answer::Cancelled)),
            ("a", Event::Key(KeyCode::Esc.into()), Some(Answer::Cancelled)),
            ("a", control('z'), None),
        ];
        for (text, event, answer) in cases {
            let mut input = Input::default();
            typed(&mut input, text);
            assert_eq!(input.take(event.clone()), answer, "{event:?} after {text:?}");
            assert_eq!(input.buffer.into_text(), text, "{event:?}");
        }
    }

    #[test]
    fn the_frame_fits_and_holds_the_cursor() {
        let prompt = "Paste the authorization code here: ";
        for (columns, rows) in
            [(1, 1), (2, 1), (7, 1), (20, 1), (20, 2), (20, 24), (35, 3), (80, 24)]
        {
            for length in 0..300 {
                let mut input = Input::default();
                input.take(Event::Paste("x".repeat(length)));
                let frame = input.frame(prompt, Size { columns, rows });
                let (line, cursor) = (&frame.lines[0], frame.cursor.1);
                assert_eq!(line.text.len(), line.cells);
                assert!(line.cells < columns * rows, "{length} in {columns}x{rows}");
                assert!(line.cells <= (prompt.len() / columns + 2) * columns);
                assert_eq!(cursor, line.cells, "the cursor is at the end");
            }
        }
    }

    #[test]
    fn a_code_is_shown_whole_where_there_is_room() {
        let mut input = Input::default();
        input.take(Event::Paste(format!("{}#{}", "c".repeat(43), "s".repeat(43))));
        let text = |columns| {
            let size = Size { columns, rows: 24 };
            input.frame("Code: ", size).lines[0].text.clone()
        };
        assert_eq!(text(80).len(), 6 + 87);
        assert_eq!(text(20), "Code: ccccccccccccccc...sssssssssssssss");
    }

    #[test]
    fn only_yes_is_yes() {
        let cases = [
            ("y", Some(true)),
            (" YES ", Some(true)),
            ("n", Some(false)),
            ("No", Some(false)),
            ("", Some(false)),
            ("yep", None),
            ("y y", None),
        ];
        for (text, answer) in cases {
            assert_eq!(yes_or_no(text), answer, "{text:?}");
        }
    }
}
