//! The memory of failed refreshes, as anybody may have written it. An input is the file. `TOKEN` in
//! it stands for the digest by which this login is remembered, and `NOW` for the time.

use std::sync::LazyLock;

use pi_auth_core::error::{Code, Error};
use pi_auth_core::flow::endpoints::token_endpoints;
use pi_auth_core::flow::{Effect, Event, Output};
use pi_auth_core::secret::Secret;
use pi_auth_core::store::document::Document;
use serde_json::{Value, json};

use crate::input;
use crate::shown::{of_error, texts};
use crate::world::{NOW_MS, World};

/// The longest that the file can keep anybody from asking, in milliseconds.
const MAX_WAIT_MS: u64 = 900_000;
/// Parts of this program's own words for failures, and numbers.
const OURS: [&str; 11] = [
    "it is being asked too often",
    "it is in trouble (HTTP #)",
    "its answer (HTTP #) is not what was asked for",
    "its answer holds no access token",
    "the access token in its answer has characters that no request can carry",
    "the access token in its answer is not a bearer token",
    "invalid_grant",
    "it was revoked or has expired (HTTP #)",
    "it refused the request (HTTP #)",
    "no answer in time",
    "the connection broke before the answer was complete",
];
/// The one of these that has a number in it of its own.
const TOO_LARGE: &str = "the answer was larger than # MiB";

/// A record of this login as another program would have written it.
static WRITTEN: LazyLock<Value> = LazyLock::new(|| {
    let mut world = world(None);
    world.run(REQUEST, |effect, _| reply(effect, "503\n\n"));
    let text = world.backoff.expect("a failure is remembered");
    serde_json::from_str(&text).expect("it is JSON")
});

const REQUEST: &str = r#"{"type":"token","provider":"anthropic"}"#;
const GRANT: &str = "200\n\n{\"access_token\":\"n\",\"refresh_token\":\"m\",\"expires_in\":3600}";

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = input::text(data);
    let digest = WRITTEN["anthropic"]["token"].as_str().expect("it is a text");
    let memory = text.replace("TOKEN", digest).replace("NOW", &NOW_MS.to_string());
    let mut world = world(Some(memory.clone()));
    let end = world.run(REQUEST, |effect, _| reply(effect, GRANT));
    match &end {
        Effect::Done { output: Output::Token { key, notes } } => {
            assert_eq!((key.value.expose(), notes.len()), ("n", 0));
            assert_eq!(world.requests.len(), 1);
            assert!(world.store.as_deref().is_some_and(|file| file.contains("\"m\"")));
        }
        Effect::Failed { error } => {
            assert!(world.requests.is_empty(), "it asks, and fails");
            assert_eq!(world.store.as_deref(), Some(FILE), "a memory changes no login");
            assert!(is_meant(&memory, digest), "nothing of this login is remembered");
            check_words(error);
            if let Code::RetryLater { after_ms } = error.code() {
                assert!((1..=MAX_WAIT_MS).contains(&after_ms), "wait {after_ms} ms");
            }
        }
        other => panic!("{other:?}"),
    }
    check_doctor(&memory, matches!(end, Effect::Failed { .. }));
    check_that_it_ends(memory);
    check_that_more_is_remembered(&text);
}

const FILE: &str =
    r#"{"anthropic":{"type":"oauth","refresh":"r","access":"a","expires":1600000000000}}"#;

fn world(backoff: Option<String>) -> World {
    World { store: Some(FILE.into()), backoff, ..World::default() }
}

fn reply(effect: &Effect, answer: &str) -> Option<Event> {
    matches!(effect, Effect::Http { .. }).then(|| input::answer(answer))
}

/// Returns whether another reader finds a record of this login in it, with a time that is not over.
fn is_meant(memory: &str, digest: &str) -> bool {
    // Another parser may not take it, for a number that it cannot hold or a lone surrogate.
    let Ok(file) = serde_json::from_str::<Value>(memory) else { return true };
    let record = &file["anthropic"];
    record["token"] == digest && record["until"].as_u64().is_some_and(|until| until > NOW_MS)
}

/// Every word of it is ours.
fn check_words(error: &Error) {
    let failed = match error {
        Error::Refresh { cause, .. } | Error::LoginEnded { cause: Some(cause), .. } => cause,
        other => panic!("{other:?}"),
    };
    let said = failed.to_string();
    let mut plain = String::new();
    for c in said.chars() {
        match c.is_ascii_digit() {
            true if plain.ends_with('#') => {}
            true => plain.push('#'),
            false => plain.push(c),
        }
    }
    assert!(OURS.contains(&plain.as_str()) || plain == TOO_LARGE, "words of others: {said}");
    assert!(of_error(error).iter().any(|text| text.contains(&said)));
}

/// The doctor sees what the flow does.
fn check_doctor(memory: &str, rests: bool) {
    let document = Document::parse(Some(FILE)).expect("it is a document");
    let memory = Secret::from(memory);
    let endpoints = token_endpoints(None, Some(&document), Some(&memory), NOW_MS);
    let resting = endpoints.expect("there are no overrides").remove(0).resting;
    assert_eq!(resting.is_some(), rests);
}

/// However the file came about, a quarter of an hour later it is asked again.
fn check_that_it_ends(memory: String) {
    let mut world = world(Some(memory));
    world.passed_ms = MAX_WAIT_MS;
    world.run(REQUEST, |effect, _| reply(effect, GRANT));
    // One that is said to have failed in the future is no memory at any time.
    if world.requests.is_empty() {
        world.passed_ms *= 2;
        world.run(REQUEST, |effect, _| reply(effect, GRANT));
    }
    assert_eq!(world.requests.len(), 1, "it shuts a login out for ever");
}

/// Checks that a new failure keeps the next process from asking, and that the file is JSON.
fn check_that_more_is_remembered(text: &str) {
    let mut world = world(Some(text.to_owned()));
    let end = world.run(REQUEST, |effect, _| reply(effect, "403\n\n<h1>call 555-0100</h1>"));
    if world.requests.is_empty() {
        return;
    }
    let written = world.backoff.clone().unwrap_or_default();
    let file = serde_json::from_str::<Value>(&written).expect("it is JSON");
    let known = ["token", "since", "until", "failures", "kind", "status"];
    for (_, record) in file.as_object().expect("it is an object") {
        let names = record.as_object().expect("so is each record").keys();
        assert!(names.clone().all(|name| known.contains(&name.as_str())), "{record}");
    }
    let [said, again] = [end, world.run(REQUEST, |_, _| None)].map(|end| texts(&end));
    assert_eq!(said, again, "what is remembered is what was said");
    assert_eq!(world.requests.len(), 1, "the next one asks at once");
    assert_eq!(json!(file["anthropic"]["kind"]), "refused");
}
