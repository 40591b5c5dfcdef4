//! The credential file, and an edit of it. The first part of an input says which, a line each: the
//! act (`set`, `update`, `put`, `remove`, `logout`, `write`), the provider, and a field to put or
//! another provider to remove. The second is the file; the third is JSON, for `put` and `write`.

use std::ops::Range;

use pi_auth_core::error::{Code, Error};
use pi_auth_core::flow::{Effect, Output, Request};
use pi_auth_core::json::from_str;
use pi_auth_core::store::credential::Credential;
use pi_auth_core::store::document::{Document, Entry};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::input;
use crate::world::World;

/// The fields of a login that a refresh changes.
const OF_A_REFRESH: [&str; 3] = ["refresh", "access", "expires"];

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = input::text(data);
    let mut parts = input::parts(&text);
    let mut words = parts.next().unwrap_or_default().split('\n');
    let (act, provider) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let name = words.next().unwrap_or_default();
    let (file, json) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("null"));
    // To edit a blank file is to edit an empty object.
    let file = if is_blank(file) { as_empty(file) } else { file };
    let Some(document) = read(file) else { return };
    match act {
        "set" => check_set(&document, file, provider),
        "update" => check_update(&document, file, provider),
        "put" if is_json(json) => check_put(&document, file, provider, name, json),
        "remove" => check_remove(&document, file, &[provider, name]),
        "logout" => check_logout(file),
        "write" => check_write(file, provider, json),
        _ => {}
    }
}

/// Returns whether a file holds white space alone, perhaps behind a byte-order mark.
fn is_blank(file: &str) -> bool {
    let rest = file.strip_prefix('\u{feff}').unwrap_or(file);
    rest.chars().all(char::is_whitespace)
}

/// A blank file is read as an empty object, and looking at it changes nothing.
fn as_empty(file: &str) -> &'static str {
    let mut world = World { store: Some(file.into()), ..World::default() };
    let end = world.run(r#"{"type":"status"}"#, |_, _| None);
    assert!(matches!(end, Effect::Done { .. }), "{end:?}");
    assert_eq!(world.store.as_deref(), Some(file), "to look changes nothing");
    "{}"
}

