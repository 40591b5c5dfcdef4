//! Errors of reading JSON, without any of its text: it may hold secrets.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use serde_json::error::Category;

/// JSON that could not be read. Holds nothing of the text but names of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The problem, such as "expected `:`".
    pub problem: String,
    /// The line, counted from 1; 0 where the value as a whole is wrong.
    pub line: usize,
    /// The byte in that line, counted from 1.
    pub column: usize,
}

impl Unreadable {
    pub(super) fn new(error: &serde_json::Error, text: &str) -> Self {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            // serde_json counts up to the last byte that is there.
            Category::Eof | Category::Io => {
                Unreadable { problem: "the text ends too early".into(), line, column: column + 1 }
            }
            Category::Syntax => Unreadable { problem: first_words(error), line, column },
            Category::Data => Unreadable { problem: data_problem(error, text), line, column },
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        match self.line {
            0 => Ok(()),
            line => write!(f, " at line {line}, column {}", self.column),
        }
    }
}

impl core::error::Error for Unreadable {}

/// Returns serde_json's message without the position at its end.
fn first_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(words, _)| words).to_string()
}

/// Describes a value of a wrong type. serde_json's own words may quote the value.
fn data_problem(error: &serde_json::Error, text: &str) -> String {
    let words = first_words(error);
    let is_without_value = ["missing field `", "duplicate field `", "`type` "];
    if is_without_value.iter().any(|it| words.starts_with(it)) {
        return words;
    }
    match last_key(text, error.line(), error.column()) {
        Some(name) => format!("`{name}` is not what it should be"),
        None => "it is not what it should be".to_string(),
    }
}

/// Returns the last name of a member before a position, if it looks like one of ours.
fn last_key(text: &str, line: usize, column: usize) -> Option<&str> {
    let before_line: usize =
        text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let before = text.get(..before_line + column)?;
    let (before, _) = before.rsplit_once("\":")?;
    let (_, name) = before.rsplit_once('"')?;
    let is_ours = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    is_ours.then_some(name)
}
