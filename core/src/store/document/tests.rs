//! Claims about editing: what changes, and that nothing else does.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn credential(n: u64) -> Credential {
    let secret = |kind: &str| Some(Secret::new(format!("{kind}-{n}")));
    Credential {
        access: secret("access"),
        refresh: secret("refresh"),
        expires: n,
        end: None,
        enterprise: None,
    }
}

fn document(text: &str) -> Document {
    Document::parse(Some(text)).unwrap()
}

fn edited(text: &str, edit: impl FnOnce(&mut Document)) -> String {
    let mut document = document(text);
    edit(&mut document);
    document.into_text().expose().to_string()
}

#[test]
fn a_new_file_is_the_agents_json() {
    let mut new = Document::parse(None).unwrap();
    new.set("anthropic", &credential(1_734_567_890_000), &[]);
    assert_eq!(
        new.into_text().expose(),
        r#"{
  "anthropic": {
    "type": "oauth",
    "refresh": "refresh-1734567890000",
    "access": "access-1734567890000",
    "expires": 1734567890000
  }
}"#
    );
}

#[test]
fn a_new_entry_follows_the_files_layout() {
    let set = |text: &str| edited(text, |d| d.set("p", &credential(7), &[]));
    let fields = r#""type":"oauth","refresh":"refresh-7","access":"access-7","expires":7"#;
    for (text, expected) in [
        (r#"{"a":1}"#, format!(r#"{{"a":1,"p":{{{fields}}}}}"#)),
        (r#"{ "a": [1, 2] } "#, format!(r#"{{ "a": [1, 2],"p":{{{fields}}} }} "#)),
        (r#"{"p":null,"a":1e400}"#, format!(r#"{{"p":{{{fields}}},"a":1e400}}"#)),
    ] {
        assert_eq!(set(text), expected, "{text}");
    }
    assert_eq!(
        set("{\r\n\t\"a\": 1\r\n}\r\n"),
        "{\r\n\t\"a\": 1,\r\n\t\"p\": {\r\n\t\t\"type\": \"oauth\",\r\n\t\t\"refresh\": \"refresh-7\",\
         \r\n\t\t\"access\": \"access-7\",\r\n\t\t\"expires\": 7\r\n\t}\r\n}\r\n"
    );
}

#[test]
fn a_refresh_changes_the_token_fields_and_nothing_else() {
    let text = r#"{
  "github-copilot": {"type":"api_key",  "key":"k"},
  "anthropic": {
    "expires": 1.5e3, "extra": {"access": "not this one"},
    "access": "old", "refresh": "old",
    "type": "oauth"
  }, "z": 1.0
}
"#;
    let expected = text
        .replace("1.5e3", "9")
        .replace(r#""access": "old""#, r#""access": "access-9""#)
        .replace(r#""refresh": "old""#, r#""refresh": "refresh-9""#);
    assert_eq!(edited(text, |d| d.update("anthropic", &credential(9))), expected);
}

#[test]
fn a_refresh_adds_a_field_that_was_missing() {
    let compact = edited(r#"{"p":{"type":"oauth"}}"#, |d| d.update("p", &credential(7)));
    assert_eq!(
        compact,
        r#"{"p":{"type":"oauth","refresh":"refresh-7","access":"access-7","expires":7}}"#
    );
    let lines = "{\n  \"p\": {\n    \"type\": \"oauth\",\n    \"refresh\": \"r\"\n  }\n}";
    assert_eq!(
        edited(lines, |d| d.update("p", &credential(7))),
        "{\n  \"p\": {\n    \"type\": \"oauth\",\n    \"refresh\": \"refresh-7\",\n    \
         \"access\": \"access-7\",\n    \"expires\": 7\n  }\n}"
    );
}

#[test]
fn a_refresh_does_not_bring_back_what_is_gone() {
    for text in [r#"{"a":1}"#, r#"{"p":{"type":"api_key","key":"k"}}"#, r#"{"p":[]}"#] {
        assert_eq!(edited(text, |d| d.update("p", &credential(7))), text);
    }
}

#[test]
fn logout_takes_one_entry_out_and_no_other_byte() {
    for (text, expected) in [
        (r#"{"p":1}"#, r#"{}"#),
        ("{\n  \"p\": {}\n}\n", "{}\n"),
        (r#"{"p":1, "b":2}"#, r#"{"b":2}"#),
        (r#"{"a":1, "p":2 }"#, r#"{"a":1 }"#),
        (r#"{"a":1, "p":2, "b": 3}"#, r#"{"a":1, "b": 3}"#),
        (r#"{"p":1,"a":2,"p":3}"#, r#"{"a":2}"#),
        (r#"{"a":{"p":1}}"#, r#"{"a":{"p":1}}"#),
        (r#"{"\u0070":1,"a":2}"#, r#"{"a":2}"#),
    ] {
        assert_eq!(edited(text, |d| d.remove(&["p"])), expected, "{text}");
    }
    for (text, expected) in [
        (r#"{"p":1, "q":2 , "a" : 3,"p":4, "b":5 ,"q":6 }"#, r#"{"a" : 3, "b":5 }"#),
        (r#"{"q":1, "p":2}"#, "{}"),
        ("{}", "{}"),
        (" { } ", " {} "),
    ] {
        assert_eq!(edited(text, |d| d.remove(&["p", "q"])), expected, "{text}");
    }
}

#[test]
fn a_file_of_very_many_entries_is_no_trouble() {
    let members: Vec<_> = (0..60_000).map(|n| format!("\"{n}\":{{\"type\":\"oauth\"}}")).collect();
    let text = format!("{{{}}}", members.join(","));
    let mut many = document(&text);
    let entries = many.entries();
    assert_eq!(entries.len(), 60_000);
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    many.remove(&names[1..]);
    assert_eq!(many.into_text().expose(), r#"{"0":{"type":"oauth"}}"#);
}

#[test]
fn entries_as_they_are_understood() {
    let oauth = |access: Option<&str>, refresh: Option<&str>, expires| {
        let secret = |s: Option<&str>| s.map(Secret::from);
        Entry::OAuth(Credential {
            access: secret(access),
            refresh: secret(refresh),
            expires,
            end: None,
            enterprise: None,
        })
    };
    for (value, entry) in [
        (
            r#"{"type":"oauth","access":"a","refresh":"r","expires":5}"#,
            oauth(Some("a"), Some("r"), 5),
        ),
        (r#"{"type":"oauth"}"#, oauth(None, None, 0)),
        (r#"{"type":"oauth","access":"","refresh":7,"expires":"5"}"#, oauth(None, None, 0)),
        (r#"{"type":"oauth","expires":-1}"#, oauth(None, None, 0)),
        (r#"{"type":"oauth","expires":1e400}"#, oauth(None, None, 0)),
        (r#"{"type":"oauth","expires":5.9}"#, oauth(None, None, 5)),
        (r#"{"type":"oauth","expires":null}"#, oauth(None, None, 0)),
        (r#"{"type":"oauth","expires":1,"expires":2}"#, oauth(None, None, 2)),
        (r#"{"type":"api_key","key":"k"}"#, Entry::ApiKey(Some("k".into()))),
        (r#"{"type":"api_key","key":""}"#, Entry::ApiKey(None)),
        (r#"{"type":"other"}"#, Entry::Unknown),
        (r#"{"type":7}"#, Entry::Unknown),
        ("null", Entry::Unknown),
        ("[]", Entry::Unknown),
    ] {
        assert_eq!(document(&format!(r#"{{"p": {value}}}"#)).get("p"), Some(entry), "{value}");
    }
    assert_eq!(document("{}").get("p"), None);
}

#[test]
fn of_duplicate_keys_the_last_counts() {
    let text = r#"{"p":{"type":"api_key","key":"1"},"a":2,"p":{"type":"api_key","key":"3"}}"#;
    let names: Vec<_> = document(text).entries().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "p"]);
    assert_eq!(document(text).get("p"), Some(Entry::ApiKey(Some("3".into()))));
}

#[test]
fn what_does_not_parse_is_corrupt_and_says_where() {
    for (text, reason) in [
        ("\u{feff}{}", "it begins with a byte-order mark"),
        ("{\"a\":", "it is not valid JSON: the text ends too early at line 1, column 6"),
        ("{\"a\":1}}", "it is not valid JSON: trailing characters at line 1, column 8"),
        ("{\n\"a\" 1}", "it is not valid JSON: expected `:` at line 2, column 5"),
        ("[]", "its top level is not a JSON object"),
        ("null", "its top level is not a JSON object"),
        ("\"x\"", "its top level is not a JSON object"),
    ] {
        let corrupt = Document::parse(Some(text)).unwrap_err();
        assert!(corrupt.reason.starts_with(reason), "{text:?}: {corrupt}");
    }
}

#[test]
fn depth_does_not_overflow_and_foreign_escapes_survive() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(
        edited(&deep, |d| d.set("p", &credential(1), &[])).starts_with(&deep[..deep.len() - 1])
    );
    let lone = r#"{"\ud800":"\udfff","a":"\"}{"}"#;
    assert!(edited(lone, |d| d.set("p", &credential(1), &[])).starts_with(&lone[..lone.len() - 1]));
}

#[test]
fn debug_shows_names_only() {
    let shown = format!("{:?}", document(r#"{"p":{"type":"oauth","access":"canary"}}"#));
    assert_eq!(shown, r#"["p"]"#);
}

/// Arbitrary JSON, serialized compactly or over lines.
fn any_object() -> impl Strategy<Value = (Value, bool)> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let key = prop_oneof![any::<String>(), Just("p".to_string()), Just("type".to_string())];
    let value = scalar.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..5)
                .prop_map(|members| { Value::Object(members.into_iter().collect()) }),
        ]
    });
    let object = prop::collection::vec((key, value), 0..8)
        .prop_map(|members| Value::Object(members.into_iter().collect()));
    (object, any::<bool>())
}

fn serialized((value, lines): &(Value, bool)) -> String {
    if *lines { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() }
}

proptest! {
    #[test]
    fn set_and_remove_leave_every_other_member_as_it_was(object in any_object(), n in any::<u64>()) {
        let text = serialized(&object);
        let set = edited(&text, |d| d.set("p", &credential(n), &[]));
        let mut expected = object.0.clone();
        expected["p"] = json!({
            "type": "oauth", "refresh": format!("refresh-{n}"),
            "access": format!("access-{n}"), "expires": n,
        });
        // preserve_order is on in tests: this compares the order of keys, too.
        let reparsed: Value = serde_json::from_str(&set).unwrap();
        prop_assert_eq!(reparsed.to_string(), expected.to_string());

        let removed = edited(&set, |d| d.remove(&["p"]));
        let mut without = object.0.clone();
        without.as_object_mut().unwrap().shift_remove("p");
        let reparsed: Value = serde_json::from_str(&removed).unwrap();
        prop_assert_eq!(reparsed.to_string(), without.to_string());
    }

    #[test]
    fn update_keeps_every_byte_around_the_fields(object in any_object(), n in any::<u64>()) {
        let mut object = object;
        object.0["p"] = json!({
            "first": object.0["type"], "access": "@access", "refresh": "@refresh", "expires": 0.125,
            "type": "oauth", "last": object.0["type"],
        });
        let text = serialized(&object);
        prop_assume!(text.matches("@access").count() == 1 && text.matches("0.125").count() == 1);
        let updated = edited(&text, |d| d.update("p", &credential(n)));
        let expected = text.replace("@access", &format!("access-{n}"))
            .replace("@refresh", &format!("refresh-{n}")).replace("0.125", &n.to_string());
        prop_assert_eq!(updated, expected);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        if let Ok(mut document) = Document::parse(Some(&text)) {
            document.set("p", &credential(1), &[]);
            document.update("p", &credential(2));
            prop_assert_eq!(document.get("p"), Some(Entry::OAuth(credential(2))));
            document.remove(&["p"]);
            prop_assert_eq!(document.get("p"), None);
        }
    }

    #[test]
    fn no_json_like_text_makes_it_panic(text in "[\\[\\]{}\",:\\\\ a1\\n]{0,40}") {
        if let Ok(mut document) = Document::parse(Some(&text)) {
            document.set("p", &credential(1), &[]);
            prop_assert_eq!(document.get("p"), Some(Entry::OAuth(credential(1))));
        }
    }
}

#[test]
fn a_blank_file_is_an_empty_document() {
    for blank in ["", " ", "\n", " \r\n\t\n", "\u{feff}", "\u{feff}\n"] {
        let mut document = document(blank);
        assert!(document.entries().is_empty(), "{blank:?}");
        document.set("p", &credential(5), &[]);
        assert!(document.into_text().expose().starts_with("{\n  \"p\": {"), "{blank:?}");
    }
    for other in ["\0", "x", "\u{feff}\u{feff}"] {
        assert!(Document::parse(Some(other)).is_err(), "{other:?}");
    }
}

#[test]
fn a_real_end_of_its_own_is_stored_with_its_token_and_read_again() {
    let short = Credential { end: Some(9), ..credential(5) };
    let mut document = document(r#"{"p":{"type":"oauth","more":1,"expires":3}}"#);
    document.update("p", &short);
    assert_eq!(document.get("p"), Some(Entry::OAuth(short)));
    // Of another access token, the field counts for nothing; nor does it get in the way.
    document.update("p", &credential(6));
    assert_eq!(document.get("p"), Some(Entry::OAuth(credential(6))));
    let again = Credential { end: Some(8), ..credential(7) };
    document.update("p", &again);
    assert_eq!(document.get("p"), Some(Entry::OAuth(again.clone())));
    assert_eq!(document.clone().into_text().expose().matches("realExpiry").count(), 1);
    document.set("p", &again, &[]);
    assert_eq!(document.get("p"), Some(Entry::OAuth(again)));
}
