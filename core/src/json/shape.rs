//! The JSON form of a type, both ways, stated once beside the type.
//!
//! - [`object!`]: a struct is an object of its fields.
//! - [`tagged!`]: an enum is an object whose first member names the variant.
//! - [`words!`]: an enum is a word for each variant; one may carry a text, as `{"word": "text"}`.
//!
//! A field may have a rule behind a colon:
//!
//! | rule | read | written |
//! |---|---|---|
//! | (none) | has to be there, unless it is an `Option` | always |
//! | `optional` | the same | left out where it is `None` |
//! | `default` | may be missing | always |
//! | `default function` | the same; then it is what the function gives | always |
//! | `secret`, `secret default` | as without `secret` | in the clear |
//! | `merged` | from the same object | into the same object |

/// A struct as an object of its fields.
macro_rules! object {
    ($type:ty { $($field:ident $(: $($rule:ident)+)?),* $(,)? }) => {
        impl $crate::json::Fields for $type {
            fn put(&self, object: &mut $crate::json::Object<'_>) {
                $($crate::json::object!(@put object, &self.$field, $field $($($rule)+)?);)*
            }
        }

        impl $crate::json::FromJson for $type {
            fn read(json: $crate::json::Json<'_>) -> Result<Self, $crate::json::Mismatch> {
                Ok(Self { $($field: $crate::json::object!(@read json, $field $($($rule)+)?)),* })
            }
        }
    };

    (@put $object:ident, $value:expr, $field:ident) => {
        $object.put(stringify!($field), $value)
    };
    (@put $object:ident, $value:expr, $field:ident default $($function:ident)?) => {
        $object.put(stringify!($field), $value)
    };
    (@put $object:ident, $value:expr, $field:ident optional) => {
        if let Some(value) = $value {
            $object.put(stringify!($field), value);
        }
    };
    (@put $object:ident, $value:expr, $field:ident secret $(default)?) => {
        $object.put(stringify!($field), &$crate::json::Exposed($value))
    };
    (@put $object:ident, $value:expr, $field:ident merged) => {
        $crate::json::Fields::put($value, $object)
    };

    (@read $json:ident, $field:ident $(secret)? default) => {
        match $json.get(stringify!($field)) {
            Some(_) => $crate::json::member($json, stringify!($field))?,
            None => Default::default(),
        }
    };
    (@read $json:ident, $field:ident default $function:ident) => {
        match $json.get(stringify!($field)) {
            Some(_) => $crate::json::member($json, stringify!($field))?,
            None => $function(),
        }
    };
    (@read $json:ident, $field:ident merged) => {
        $crate::json::FromJson::read($json)?
    };
    (@read $json:ident, $field:ident $($rule:ident)*) => {
        $crate::json::member($json, stringify!($field))?
    };
}

/// An enum as an object, one member of which names the variant.
///
/// A variant has fields in braces; or, in parentheses, one value whose fields are merged; or, behind
/// `=`, one value that is the member of that name.
macro_rules! tagged {
    ($type:ty, $tag:literal {
        $($word:literal => $variant:ident
            $({ $($field:ident $(: $($rule:ident)+)?),* $(,)? })?
            $(($merged:ident))?
            $((= $value:ident))?
        ),* $(,)?
    }) => {
        impl $type {
            /// The word that names the variant in JSON.
            #[allow(unused_variables, dead_code, reason = "the patterns are made for all uses")]
            pub(crate) fn word(&self) -> &'static str {
                match self {
                    $(Self::$variant { $($($field),*)? $(0: $merged)? $(0: $value)? } => $word,)*
                }
            }
        }

        impl $crate::json::Fields for $type {
            fn put(&self, object: &mut $crate::json::Object<'_>) {
                object.put($tag, &self.word());
                match self {
                    $(Self::$variant { $($($field),*)? $(0: $merged)? $(0: $value)? } => {
                        $($($crate::json::object!(@put object, $field, $field $($($rule)+)?);)*)?
                        $($crate::json::object!(@put object, $merged, $merged merged);)?
                        $(object.put(stringify!($value), $value);)?
                    })*
                }
            }
        }

        impl $crate::json::FromJson for $type {
            fn read(json: $crate::json::Json<'_>) -> Result<Self, $crate::json::Mismatch> {
                let word: alloc::string::String = $crate::json::member(json, $tag)?;
                Ok(match word.as_str() {
                    $($word => Self::$variant {
                        $($($field: $crate::json::object!(@read json, $field $($($rule)+)?)),*)?
                        $(0: $crate::json::object!(@read json, $merged merged))?
                        $(0: $crate::json::member(json, stringify!($value))?)?
                    },)*
                    _ => return Err($crate::json::Mismatch { member: $tag }),
                })
            }
        }
    };
}

/// An enum as a word for each variant.
macro_rules! words {
    ($type:ty {
        $($word:literal => $variant:ident),* $(,)?
    } $(or $other:literal => $carrier:ident)?) => {
        impl $crate::json::ToJson for $type {
            fn write(&self, json: &mut alloc::string::String) {
                let word = match self {
                    $(Self::$variant => $word,)*
                    $(Self::$carrier(text) => {
                        json.push_str(concat!("{\"", $other, "\":"));
                        text.write(json);
                        json.push('}');
                        return;
                    })?
                };
                word.write(json);
            }
        }

        impl $crate::json::FromJson for $type {
            fn read(json: $crate::json::Json<'_>) -> Result<Self, $crate::json::Mismatch> {
                $(if json.is_object() {
                    return Ok(Self::$carrier($crate::json::member(json, $other)?));
                })?
                match alloc::string::String::read(json)?.as_str() {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::json::Mismatch::default()),
                }
            }
        }
    };
}

pub(crate) use {object, tagged, words};
