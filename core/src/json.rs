//! JSON (RFC 8259), read where it stands and written as it goes.
//!
//! A text is checked once, as a whole, by `syntax`; after that, `span` only has to find things in
//! it, and [`Json`] is a place in a text that is known to be right. There is no tree: an answer of
//! a megabyte costs one pass and no copy, and the credential file is edited by the same spans.
//!
//! ```text
//!   syntax   is it JSON, and if not, where not     number   a number's whole part
//!   span     where members and items stand         read     types from JSON
//!   string   escapes, both ways                    write    types to JSON
//!   shape    macros: the JSON form of a type, both ways, stated once beside it
//! ```
//!
//! Why not a library: with derived code for every type that crosses the boundary, the WebAssembly
//! module was 400 KB. This is about 1,200 lines, of which the credential file needs a good part in
//! any case. ARCHITECTURE.md has the figures.

mod number;
mod read;
mod shape;
mod span;
mod string;
mod syntax;
mod write;

use alloc::string::String;
use core::fmt;
use core::ops::Range;

pub use read::{FromJson, Mismatch, NotRead, Wrong, from_str, member, members_of};

pub(crate) use read::from_json;
pub use syntax::Invalid;
pub use write::{Fields, Object, ToJson, to_string};

pub(crate) use shape::{object, tagged, words};
pub(crate) use span::{Member, members, root};
pub(crate) use string::quoted;
pub(crate) use write::Exposed;

use crate::secret::Secret;

/// A value in a text that is known to be JSON.
#[derive(Clone, Copy)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// `{}`
    pub(crate) const EMPTY: Json<'static> = Json("{}");

    /// The value that `text` is. White space around it may be there, a byte-order mark may not.
    ///
    /// # Errors
    /// Where and why it is no JSON.
    pub fn parse(text: &'a str) -> Result<Self, Invalid> {
        syntax::check(text)?;
        Ok(Json(slice(text, root(text))))
    }

    /// The value that stands at `range` of a text that is known to be JSON.
    pub(crate) fn at(text: &'a str, range: Range<usize>) -> Self {
        Json(slice(text, range))
    }

    /// The text of the value itself.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The names and values of an object, in order; nothing of anything else. A name that is no
    /// Unicode text (a lone surrogate) is `None`.
    pub fn members(self) -> impl Iterator<Item = (Option<String>, Json<'a>)> {
        let text = self.0;
        let named = move |member: Member| {
            (string::unquoted(slice(text, member.key)), Json(slice(text, member.value)))
        };
        members(text, 0..text.len()).map(named)
    }

    /// The items of an array, in order; nothing of anything else.
    pub fn items(self) -> impl Iterator<Item = Json<'a>> {
        let text = self.0;
        span::items(text).map(move |range| Json(slice(text, range)))
    }

    /// The value of `name`. Of several the last counts, as in JavaScript.
    pub fn get(self, name: &str) -> Option<Json<'a>> {
        let named =
            |(key, value): (Option<String>, _)| (key.as_deref() == Some(name)).then_some(value);
        self.members().filter_map(named).last()
    }

    /// The value at the end of a path of names.
    pub(crate) fn find(self, path: &[&str]) -> Option<Json<'a>> {
        path.iter().try_fold(self, |json, name| json.get(name))
    }

    /// The items, if it is an array.
    pub(crate) fn array(self) -> Option<impl Iterator<Item = Json<'a>>> {
        self.0.starts_with('[').then(|| self.items())
    }

    /// The text of a string; `None` for one that is no Unicode text, too.
    pub fn string(self) -> Option<String> {
        string::unquoted(self.0)
    }

    /// The same as a secret, of which no copy is left behind.
    pub(crate) fn secret(self) -> Option<Secret> {
        self.string().map(Secret::new)
    }

    /// The whole part of a number, 0 for a negative one; `None` for one that a `u64` cannot hold.
    pub(crate) fn whole(self) -> Option<u64> {
        number::whole(self.0)
    }

    /// Whether it is a number.
    pub(crate) fn is_number(self) -> bool {
        self.0.starts_with(|c: char| c == '-' || c.is_ascii_digit())
    }

    /// `true` or `false`.
    pub fn boolean(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }
}

/// A value as its text, whatever it is. It may hold secrets, and is written in the clear only where
/// a field says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw(Secret);

impl Raw {
    pub(crate) fn of(json: Json<'_>) -> Self {
        Raw(json.text().into())
    }

    /// The value.
    pub fn json(&self) -> Json<'_> {
        Json(self.0.expose())
    }
}

/// It may hold a secret.
impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// A part of a text that `span` has found. There is no range that it could have found in vain, and
/// none that splits a character: all begin and end at ASCII.
pub(crate) fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

#[cfg(test)]
mod tests;
