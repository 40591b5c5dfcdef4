//! Where the members of a JSON object stand in its text.
//!
//! Everything here expects text that serde_json has accepted as JSON: it finds, it does not judge.

use alloc::vec::Vec;
use core::ops::Range;

/// One member of an object, as byte ranges of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// The key, with its quotes.
    pub(super) key: Range<usize>,
    /// The value, without surrounding white space.
    pub(super) value: Range<usize>,
}

/// The members of the object whose `{` is the first byte of `object`, in order.
pub(super) fn members(text: &str, object: Range<usize>) -> Vec<Member> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = skip_space(bytes, object.start + 1);
    while bytes.get(at) == Some(&b'"') {
        let key = at..string_end(bytes, at);
        let colon = skip_space(bytes, key.end);
        let start = skip_space(bytes, colon + 1);
        let value = start..value_end(bytes, start);
        at = skip_space(bytes, value.end);
        found.push(Member { key, value });
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
    }
    found
}

/// The one top-level value, without surrounding white space.
pub(super) fn root(text: &str) -> Range<usize> {
    let start = skip_space(text.as_bytes(), 0);
    start..value_end(text.as_bytes(), start)
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    let space = |b: &&u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    from + bytes.get(from..).unwrap_or_default().iter().take_while(space).count()
}

/// Behind the closing quote of the string that opens at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Behind the value that begins at `start`.
fn value_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => string_end(bytes, start),
        Some(b'{' | b'[') => bracket_end(bytes, start),
        _ => {
            let scalar = |b: &&u8| !matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
            start + bytes.get(start..).unwrap_or_default().iter().take_while(scalar).count()
        }
    }
}

/// Behind the bracket that closes the one at `start`. It counts instead of recursing, so that no
/// depth of nesting overflows a stack.
fn bracket_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}
