//! Choosing one of a few options.

use std::io;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::Answer;
use super::frame::{Frame, Line, Size, clip};
use super::keys::Heard;
use super::session::{Cursor, Session};
use super::style::Style;

/// Lets a person choose one of `options`, the first of them to begin with; answers with its index.
///
/// `remark` stands below the options and cannot be chosen. The list stays on the screen as it was
/// left, with the choice marked. Without any option that is an error.
pub(crate) async fn select(
    message: &str,
    options: &[String],
    remark: Option<&str>,
) -> io::Result<Answer<usize>> {
    if options.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is nothing to choose from"));
    }
    let mut list = List { message, options, remark, chosen: 0, style: Style::for_stderr() };
    let mut session = Session::open(Cursor::Hidden)?;
    loop {
        session.draw(list.frame(Session::size()))?;
        let answer = match session.next(None).await? {
            Heard::Event(Event::Key(key)) if key.kind != KeyEventKind::Release => list.press(key),
            // A resize is drawn anew; a paste is no choice.
            Heard::Event(_) | Heard::Silence => None,
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

struct List<'a> {
    message: &'a str,
    options: &'a [String],
    remark: Option<&'a str>,
    chosen: usize,
    style: Style,
}

impl List<'_> {
    fn press(&mut self, key: KeyEvent) -> Option<Answer<usize>> {
        let last = self.options.len() - 1;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let plain = !control && !key.modifiers.contains(KeyModifiers::ALT);
        self.chosen = match key.code {
            KeyCode::Enter => return Some(Answer::Given(self.chosen)),
            KeyCode::Char('j') if control => return Some(Answer::Given(self.chosen)),
            KeyCode::Esc => return Some(Answer::Cancelled),
            KeyCode::Char('c') if control => return Some(Answer::Cancelled),
            KeyCode::Char('d') if control => return Some(Answer::Ended),
            KeyCode::Up => self.before(),
            KeyCode::Char('k') if plain => self.before(),
            KeyCode::Char('p') if control => self.before(),
            KeyCode::Down => self.after(),
            KeyCode::Char('j') if plain => self.after(),
            KeyCode::Char('n') if control => self.after(),
            KeyCode::Home => 0,
            KeyCode::End => last,
            KeyCode::Char(c @ '1'..='9') if plain => {
                let index = c as usize - '1' as usize;
                if index <= last { index } else { self.chosen }
            }
            _ => self.chosen,
        };
        None
    }

    fn before(&self) -> usize {
        self.chosen.checked_sub(1).unwrap_or(self.options.len() - 1)
    }

    fn after(&self) -> usize {
        (self.chosen + 1) % self.options.len()
    }

    /// Every line is one row, with a cell to spare, and the cursor waits on the first: so however
    /// the terminal is resized, what is below it is what has to be drawn again.
    fn frame(&self, size: Size) -> Frame {
        let cells = size.columns - 1;
        let message = (size.rows > 1).then(|| clip(self.message, cells));
        let remark = self.remark.filter(|_| size.rows > 2).map(|remark| {
            let line = clip(&format!("  {remark}"), cells);
            Line { text: self.style.dim(&line.text), ..line }
        });
        // The options that fit scroll just far enough to show the chosen one.
        let room = size.rows - usize::from(message.is_some()) - usize::from(remark.is_some());
        let first = (self.chosen + 1).saturating_sub(room);
        let options =
            self.options.iter().enumerate().skip(first).take(room).map(|(index, name)| {
                if index != self.chosen {
                    return clip(&format!("  {name}"), cells);
                }
                let line = clip(&format!("> {name}"), cells);
                Line { text: self.style.bold(&line.text), ..line }
            });
        Frame { lines: message.into_iter().chain(options).chain(remark).collect(), cursor: (0, 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_list(names: &[&str], test: impl FnOnce(&mut List<'_>)) {
        let options: Vec<_> = names.iter().map(ToString::to_string).collect();
        let style = Style::default();
        let (message, remark) = ("Select provider to login:", Some("[no other providers]"));
        test(&mut List { message, options: &options, remark, chosen: 0, style });
    }

    fn look(list: &List<'_>, columns: usize, rows: usize) -> Vec<String> {
        list.frame(Size { columns, rows }).lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn keys_move_the_mark() {
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        let cases: [(usize, KeyEvent, usize); 16] = [
            (0, KeyCode::Down.into(), 1),
            (2, KeyCode::Down.into(), 0),
            (1, KeyCode::Up.into(), 0),
            (0, KeyCode::Up.into(), 2),
            (0, KeyCode::Char('j').into(), 1),
            (0, KeyCode::Char('k').into(), 2),
            (0, control('n'), 1),
            (0, control('p'), 2),
            (1, KeyCode::Home.into(), 0),
            (1, KeyCode::End.into(), 2),
            (0, KeyCode::Char('3').into(), 2),
            (1, KeyCode::Char('4').into(), 1),
            (1, KeyCode::Char('0').into(), 1),
            (1, KeyCode::Char('x').into(), 1),
            (1, control('z'), 1),
            (1, KeyEvent::new(KeyCode::Char('j'), KeyModifiers::ALT), 1),
        ];
        for (from, key, to) in cases {
            with_list(&["a", "b", "c"], |list| {
                list.chosen = from;
                assert_eq!(list.press(key), None, "{key:?}");
                assert_eq!(list.chosen, to, "{key:?} from {from}");
            });
        }
    }

    #[test]
    fn keys_end_it() {
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        let cases: [(KeyEvent, Answer<usize>); 5] = [
            (KeyCode::Enter.into(), Answer::Given(1)),
            (control('j'), Answer::Given(1)),
            (KeyCode::Esc.into(), Answer::Cancelled),
            (control('c'), Answer::Cancelled),
            (control('d'), Answer::Ended),
        ];
        for (key, answer) in cases {
            with_list(&["a", "b"], |list| {
                list.chosen = 1;
                assert_eq!(list.press(key), Some(answer), "{key:?}");
            });
        }
    }

    #[test]
    fn the_chosen_option_is_marked() {
        with_list(&["Anthropic (Claude Pro/Max)", "GitHub Copilot"], |list| {
            let head = "Select provider to login:";
            let (first, second) = ("> Anthropic (Claude Pro/Max)", "  GitHub Copilot");
            assert_eq!(look(list, 80, 24), [head, first, second, "  [no other providers]"]);
        });
    }

    #[test]
    fn a_small_terminal_shows_what_fits_and_always_the_chosen_one() {
        with_list(&["Anthropic", "Copilot", "Codex"], |list| {
            list.chosen = 2;
            assert_eq!(look(list, 10, 4), ["Select...", "  Copilot", "> Codex", "  [no ..."]);
            assert_eq!(look(list, 10, 3), ["Select...", "> Codex", "  [no ..."]);
            assert_eq!(look(list, 10, 2), ["Select...", "> Codex"]);
            assert_eq!(look(list, 10, 1), ["> Codex"]);
            assert_eq!(look(list, 1, 1), [""]);
            list.chosen = 0;
            assert_eq!(look(list, 11, 3)[1], "> Anthr...");
        });
    }
}
