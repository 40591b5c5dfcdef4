//! JSON that others wrote, read member by member with serde_json.
//!
//! Types of our own derive their JSON. What a server, the agent or a person has written is read
//! with [`Json`] instead: one member of an unexpected type must not cost the others.

mod error;
mod tagged;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;
use serde_json::value::RawValue;

pub use error::Unreadable;
pub(crate) use tagged::{PlainForm, tagged_by_type, write_tagged};
pub use tagged::{Tagged, read_tagged};

use crate::secret::{Exposed, Secret};

/// Parses a type of ours.
///
/// # Errors
/// The text is not JSON, or a member is missing or of another type.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| Unreadable::new(&error, text))
}

/// Returns a value as JSON, without white space.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    // Fails for maps whose keys are not strings only, and there are none.
    serde_json::to_string(value).unwrap_or_default()
}

/// Reads a member that may be `null`, which counts as absent. Goes with `#[serde(default)]`.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A JSON value as it stands in its text.
#[derive(Clone, Copy)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Parses a text. White space may surround the value, a byte-order mark may not.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn parse(text: &'a str) -> Result<Self, Unreadable> {
        let value: &RawValue =
            serde_json::from_str(text).map_err(|error| Unreadable::new(&error, text))?;
        Ok(Json(value.get()))
    }

    /// Returns the value at `range` of a text that is known to be JSON.
    pub(crate) fn at(text: &'a str, range: Range<usize>) -> Self {
        Json(text.get(range).unwrap_or_default())
    }

    /// Returns the text of the value.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Returns the value as a `T`; `None` if it is of another type.
    pub(crate) fn read<T: Deserialize<'a>>(self) -> Option<T> {
        serde_json::from_str(self.0).ok()
    }

    /// Returns whether the value is an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Returns whether the value is `null`.
    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Returns whether the value is a number.
    pub(crate) fn is_number(self) -> bool {
        self.0.starts_with(|c: char| c == '-' || c.is_ascii_digit())
    }

    /// Returns the names and values of an object in order, and none of any other value. A name
    /// with a lone surrogate is `None`.
    pub fn members(self) -> impl DoubleEndedIterator<Item = (Option<String>, Json<'a>)> + use<'a> {
        self.raw_members().map(|(key, value)| (key.string(), value))
    }

    /// Returns the members of an object with their names as JSON strings.
    pub(crate) fn raw_members(
        self,
    ) -> impl DoubleEndedIterator<Item = (Json<'a>, Json<'a>)> + use<'a> {
        self.read::<Members<'a>>().unwrap_or_default().0.into_iter()
    }

    /// Returns the value of the member `name`. Of several, the last counts, as in JavaScript.
    pub fn get(self, name: &str) -> Option<Json<'a>> {
        self.members().rfind(|(key, _)| key.as_deref() == Some(name)).map(|(_, value)| value)
    }

    /// Returns the value at the end of a path of names.
    pub(crate) fn find(self, path: &[&str]) -> Option<Json<'a>> {
        path.iter().try_fold(self, |json, name| json.get(name))
    }

    /// Returns the items of an array; `None` for any other value.
    pub(crate) fn array(self) -> Option<impl Iterator<Item = Json<'a>> + use<'a>> {
        let items: Vec<&RawValue> = self.read()?;
        Some(items.into_iter().map(|item| Json(item.get())))
    }

    /// Returns the items of an array, and none of any other value.
    pub(crate) fn items(self) -> impl Iterator<Item = Json<'a>> + use<'a> {
        self.array().into_iter().flatten()
    }

    /// Returns the text of a string; `None` for one with a lone surrogate, too.
    pub fn string(self) -> Option<String> {
        self.read()
    }

    /// Returns the text of a string as a secret.
    pub(crate) fn secret(self) -> Option<Secret> {
        self.read()
    }

    /// Returns the whole part of a number, and 0 for a negative one; `None` for any other value
    /// and for a number that a `u64` cannot hold.
    pub(crate) fn whole(self) -> Option<u64> {
        const LIMIT: f64 = 18_446_744_073_709_551_616.0;
        let number: Number = self.read()?;
        let rounded = || number.as_f64().filter(|it| *it < LIMIT).map(|it| it as u64);
        number.as_u64().or_else(rounded)
    }
}

/// Hides the value, which may hold a secret.
impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// The names and values of an object, each with its own text.
#[derive(Default)]
struct Members<'a>(Vec<(Json<'a>, Json<'a>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                // Keys are raw, too: one with a lone surrogate is JSON, but not a `String`.
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push((Json(key.get()), Json(value.get())));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// Returns the bytes of `text` at which `part`, which was read from it, stands.
pub(crate) fn range_in(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start + part.len()
}

/// A JSON value that is passed on as it is. It may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw(Secret);

impl Raw {
    pub(crate) fn of(json: Json<'_>) -> Self {
        Raw(json.text().into())
    }

    /// Returns the value.
    pub fn json(&self) -> Json<'_> {
        Json(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Raw(value.get().into()))
    }
}

impl Exposed for Raw {
    fn serialize_exposed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: &RawValue = serde_json::from_str(self.0.expose()).map_err(S::Error::custom)?;
        value.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
