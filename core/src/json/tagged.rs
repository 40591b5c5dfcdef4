//! Enums whose JSON names the variant in the member `type`, read without a copy.
//!
//! serde's own `#[serde(tag = "type")]` copies a whole value before it knows the variant. That
//! costs 56 KB of WebAssembly, and cannot hold a `RawValue`. The enums that cross the boundary
//! derive serde's plain form, `{"variant": {...}}`, with `remote = "Self"`; [`tagged_by_type`]
//! implements the traits for the other form.

use alloc::format;
use alloc::string::String;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer as _, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer, de};
use serde_json::value::RawValue;
use serde_json::{Error, Result};

/// Reads `{"type": "variant", ...}` by a derived `Deserialize` of the plain form.
///
/// # Errors
/// The `type` is missing or not known, or a member of the variant is missing or of another type.
pub fn read_tagged<'de, D, T>(
    deserializer: D,
    derived: impl FnOnce(Tagged<'de>) -> Result<T>,
) -> core::result::Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    struct Tag {
        r#type: String,
    }

    let text = <&RawValue>::deserialize(deserializer)?.get();
    // A derived struct would take an array for its fields in order.
    if !text.starts_with('{') {
        return Err(D::Error::custom("not an object"));
    }
    let tag: Tag = serde_json::from_str(text).map_err(D::Error::custom)?;
    derived(Tagged { tag: tag.r#type, text }).map_err(D::Error::custom)
}

/// Implements `Deserialize` and `Serialize` in the form `{"type": "variant", ...}` for enums that
/// derive both with `#[serde(remote = "Self")]`.
macro_rules! tagged_by_type {
    ($($enum:ty),*) => {$(
        impl<'de> serde::Deserialize<'de> for $enum {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::json::read_tagged(deserializer, <$enum>::deserialize)
            }
        }

        impl $crate::json::PlainForm for $enum {
            fn serialize_plain<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$enum>::serialize(self, serializer)
            }
        }

        impl serde::Serialize for $enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::json::write_tagged(self, serializer)
            }
        }
    )*};
}

pub(crate) use tagged_by_type;

/// An enum with a derived `Serialize` of the plain form.
pub(crate) trait PlainForm {
    /// Writes the plain form.
    fn serialize_plain<S: Serializer>(
        &self,
        serializer: S,
    ) -> core::result::Result<S::Ok, S::Error>;
}

struct Plain<'a, T>(&'a T);

impl<T: PlainForm> Serialize for Plain<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        self.0.serialize_plain(serializer)
    }
}

/// Writes `{"type": "variant", ...}`.
pub(crate) fn write_tagged<T: PlainForm, S: Serializer>(
    value: &T,
    serializer: S,
) -> core::result::Result<S::Ok, S::Error> {
    let plain = serde_json::to_string(&Plain(value)).map_err(S::Error::custom)?;
    // Either `"variant"` or `{"variant":{...}}`.
    let inner = plain.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    let text = match inner.and_then(|it| it.split_once(":{")) {
        None => format!("{{\"type\":{plain}}}"),
        Some((variant, "}")) => format!("{{\"type\":{variant}}}"),
        Some((variant, members)) => format!("{{\"type\":{variant},{members}"),
    };
    RawValue::from_string(text).map_err(S::Error::custom)?.serialize(serializer)
}

/// An object with a tag, offered to a derived `Deserialize` as an enum.
pub struct Tagged<'de> {
    tag: String,
    text: &'de str,
}

impl<'de> Deserializer<'de> for Tagged<'de> {
    type Error = Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value> {
        Err(de::Error::custom("only an enum has a `type`"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Tagged<'de> {
    type Error = Error;
    type Variant = Members<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Members<'de>)> {
        let tag: StrDeserializer<'_, Error> = self.tag.as_str().into_deserializer();
        let variant =
            seed.deserialize(tag).map_err(|_| de::Error::custom("`type` is not known"))?;
        Ok((variant, Members(self.text)))
    }
}

/// The object again, for the members of the variant. Members that it does not have are ignored,
/// and so is the tag.
pub struct Members<'de>(&'de str);

impl<'de> VariantAccess<'de> for Members<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(&mut serde_json::Deserializer::from_str(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value> {
        Err(de::Error::custom("no variant is a tuple"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        // As a map, since a struct may also be an array, which would double the code.
        serde_json::Deserializer::from_str(self.0).deserialize_map(visitor)
    }
}
