//! Whether a text is JSON, and if not, where it stops being so.

use alloc::vec::Vec;
use core::fmt;

use crate::text::cut_last;

/// Why a text is no JSON. Holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong, such as `expected a value`.
    pub problem: &'static str,
    /// The line, counted from 1.
    pub line: usize,
    /// The character in that line, counted from 1.
    pub column: usize,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {}", self.problem, self.line, self.column)
    }
}

pub(super) fn check(text: &str) -> Result<(), Invalid> {
    let mut check = Check { bytes: text.as_bytes(), at: 0, open: Vec::new() };
    check.run().map_err(|problem| {
        let has_ended = check.at == text.len();
        let problem = if has_ended { "the text ends too early" } else { problem };
        let before = text.get(..check.at).unwrap_or(text);
        let line = cut_last(before, b'\n').map_or(before, |(_, line)| line);
        let column = line.chars().count() + 1;
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Invalid { problem, line, column }
    })
}

/// One pass over the text. What is open is in a list and not on the stack, so that no depth of
/// nesting overflows it.
struct Check<'a> {
    bytes: &'a [u8],
    /// The byte to look at next; where something is wrong, that byte.
    at: usize,
    /// The brackets that are still to come, innermost last.
    open: Vec<u8>,
}

type Checked = Result<(), &'static str>;

impl Check<'_> {
    fn run(&mut self) -> Checked {
        loop {
            if self.value()? {
                continue;
            }
            loop {
                self.space();
                let Some(&close) = self.open.last() else {
                    return self.end();
                };
                match self.peek() {
                    Some(byte) if byte == close => {
                        self.at += 1;
                        self.open.pop();
                    }
                    Some(b',') => {
                        self.at += 1;
                        if close == b'}' {
                            self.key()?;
                        }
                        break;
                    }
                    _ if close == b'}' => return Err("expected `,` or `}`"),
                    _ => return Err("expected `,` or `]`"),
                }
            }
        }
    }

    /// A value, or the beginning of one; tells whether another has to begin here, within it.
    fn value(&mut self) -> Result<bool, &'static str> {
        self.space();
        match self.peek() {
            Some(b'{') => {
                self.opens(b'}');
                if self.peek() != Some(b'}') {
                    self.key()?;
                    return Ok(true);
                }
            }
            Some(b'[') => {
                self.opens(b']');
                return Ok(self.peek() != Some(b']'));
            }
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            _ => return Err("expected a value"),
        }
        Ok(false)
    }

    fn opens(&mut self, close: u8) {
        self.at += 1;
        self.open.push(close);
        self.space();
    }

    /// A member's name, and the colon behind it.
    fn key(&mut self) -> Checked {
        self.space();
        match self.peek() {
            Some(b'"') => self.string()?,
            _ => return Err("expected a name in double quotes"),
        }
        self.space();
        match self.peek() {
            Some(b':') => self.at += 1,
            _ => return Err("expected `:`"),
        }
        Ok(())
    }

    /// A string (RFC 8259, 7). A lone surrogate in an escape is allowed there.
    fn string(&mut self) -> Checked {
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err("expected a closing quote"),
                Some(b'"') => break,
                Some(0..0x20) => return Err("a control character in a string has to be escaped"),
                Some(b'\\') => self.escape()?,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Checked {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    match self.peek() {
                        Some(byte) if byte.is_ascii_hexdigit() => self.at += 1,
                        _ => return Err("expected four hex digits"),
                    }
                }
            }
            _ => return Err("there is no such escape"),
        }
        Ok(())
    }

    /// A number (RFC 8259, 6).
    fn number(&mut self) -> Checked {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            // No digit may follow a leading zero.
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Checked {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err("expected a digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8]) -> Checked {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        Err("expected a value")
    }

    fn end(&self) -> Checked {
        if self.at == self.bytes.len() { Ok(()) } else { Err("expected nothing more") }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}
