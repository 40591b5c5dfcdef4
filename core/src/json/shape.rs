//! The JSON form of a type, both ways, stated once beside the type.
//!
//! - [`object!`]: a struct is an object of its fields.
//! - [`tagged!`]: an enum is an object whose first member names the variant.
//! - [`words!`]: an enum is a word for each variant; some may carry a value, as `{"word": value}`.
//!
//! A field may have a rule behind a colon:
//!
//! | rule | read | written |
//! |---|---|---|
//! | (none) | has to be there, unless it is an `Option` | always |
//! | `optional` | the same | left out where it is `None` |
//! | `default` | may be missing, or `null` | always |
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
            fn read(
                json: Option<$crate::json::Json<'_>>,
                wrong: &mut $crate::json::Wrong,
            ) -> Self {
                let json = $crate::json::members_of(json, wrong);
                Self { $($field: $crate::json::object!(@read json, wrong, $field $($($rule)+)?)),* }
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

    (@read $json:ident, $wrong:ident, $field:ident $(secret)? default) => {
        match $json.get(stringify!($field)).filter(|json| !json.is_null()) {
            Some(_) => $crate::json::member($json, stringify!($field), $wrong),
            None => Default::default(),
        }
    };
    (@read $json:ident, $wrong:ident, $field:ident default $function:ident) => {
        match $json.get(stringify!($field)).filter(|json| !json.is_null()) {
            Some(_) => $crate::json::member($json, stringify!($field), $wrong),
            None => $function(),
        }
    };
    (@read $json:ident, $wrong:ident, $field:ident merged) => {
        $crate::json::FromJson::read(Some($json), $wrong)
    };
    (@read $json:ident, $wrong:ident, $field:ident $($rule:ident)*) => {
        $crate::json::member($json, stringify!($field), $wrong)
    };
}

/// An enum as an object, one member of which names the variant.
///
/// A variant has fields in braces; or, in parentheses, one value whose fields are merged; or,
/// behind `=`, one value that is the member of that name. The first variant stands in for those
/// that are not known: it had best be small.
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
            fn read(
                json: Option<$crate::json::Json<'_>>,
                wrong: &mut $crate::json::Wrong,
            ) -> Self {
                let json = $crate::json::members_of(json, wrong);
                let word: alloc::string::String = $crate::json::member(json, $tag, wrong);
                $crate::json::tagged!(@read json, wrong, word, $tag, $(
                    $word => $variant
                        $({ $($field $(: $($rule)+)?),* })?
                        $(($merged))?
                        $((= $value))?,
                )*)
            }
        }
    };

    (@read $json:ident, $wrong:ident, $text:ident, $tag:literal,
        $first_word:literal => $first:ident
            $({ $($first_field:ident $(: $($first_rule:ident)+)?),* })?
            $(($first_merged:ident))?
            $((= $first_value:ident))?,
        $($word:literal => $variant:ident
            $({ $($field:ident $(: $($rule:ident)+)?),* })?
            $(($merged:ident))?
            $((= $value:ident))?,
        )*
    ) => {
        match $text.as_str() {
            $($word => Self::$variant {
                $($($field: $crate::json::object!(@read $json, $wrong, $field $($($rule)+)?)),*)?
                $(0: $crate::json::object!(@read $json, $wrong, $merged merged))?
                $(0: $crate::json::member($json, stringify!($value), $wrong))?
            },)*
            word => {
                if word != $first_word {
                    $wrong.note_in($tag);
                }
                Self::$first {
                    $($($first_field: $crate::json::object!(
                        @read $json, $wrong, $first_field $($($first_rule)+)?
                    )),*)?
                    $(0: $crate::json::object!(@read $json, $wrong, $first_merged merged))?
                    $(0: $crate::json::member($json, stringify!($first_value), $wrong))?
                }
            }
        }
    };
}

/// An enum as a word for each variant.
macro_rules! words {
    ($type:ty {
        $($word:literal => $variant:ident),* $(,)?
    } $(or $other:literal => $carrier:ident)*) => {
        impl $crate::json::ToJson for $type {
            fn write(&self, json: &mut alloc::string::String) {
                let word = match self {
                    $(Self::$variant => $word,)*
                    $(Self::$carrier(value) => {
                        json.push_str(concat!("{\"", $other, "\":"));
                        value.write(json);
                        json.push('}');
                        return;
                    })*
                };
                word.write(json);
            }
        }

        impl $crate::json::FromJson for $type {
            fn read(
                json: Option<$crate::json::Json<'_>>,
                wrong: &mut $crate::json::Wrong,
            ) -> Self {
                $(if let Some(json) = json.filter(|json| json.get($other).is_some()) {
                    return Self::$carrier($crate::json::member(json, $other, wrong));
                })*
                let word = alloc::string::String::read(json, wrong);
                $crate::json::words!(@read word, wrong, $($word => $variant,)*)
            }
        }
    };

    (@read $text:ident, $wrong:ident,
        $first_word:literal => $first:ident, $($word:literal => $variant:ident,)*
    ) => {
        match $text.as_str() {
            $($word => Self::$variant,)*
            word => {
                if word != $first_word {
                    $wrong.note();
                }
                Self::$first
            }
        }
    };
}

pub(crate) use {object, tagged, words};
