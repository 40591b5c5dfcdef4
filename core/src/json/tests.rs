use alloc::format;
use alloc::string::ToString;

use super::*;
use crate::flow::Event;

#[test]
fn an_error_of_syntax_says_where() {
    for (text, problem) in [
        ("", "the text ends too early at line 1, column 1"),
        (" \n ", "the text ends too early at line 2, column 2"),
        ("{\"a\":", "the text ends too early at line 1, column 6"),
        ("[", "the text ends too early at line 1, column 2"),
        ("\"a", "the text ends too early at line 1, column 3"),
        ("{\"a\":1}}", "trailing characters at line 1, column 8"),
        ("{\n\"a\" 1}", "expected `:` at line 2, column 5"),
        ("{,}", "key must be a string at line 1, column 2"),
        ("{\"a\":1,}", "key must be a string at line 1, column 8"),
        ("{\"a\":1 \"b\":2}", "expected `,` or `}` at line 1, column 8"),
        ("[1 2]", "expected `,` or `]` at line 1, column 4"),
        ("\u{feff}{}", "expected value at line 1, column 1"),
    ] {
        let error = Json::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), problem, "{text:?}");
    }
}

#[test]
fn an_error_names_the_member_and_quotes_no_value() {
    for (text, problem) in [
        ("{}", "missing field `type` at line 1, column 2"),
        (r#"{"type":"sk-canary"}"#, "`type` is not known"),
        (r#"{"type":"response","status":"sk-canary"}"#, "`status` is not what it should be"),
        (r#"{"type":"listening","port":65536}"#, "`port` is not what it should be"),
        (r#"{"type":"listening"}"#, "missing field `port`"),
        (r#"{"type":"callback","query":null}"#, "`query` is not what it should be"),
        (r#"{"type":"listening","sk-canary":1,"port":-1}"#, "`port` is not what it should be"),
        (r#"{"type":"answered","text":["\":sk-canary"]}"#, "`text` is not what it should be"),
        (r#"["sk-canary"]"#, "it is not what it should be"),
        (r#"{"type":7}"#, "`type` is not what it should be"),
    ] {
        let error = from_str::<Event>(text).unwrap_err().to_string();
        assert!(error.starts_with(problem), "{text}: {error}");
        assert!(!error.contains("canary"), "{text}: {error}");
    }
}

#[test]
fn whole_numbers_in_every_spelling() {
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
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("1e400", None),
        ("1e999999999999999999999", None),
        ("null", None),
        ("\"5\"", None),
        ("[5]", None),
        ("true", None),
    ] {
        assert_eq!(Json::parse(text).unwrap().whole(), whole, "{text}");
    }
}

#[test]
fn a_lone_surrogate_is_json_but_not_text() {
    let json = Json::parse(r#"{"\ud800":"\udc00","a":"\u00e4\ud83d\ude00"}"#).unwrap();
    let members: Vec<_> = json.members().map(|(name, value)| (name, value.string())).collect();
    assert_eq!(members, [(None, None), (Some("a".into()), Some("ä😀".into()))]);
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
fn no_depth_overflows_the_stack() {
    for deep in ["[".repeat(200_000), "{\"a\":".repeat(200_000)] {
        assert!(Json::parse(&deep).is_err());
    }
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(Json::parse(&deep).unwrap().items().count(), 1);
    let event = format!(r#"{{"type":"locked","more":{deep}}}"#);
    assert!(from_str::<Event>(&event).is_ok());
}

#[test]
fn an_enum_comes_back_as_it_was_written() {
    for text in [
        r#"{"type":"locked"}"#,
        r#"{"type":"listening","port":5}"#,
        r#"{"type":"pasted","text":"a\"}:{\""}"#,
        r#"{"type":"response","status":200,"headers":[["a","b"]],"body":"{}"}"#,
    ] {
        assert_eq!(to_string(&from_str::<Event>(text).unwrap()), text);
    }
    assert_eq!(
        to_string(&from_str::<Event>(r#"{"body":null,"status":5,"type":"response"}"#).unwrap()),
        r#"{"type":"response","status":5,"headers":[],"body":""}"#
    );
}
