//! Types from JSON.
//!
//! A type is read in one go: what is not as it should be is noted, something stands in for it, and
//! the value as a whole is thrown away in the end. To stop at every member would take more code
//! than all the rest, for each member has to be got rid of wherever a later one is wrong.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Invalid, Json, Raw};
use crate::secret::Secret;

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// Reads it from the value of a member, `None` where there is no such member. Members that it
    /// does not know are ignored. What is wrong is noted, and then the value means nothing.
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self;
}

/// What has turned out wrong.
#[derive(Debug, Default)]
pub struct Wrong(Option<Mismatch>);

impl Wrong {
    /// Something is missing, or of another kind.
    pub fn note(&mut self) {
        self.0.get_or_insert_default();
    }

    /// The same of the member of this name.
    pub fn note_in(&mut self, name: &'static str) {
        self.0.get_or_insert(Mismatch { member: name });
    }

    /// It was in the member of this name, if it is not known yet in which.
    fn within(&mut self, name: &'static str) {
        if let Some(mismatch @ Mismatch { member: "" }) = &mut self.0 {
            mismatch.member = name;
        }
    }
}

/// JSON that is not what it should be. Holds nothing of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// The first member that is missing, or of another kind, the innermost of those that hold it;
    /// empty where it is the value as a whole.
    pub member: &'static str,
}

/// Why a text could not be read as a type. Holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRead {
    /// It is no JSON.
    Invalid(Invalid),
    /// It says something else.
    Mismatch(Mismatch),
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Mismatch(Mismatch { member: "" }) => f.write_str("it says something else"),
            Self::Mismatch(Mismatch { member }) => {
                write!(f, "`{member}` is missing, or not what it should be")
            }
        }
    }
}

impl core::error::Error for NotRead {}

/// Reads a whole text.
///
/// # Errors
/// What is wrong with it.
pub fn from_str<T: FromJson>(text: &str) -> Result<T, NotRead> {
    from_json(Json::parse(text).map_err(NotRead::Invalid)?).map_err(NotRead::Mismatch)
}

/// Reads a value.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn from_json<T: FromJson>(json: Json<'_>) -> Result<T, Mismatch> {
    let mut wrong = Wrong::default();
    let value = T::read(Some(json), &mut wrong);
    match wrong.0 {
        None => Ok(value),
        Some(mismatch) => Err(mismatch),
    }
}

/// Reads the member `name` of an object.
pub fn member<T: FromJson>(json: Json<'_>, name: &'static str, wrong: &mut Wrong) -> T {
    let was_right = wrong.0.is_none();
    let value = T::read(json.get(name), wrong);
    if was_right {
        wrong.within(name);
    }
    value
}

/// The object that a member is; an empty one stands in for anything else.
pub fn members_of<'a>(json: Option<Json<'a>>, wrong: &mut Wrong) -> Json<'a> {
    match json {
        Some(json) if json.is_object() => json,
        _ => {
            wrong.note();
            Json::EMPTY
        }
    }
}

fn or_wrong<T: Default>(read: Option<T>, wrong: &mut Wrong) -> T {
    read.unwrap_or_else(|| {
        wrong.note();
        T::default()
    })
}

impl FromJson for String {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        or_wrong(json.and_then(Json::string), wrong)
    }
}

impl FromJson for Box<str> {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        String::read(json, wrong).into_boxed_str()
    }
}

impl FromJson for Secret {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        String::read(json, wrong).into()
    }
}

impl FromJson for Raw {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        if json.is_none() {
            wrong.note();
        }
        Raw::of(json.unwrap_or(Json::EMPTY))
    }
}

impl FromJson for bool {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        or_wrong(json.and_then(Json::boolean), wrong)
    }
}

/// Whole numbers as such: no sign, no fraction, no exponent.
impl FromJson for u64 {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        or_wrong(json.and_then(|json| json.text().parse().ok()), wrong)
    }
}

macro_rules! smaller {
    ($($number:ty),*) => {
        $(impl FromJson for $number {
            fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
                or_wrong(u64::read(json, wrong).try_into().ok(), wrong)
            }
        })*
    };
}

smaller!(u16, u32, usize);

/// `null`, or no such member, is `None`.
impl<T: FromJson> FromJson for Option<T> {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        let json = json.filter(|json| !json.is_null())?;
        Some(T::read(Some(json), wrong))
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        let mut list = Vec::new();
        match json.and_then(Json::array) {
            None => wrong.note(),
            Some(items) => items.for_each(|item| list.push(T::read(Some(item), wrong))),
        }
        list
    }
}

/// An array of two.
impl FromJson for (String, String) {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        let mut items = json.unwrap_or(Json::EMPTY).items();
        let pair = (String::read(items.next(), wrong), String::read(items.next(), wrong));
        if items.next().is_some() {
            wrong.note();
        }
        pair
    }
}
