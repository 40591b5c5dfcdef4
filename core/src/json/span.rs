//! Where things stand in a text.
//!
//! Everything here expects text that `syntax` has accepted: it finds, it does not judge.

use core::iter;
use core::ops::Range;

/// One member of an object, as byte ranges of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The key, with its quotes.
    pub(crate) key: Range<usize>,
    /// The value, without surrounding white space.
    pub(crate) value: Range<usize>,
}

/// The members of the object whose `{` is the first byte of `object`, in order.
pub(crate) fn members(text: &str, object: Range<usize>) -> impl Iterator<Item = Member> {
    let bytes = text.as_bytes();
    let is_object = bytes.get(object.start) == Some(&b'{');
    let mut at = skip_space(bytes, object.start + 1);
    iter::from_fn(move || {
        if !is_object || bytes.get(at) != Some(&b'"') {
            return None;
        }
        let key = at..string_end(bytes, at);
        let colon = skip_space(bytes, key.end);
        let value = value_at(bytes, skip_space(bytes, colon + 1));
        at = behind_comma(bytes, value.end);
        Some(Member { key, value })
    })
}

/// The items of the array that the text is, in order.
pub(super) fn items(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let is_array = bytes.first() == Some(&b'[');
    let mut at = skip_space(bytes, 1);
    iter::from_fn(move || {
        if !is_array || matches!(bytes.get(at), None | Some(b']')) {
            return None;
        }
        let value = value_at(bytes, at);
        at = behind_comma(bytes, value.end);
        Some(value)
    })
}

/// The one top-level value, without surrounding white space.
pub(crate) fn root(text: &str) -> Range<usize> {
    let bytes = text.as_bytes();
    value_at(bytes, skip_space(bytes, 0))
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    let space = |b: &&u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    from + bytes.get(from..).unwrap_or_default().iter().take_while(space).count()
}

/// Where what follows a value begins: behind its comma, if it has one.
fn behind_comma(bytes: &[u8], from: usize) -> usize {
    let at = skip_space(bytes, from);
    if bytes.get(at) == Some(&b',') { skip_space(bytes, at + 1) } else { at }
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

/// The value that begins at `start`.
fn value_at(bytes: &[u8], start: usize) -> Range<usize> {
    let end = match bytes.get(start) {
        Some(b'"') => string_end(bytes, start),
        Some(b'{' | b'[') => bracket_end(bytes, start),
        _ => {
            let scalar = |b: &&u8| !matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
            start + bytes.get(start..).unwrap_or_default().iter().take_while(scalar).count()
        }
    };
    start..end
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
