//! Types from JSON.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Invalid, Json, Raw};
use crate::secret::Secret;

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// Reads it. Members that it does not know are ignored.
    ///
    /// # Errors
    /// What is not as it should be.
    fn read(json: Json<'_>) -> Result<Self, Mismatch>;

    /// What it means that such a member is not there; `None` where it has to be.
    fn absent() -> Option<Self> {
        None
    }
}

/// JSON that is not what it should be. Holds nothing of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// The member that is missing, or of another kind; empty where it is the value as a whole.
    pub member: &'static str,
}

impl Mismatch {
    /// The same within the member of this name: the innermost is the one that is told.
    fn within(self, name: &'static str) -> Self {
        if self.member.is_empty() { Mismatch { member: name } } else { self }
    }
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
    T::read(Json::parse(text).map_err(NotRead::Invalid)?).map_err(NotRead::Mismatch)
}

/// Reads the member `name` of an object.
///
/// # Errors
/// It is missing, or not as it should be.
pub fn member<T: FromJson>(json: Json<'_>, name: &'static str) -> Result<T, Mismatch> {
    match json.get(name) {
        Some(value) => T::read(value),
        None => T::absent().ok_or_else(Mismatch::default),
    }
    .map_err(|mismatch| mismatch.within(name))
}

fn or_mismatch<T>(read: Option<T>) -> Result<T, Mismatch> {
    read.ok_or_else(Mismatch::default)
}

impl FromJson for String {
    fn read(json: Json<'_>) -> Result<Self, Mismatch> {
        or_mismatch(json.string())
    }
}

impl FromJson for Box<str> {
    fn read(json: Json<'_>) -> Result<Self, Mismatch> {
        String::read(json).map(String::into_boxed_str)
    }
}

impl FromJson for Secret {
    fn read(json: Json<'_>) -> Result<Self, Mismatch> {
        or_mismatch(json.secret())
    }
}

impl FromJson for Raw {
    fn read(json: Json<'_>) -> Result<Self, Mismatch> {
        Ok(Raw::of(json))
    }
}

impl FromJson for bool {
    fn read(json: Json<'_>) -> Result<Self, Mismatch> {
        or_mismatch(json.boolean())
    }
}

/// Whole numbers as such: no sign, no fraction, no exponent.
impl FromJson for u64 {
    fn read(json: Json<'_>) -> Result<Self, Mismatch> {
        or_mismatch(json.text().parse().ok())
    }
}

macro_rules! smaller {
    ($($number:ty),*) => {
        $(impl FromJson for $number {
            fn read(json: Json<'_>) -> Result<Self, Mismatch> {
                or_mismatch(u64::read(json)?.try_into().ok())
            }
        })*
    };
}

smaller!(u16, u32, usize);

impl<T: FromJson> FromJson for Option<T> {
    fn read(json: Json<'_>) -> Result<Self, Mismatch> {
        if json.is_null() { Ok(None) } else { T::read(json).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn read(json: Json<'_>) -> Result<Self, Mismatch> {
        or_mismatch(json.array())?.map(T::read).collect()
    }
}

/// An array of two.
impl FromJson for (String, String) {
    fn read(json: Json<'_>) -> Result<Self, Mismatch> {
        let mut items = json.items();
        match (items.next(), items.next(), items.next()) {
            (Some(first), Some(second), None) => Ok((String::read(first)?, String::read(second)?)),
            _ => Err(Mismatch::default()),
        }
    }
}