/// Reads a file, if it is one, about which another parser has to be of the same opinion.
fn read(file: &str) -> Option<Document> {
    let is_object = file.trim_start().starts_with('{') && is_json(file);
    let mut world = World { store: Some(file.into()), ..World::default() };
    let end = world.run(r#"{"type":"status"}"#, |_, _| None);
    assert_eq!(world.store.as_deref(), Some(file), "to look changes nothing");
    match Document::parse(Some(file)) {
        Ok(document) => {
            assert!(is_object, "it is no JSON object: {file}");
            assert!(matches!(end, Effect::Done { .. }), "{end:?}");
            check_entries(&document, file);
            Some(document)
        }
        Err(corrupt) => {
            assert!(!is_object, "it is a JSON object: {corrupt}");
            let Effect::Failed { error } = end else { panic!("{end:?}") };
            assert_eq!(error.code(), Code::StoreCorrupt);
            None
        }
    }
}

/// Each name stands once, where its last member does.
fn check_entries(document: &Document, file: &str) {
    let Some(members) = members(file) else { return };
    let is_last = |at: usize| !members[at + 1..].iter().any(|it| it.name == members[at].name);
    let last = (0..members.len()).filter(|at| is_last(*at));
    let expected: Vec<&str> = last.map(|at| members[at].name.as_str()).collect();
    let entries = document.entries();
    let actual: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(actual, expected);
    for (name, entry) in &entries {
        assert_eq!(document.get(name).as_ref(), Some(entry));
        assert_eq!(document.login(name).is_some(), matches!(entry, Entry::OAuth(_)));
    }
}

fn check_set(document: &Document, file: &str, provider: &str) {
    let credential = credential();
    let after = edited(document, |it| it.set(provider, &credential, &[]));
    let parsed = parsed(&after);
    assert_eq!(parsed.get(provider), Some(Entry::OAuth(credential.clone())));
    let again = edited(&parsed, |it| it.set(provider, &credential, &[]));
    assert_eq!(again, after, "once is as good as twice");
    let Some(members) = members(file) else { return };
    match members.iter().rfind(|it| it.name == provider) {
        Some(there) => assert_only(file, &after, there.range.clone()),
        None => {
            let end = members.last().map_or(file.find('{'), |it| Some(it.range.end));
            let end = end.unwrap_or_default();
            if !members.is_empty() {
                assert_only(file, &after, end..end);
                let without = edited(&parsed, |it| it.remove(&[provider]));
                assert_eq!(without, file, "what was put in cannot be taken out");
            }
        }
    }
}

fn check_update(document: &Document, file: &str, provider: &str) {
    let new = credential();
    let after = edited(document, |it| it.update(provider, &new));
    let Some(Entry::OAuth(old)) = document.get(provider) else {
        assert_eq!(after, file, "what is no login is not refreshed");
        return;
    };
    let parsed = parsed(&after);
    let expected = Credential { enterprise: old.enterprise, ..new.clone() };
    assert_eq!(parsed.get(provider), Some(Entry::OAuth(expected)));
    assert_eq!(edited(&parsed, |it| it.update(provider, &new)), after, "once is as good as twice");
    check_fields(file, &after, provider, &OF_A_REFRESH);
}

fn check_put(document: &Document, file: &str, provider: &str, name: &str, json: &str) {
    let json = json.trim_matches([' ', '\t', '\r', '\n']);
    let after = edited(document, |it| it.put(provider, name, json));
    if !matches!(document.get(provider), Some(Entry::OAuth(_))) {
        assert_eq!(after, file, "what is no login gets no fields");
        return;
    }
    let parsed = parsed(&after);
    if name != "type" {
        assert_eq!(edited(&parsed, |it| it.put(provider, name, json)), after);
        let login = parsed.login(provider).expect("the login is gone");
        assert_eq!(login.json().get(name).map(|it| it.text()), Some(json));
    }
    check_fields(file, &after, provider, &[name]);
}

/// Of the entry of `provider` only these fields have changed, or come in at its end; of the file
/// nothing else.
fn check_fields(file: &str, after: &str, provider: &str, names: &[&str]) {
    let entry = |text| members(text)?.into_iter().rfind(|it| it.name == provider);
    let (Some(old), Some(new)) = (entry(file), entry(after)) else { return };
    assert_only(file, after, old.range.clone());
    let (old, new) = (&file[old.range], &after[new.range]);
    let (Some(old), Some(new)) = (members(old), members(new)) else { return };
    assert!(new.len() <= old.len() + names.len());
    for (at, old) in old.iter().enumerate() {
        assert_eq!(old.name, new[at].name, "the order has changed");
        let is_meant = names.contains(&old.name.as_str());
        assert!(is_meant || old.value == new[at].value, "{} has changed", old.name);
    }
    assert!(new[old.len()..].iter().all(|it| names.contains(&it.name.as_str())));
}

fn check_remove(document: &Document, file: &str, providers: &[&str]) {
    let after = edited(document, |it| it.remove(providers));
    let parsed = parsed(&after);
    assert!(providers.iter().all(|provider| parsed.get(provider).is_none()));
    assert_eq!(edited(&parsed, |it| it.remove(providers)), after, "once is as good as twice");
    check_rest(file, &after, |name| !providers.contains(&name));
}

/// A logout of everything leaves what is no login.
fn check_logout(file: &str) {
    let mut world = World { store: Some(file.into()), ..World::default() };
    let end = world.run(r#"{"type":"logout","all":true,"confirmed":true}"#, |_, _| None);
    let Effect::Done { output: Output::LoggedOut { providers, .. } } = &end else {
        panic!("{end:?}");
    };
    let after = world.store.unwrap_or_default();
    let left = parsed(&after);
    assert!(left.entries().iter().all(|(_, entry)| !matches!(entry, Entry::OAuth(_))));
    check_rest(file, &after, |name| !providers.iter().any(|it| it.id == name));
}

/// What is to stay has stayed, in its order and to the byte.
fn check_rest(file: &str, after: &str, stays: impl Fn(&str) -> bool) {
    let (Some(old), Some(new)) = (members(file), members(after)) else { return };
    let old: Vec<_> = old.iter().filter(|it| stays(&it.name)).map(Member::both).collect();
    assert_eq!(new.iter().map(Member::both).collect::<Vec<_>>(), old);
    if old.len() == members(file).map_or(0, |it| it.len()) && !old.is_empty() {
        assert_eq!(after, file, "nothing was to be taken out");
    }
}

/// A login that a program gives comes back as it was given.
fn check_write(file: &str, provider: &str, credential: &str) {
    if !is_json(credential) {
        return;
    }
    let id = json!(provider);
    let write =
        format!(r#"{{"type":"write_credential","provider":{id},"credential":{credential}}}"#);
    if from_str::<Request>(&write).is_err() {
        return;
    }
    let mut world = World { store: Some(file.into()), ..World::default() };
    match world.run(&write, |_, _| None) {
        Effect::Done { output: Output::CredentialWritten { .. } } => {}
        Effect::Failed { error: Error::Store { .. } } => {
            assert_eq!(world.store.as_deref(), Some(file));
            return;
        }
        other => panic!("{other:?}"),
    }
    let read = json!({"type": "read_credential", "provider": provider}).to_string();
    let end = world.run(&read, |_, _| None);
    let Effect::Done { output: Output::Credential { credential: Some(stored), .. } } = end else {
        panic!("it is not there: {end:?}");
    };
    let values = |text| serde_json::from_str::<Value>(text).ok();
    // A number may be more than the other parser can hold, and a text no text to it.
    if let (Some(mut given), Some(stored)) = (values(credential), values(stored.json().text())) {
        given["type"] = "oauth".into();
        if given["enterpriseUrl"] == "" {
            given.as_object_mut().expect("it is an object").remove("enterpriseUrl");
        }
        assert_eq!(stored, given);
    }
    let after = world.store.unwrap_or_default();
    check_rest_of_write(file, &after, provider);
}

fn check_rest_of_write(file: &str, after: &str, provider: &str) {
    let Some(old) = members(file) else { return };
    match old.iter().rfind(|it| it.name == provider) {
        Some(there) => assert_only(file, after, there.range.clone()),
        None => check_rest(after, file, |name| name != provider),
    }
}

fn credential() -> Credential {
    Credential {
        access: Some("access \"\\\u{7}é".into()),
        refresh: Some("refresh".into()),
        expires: 1_700_000_000_000,
        end: None,
        enterprise: None,
    }
}

fn edited(document: &Document, edit: impl FnOnce(&mut Document)) -> String {
    let mut document = document.clone();
    edit(&mut document);
    document.into_text().expose().to_owned()
}

fn parsed(text: &str) -> Document {
    assert!(is_json(text), "another parser does not take it: {text}");
    Document::parse(Some(text)).unwrap_or_else(|corrupt| panic!("{corrupt}: {text}"))
}

/// Asserts that only the bytes at `range` were replaced.
fn assert_only(file: &str, after: &str, range: Range<usize>) {
    let (before, behind) = (&file[..range.start], &file[range.end..]);
    let is_whole = after.len() >= before.len() + behind.len();
    assert!(is_whole && after.starts_with(before) && after.ends_with(behind), "{file}\n{after}");
}

/// A member of an object, as another parser sees it.
struct Member {
    name: String,
    value: String,
    range: Range<usize>,
}

impl Member {
    fn both(&self) -> (&str, &str) {
        (&self.name, &self.value)
    }
}

/// The members of an object; `None` where that parser cannot read one of the names.
fn members(text: &str) -> Option<Vec<Member>> {
    struct Members<'a>(&'a str);

    impl<'a> Visitor<'a> for Members<'a> {
        type Value = Vec<Member>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Vec<Member>, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                let value = value.get();
                let start = value.as_ptr().addr() - self.0.as_ptr().addr();
                let range = start..start + value.len();
                members.push(Member { name, value: value.to_owned(), range });
            }
            Ok(members)
        }
    }

    serde_json::Deserializer::from_str(text).deserialize_map(Members(text)).ok()
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}
