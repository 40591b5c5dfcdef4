//! Claims about JSON: what is, where it stops being it, and that serde_json agrees.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn what_is_no_json_says_where() {
    for (text, problem) in [
        ("", "the text ends too early at line 1, column 1"),
        (" \n ", "the text ends too early at line 2, column 2"),
        ("{\"a\":", "the text ends too early at line 1, column 6"),
        ("{\"a\":1}}", "expected nothing more at line 1, column 8"),
        ("{\n\"a\" 1}", "expected `:` at line 2, column 5"),
        ("{,}", "expected a name in double quotes at line 1, column 2"),
        ("{\"a\":1,}", "expected a name in double quotes at line 1, column 8"),
        ("{'a':1}", "expected a name in double quotes at line 1, column 2"),
        ("{\"a\":1 \"b\":2}", "expected `,` or `}` at line 1, column 8"),
        ("[1 2]", "expected `,` or `]` at line 1, column 4"),
        ("[1,]", "expected a value at line 1, column 4"),
        ("[", "the text ends too early at line 1, column 2"),
        ("\"ä\"x", "expected nothing more at line 1, column 4"),
        ("\"a", "the text ends too early at line 1, column 3"),
        ("\"a\nb\"", "a control character in a string has to be escaped at line 1, column 3"),
        (r#""\x""#, "there is no such escape at line 1, column 3"),
        (r#""\u12g4""#, "expected four hex digits at line 1, column 6"),
        ("-", "the text ends too early at line 1, column 2"),
        ("01", "expected nothing more at line 1, column 2"),
        ("1.", "the text ends too early at line 1, column 3"),
        ("1e", "the text ends too early at line 1, column 3"),
        ("tru", "expected a value at line 1, column 1"),
        ("\u{feff}{}", "expected a value at line 1, column 1"),
    ] {
        let error = Json::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), problem, "{text:?}");
    }
}

#[test]
fn whole_numbers_however_they_are_spelled() {
    for (text, whole) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("-5", Some(0)),
        ("5.9", Some(5)),
        ("1.5e3", Some(1500)),
        ("15000e-1", Some(1500)),
        ("1.5E+3", Some(1500)),
        ("0.00015e7", Some(1500)),
        ("1e-400", Some(0)),
        ("0e999999999999999999999", Some(0)),
        ("5e-999999999999999999999", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("1e400", None),
        ("1e999999999999999999999", None),
    ] {
        assert_eq!(Json::parse(text).unwrap().whole(), whole, "{text}");
    }
    for text in ["null", "\"5\"", "[5]", "true"] {
        assert_eq!(Json::parse(text).unwrap().whole(), None, "{text}");
    }
}

#[test]
fn strings_and_their_escapes() {
    for (text, expected) in [
        (r#""a\"\\\/\b\f\n\r\tb""#, Some("a\"\\/\u{8}\u{c}\n\r\tb")),
        (r#""\u00e4\ud83d\ude00""#, Some("ä😀")),
        (r#""\ud800""#, None),
        (r#""\ud800\u0041""#, None),
        (r#""\udc00""#, None),
        ("5", None),
    ] {
        assert_eq!(Json::parse(text).unwrap().string().as_deref(), expected, "{text}");
    }
    assert_eq!(quoted("a\"\\\u{1}\u{1f}\u{7f}ä\n"), "\"a\\\"\\\\\\u0001\\u001f\u{7f}ä\\n\"");
}

#[test]
fn of_several_members_the_last_counts() {
    let json = Json::parse(r#" {"a":1, "\u0061" : [2] ,"b":{"a":3}} "#).unwrap();
    assert_eq!(json.get("a").map(Json::text), Some("[2]"));
    assert_eq!(json.find(&["b", "a"]).map(Json::text), Some("3"));
    assert_eq!(json.items().count(), 0);
    assert_eq!(json.get("a").unwrap().members().count(), 0);
}

#[test]
fn no_depth_overflows() {
    for deep in ["[".repeat(200_000), "{\"a\":".repeat(200_000)] {
        assert!(Json::parse(&deep).is_err());
    }
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(Json::parse(&deep).unwrap().items().count(), 1);
}

#[test]
fn what_is_missing_is_named_and_nothing_else_is_shown() {
    let read = |text: &str| from_str::<crate::flow::Event>(text).unwrap_err().to_string();
    for (text, problem) in [
        ("{", "the text ends too early at line 1, column 2"),
        ("{}", "`type` is missing, or not what it should be"),
        (r#"{"type":"sk-canary"}"#, "`type` is missing, or not what it should be"),
        (
            r#"{"type":"response","status":"sk-canary"}"#,
            "`status` is missing, or not what it should be",
        ),
        (r#"{"type":"listening","port":65536}"#, "`port` is missing, or not what it should be"),
        ("[]", "it says something else"),
        (r#"{"type":"callback","query":null}"#, "`query` is missing, or not what it should be"),
    ] {
        assert_eq!(read(text), problem, "{text}");
    }
}

/// Whatever serde_json makes of it, `json` says the same.
fn agrees(json: Json<'_>, value: &Value) {
    match value {
        Value::Null => assert!(json.is_null()),
        Value::Bool(yes) => assert_eq!(json.boolean(), Some(*yes)),
        Value::Number(number) => {
            assert!(json.is_number());
            assert_eq!(from_json(json).ok(), number.as_u64(), "{number}");
        }
        Value::String(text) => assert_eq!(json.string().as_ref(), Some(text)),
        Value::Array(items) => {
            let own: Vec<Json<'_>> = json.items().collect();
            assert_eq!(own.len(), items.len());
            own.into_iter().zip(items).for_each(|(json, value)| agrees(json, value));
        }
        Value::Object(members) => {
            assert!(json.is_object());
            for (name, value) in members {
                agrees(json.get(name).unwrap(), value);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_text_is_json_where_serde_json_says_so(
        text in r#"([\[\]{},:"\\ 0-9a-f.eE+-]|true|null|\\u[0-9a-f]{4}|"a":|\n){0,12}"#,
    ) {
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        let ours = Json::parse(&text);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
        // A number may be too large for it, and a string may hold a lone surrogate.
        if let (Ok(json), Ok(value)) = (ours, serde_json::from_str::<Value>(&text)) {
            agrees(json, &value);
        }
    }

    #[test]
    fn a_string_comes_back(text in any::<String>()) {
        let json = quoted(&text);
        prop_assert_eq!(&json, &serde_json::to_string(&text).unwrap());
        prop_assert_eq!(Json::parse(&json).unwrap().string(), Some(text));
    }
}
