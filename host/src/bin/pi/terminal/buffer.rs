//! A line of text that is being edited, and how much of it is shown.

/// More than this, in bytes, is no answer to any prompt; the rest is ignored.
const LIMIT: usize = 64 * 1024;

/// What has been typed or pasted so far.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    text: String,
    /// The byte that comes after the cursor.
    cursor: usize,
}

impl Buffer {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text, newlines included.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Puts `text` before the cursor. Every kind of newline becomes `\n`.
    pub(super) fn insert(&mut self, text: &str) {
        let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut room = text.len().min(LIMIT.saturating_sub(self.text.len()));
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        text.truncate(room);
        self.text.insert_str(self.cursor, &text);
        self.cursor += text.len();
    }

    pub(super) fn left(&mut self) {
        self.cursor -= self.before().chars().next_back().map_or(0, char::len_utf8);
    }

    pub(super) fn right(&mut self) {
        self.cursor += self.after().chars().next().map_or(0, char::len_utf8);
    }

    pub(super) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(super) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(super) fn backspace(&mut self) {
        let end = self.cursor;
        self.left();
        self.text.drain(self.cursor..end);
    }

    pub(super) fn delete(&mut self) {
        let start = self.cursor;
        self.right();
        self.text.drain(start..self.cursor);
        self.cursor = start;
    }

    /// Deletes everything before the cursor.
    pub(super) fn delete_to_start(&mut self) {
        self.text.drain(..self.cursor);
        self.cursor = 0;
    }

    /// Deletes the word before the cursor and the blanks after it.
    pub(super) fn delete_word(&mut self) {
        let words = self.before().trim_end();
        let start = words.char_indices().rev().find(|(_, c)| c.is_whitespace());
        let start = start.map_or(0, |(index, c)| index + c.len_utf8());
        self.text.drain(start..self.cursor);
        self.cursor = start;
    }

    /// The text as shown in at most `room` cells, and how many of them come before the cursor.
    ///
    /// The middle of a long text is left out. A newline or another control character is shown as
    /// nothing, and what is not ASCII as `?`: no code has it, and its width is anybody's guess.
    pub(super) fn shown(&self, room: usize) -> (String, usize) {
        let shown = printable(&self.text);
        let cursor = printable(self.before()).len();
        let Some(hidden) = shown.len().checked_sub(room).filter(|&hidden| hidden > 0) else {
            return (shown, cursor);
        };
        let dots = room.min(3);
        let hidden = hidden + dots;
        let head = (room - dots).div_ceil(2);
        let text = [&shown[..head], &"..."[..dots], &shown[head + hidden..]].concat();
        let cursor = match cursor {
            cursor if cursor <= head => cursor,
            cursor if cursor >= head + hidden => cursor - hidden + dots,
            _ => head + dots.min(1),
        };
        (text, cursor)
    }

    fn before(&self) -> &str {
        &self.text[..self.cursor]
    }

    fn after(&self) -> &str {
        &self.text[self.cursor..]
    }
}

fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_ascii() { c } else { '?' };
    text.chars().filter(|c| !c.is_control()).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buffer whose cursor is at the `|`.
    fn buffer(text: &str) -> Buffer {
        let cursor = text.find('|').unwrap_or(text.len());
        Buffer { text: text.replace('|', ""), cursor }
    }

    fn marked(buffer: &Buffer) -> String {
        [buffer.before(), "|", buffer.after()].concat()
    }

    #[test]
    fn editing_happens_at_the_cursor() {
        type Edit = fn(&mut Buffer);
        let cases: [(&str, Edit, &str); 18] = [
            ("a|c", |b| b.insert("b"), "ab|c"),
            ("ab|", Buffer::left, "a|b"),
            ("é|a", Buffer::left, "|éa"),
            ("|ab", Buffer::left, "|ab"),
            ("|éa", Buffer::right, "é|a"),
            ("ab|", Buffer::right, "ab|"),
            ("a|b", Buffer::home, "|ab"),
            ("a|b", Buffer::end, "ab|"),
            ("aé|b", Buffer::backspace, "a|b"),
            ("|b", Buffer::backspace, "|b"),
            ("a|éb", Buffer::delete, "a|b"),
            ("a|", Buffer::delete, "a|"),
            ("ab|c", Buffer::delete_to_start, "|c"),
            ("ab cd  |e", Buffer::delete_word, "ab |e"),
            ("ab|", Buffer::delete_word, "|"),
            ("|ab", Buffer::delete_word, "|ab"),
            ("a\u{3000}b|", Buffer::delete_word, "a\u{3000}|"),
            ("|", |b| b.insert("a\r\nb\rc\nd"), "a\nb\nc\nd|"),
        ];
        for (before, edit, after) in cases {
            let mut buffer = buffer(before);
            edit(&mut buffer);
            assert_eq!(marked(&buffer), after, "from {before:?}");
        }
    }

    #[test]
    fn what_is_beyond_the_limit_is_ignored() {
        let mut buffer = Buffer::default();
        buffer.insert(&"a".repeat(LIMIT - 1));
        buffer.insert("é");
        buffer.insert("bc");
        assert_eq!(buffer.into_text(), "a".repeat(LIMIT - 1) + "b");
    }

    #[test]
    fn a_long_text_is_shown_without_its_middle() {
        let cases = [
            ("abcdef|", 6, "abcdef|"),
            ("abcdefghij|", 7, "ab...ij|"),
            ("abcdefgh|ij", 7, "ab...|ij"),
            ("abcdefg|hij", 7, "ab.|..ij"),
            ("abc|defghij", 7, "ab.|..ij"),
            ("ab|cdefghij", 7, "ab|...ij"),
            ("|abcdefghij", 7, "|ab...ij"),
            ("abcdefghij|", 8, "abc...ij|"),
            ("abcdefghij|", 2, "..|"),
            ("abcdefghij|", 0, "|"),
            ("a\nb\x1b[2Jc\x07é\u{9b}d|", 20, "ab[2Jc?d|"),
            ("a\n|b", 20, "a|b"),
        ];
        for (text, room, expected) in cases {
            let (mut shown, cursor) = buffer(text).shown(room);
            shown.insert(cursor, '|');
            assert_eq!(shown, expected, "{text:?} in {room}");
        }
    }
}
