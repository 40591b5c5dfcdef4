//! Types to JSON.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Raw;
use super::string::push_quoted;
use crate::secret::Secret;

/// What can be written as JSON.
///
/// [`Secret`] cannot: the few fields that carry one to a host say so, each by itself.
pub trait ToJson {
    /// Writes it to the end of `json`.
    fn write(&self, json: &mut String);
}

/// A value as JSON, without white space.
pub fn to_string(value: &impl ToJson) -> String {
    let mut json = String::new();
    value.write(&mut json);
    json
}

/// What is written as an object.
pub trait Fields {
    /// Puts its members in.
    fn put(&self, object: &mut Object<'_>);
}

/// An object that is being written.
#[derive(Debug)]
pub struct Object<'a> {
    json: &'a mut String,
    is_empty: bool,
}

impl Object<'_> {
    /// Puts one member in. It takes what it writes as a `dyn`, since there are very many of these
    /// calls: code counts more than time here.
    pub fn put(&mut self, name: &str, value: &dyn ToJson) {
        if !self.is_empty {
            self.json.push(',');
        }
        self.is_empty = false;
        push_quoted(self.json, name);
        self.json.push(':');
        value.write(self.json);
    }
}

impl<T: Fields> ToJson for T {
    fn write(&self, json: &mut String) {
        json.push('{');
        self.put(&mut Object { json, is_empty: true });
        json.push('}');
    }
}

/// A secret that is to be written in the clear.
#[derive(Debug)]
pub(crate) struct Exposed<'a, T>(pub(crate) &'a T);

impl ToJson for Exposed<'_, Secret> {
    fn write(&self, json: &mut String) {
        push_quoted(json, self.0.expose());
    }
}

impl ToJson for Exposed<'_, Raw> {
    fn write(&self, json: &mut String) {
        json.push_str(self.0.json().text());
    }
}

impl<T> ToJson for Exposed<'_, Option<T>>
where
    for<'a> Exposed<'a, T>: ToJson,
{
    fn write(&self, json: &mut String) {
        match self.0 {
            Some(secret) => Exposed(secret).write(json),
            None => json.push_str("null"),
        }
    }
}

impl ToJson for str {
    fn write(&self, json: &mut String) {
        push_quoted(json, self);
    }
}

impl ToJson for &str {
    fn write(&self, json: &mut String) {
        push_quoted(json, self);
    }
}

impl ToJson for String {
    fn write(&self, json: &mut String) {
        push_quoted(json, self);
    }
}

impl ToJson for Box<str> {
    fn write(&self, json: &mut String) {
        push_quoted(json, self);
    }
}

impl ToJson for bool {
    fn write(&self, json: &mut String) {
        json.push_str(if *self { "true" } else { "false" });
    }
}

impl ToJson for u64 {
    fn write(&self, json: &mut String) {
        json.push_str(&self.to_string());
    }
}

macro_rules! smaller {
    ($($number:ty),*) => {
        $(impl ToJson for $number {
            fn write(&self, json: &mut String) {
                (*self as u64).write(json);
            }
        })*
    };
}

smaller!(u16, u32, usize);

impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, json: &mut String) {
        match self {
            Some(value) => value.write(json),
            None => json.push_str("null"),
        }
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, json: &mut String) {
        json.push('[');
        for (at, item) in self.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            item.write(json);
        }
        json.push(']');
    }
}

/// An array of two.
impl ToJson for (String, String) {
    fn write(&self, json: &mut String) {
        json.push('[');
        self.0.write(json);
        json.push(',');
        self.1.write(json);
        json.push(']');
    }
}
