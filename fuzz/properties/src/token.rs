//! The answer to a refresh. An input has three parts: words (of a provider: `copilot`, `acme` or
//! none for Anthropic; `window` for a token that is still really valid; `headers`), what the server
//! answers, and the memory of failed refreshes, if there is one.

use pi_auth_core::error::{Code, Error};
use pi_auth_core::flow::{Effect, Event, Output};
use pi_auth_core::oauth::endpoint::EndpointError;
use pi_auth_core::secret::Secret;
use pi_auth_core::text::plain;
use serde_json::{Value, json};

use crate::input;
use crate::shown::{check_address, is_sendable};
use crate::world::{NOW_MS, World};

const REFRESH: &str = "sk-ant-ort01-canary";
const ACCESS: &str = "sk-ant-oat01-canary";
/// The longest that anybody is told to wait, in milliseconds.
const MAX_WAIT_MS: u64 = 900_000;

/// What stands around the login in the file, which is not ours to touch.
const BEFORE: &str = "{\"other\" :\t{\"type\":\"api_key\", \"n\": 1e400, \"s\":\"\\ud800\"},\r\n ";
const AFTER: &str = "  ,\"z\": [null ] }\n";

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = input::text(data);
    let mut parts = input::parts(&text);
    let words = parts.next().unwrap_or_default();
    let answer = parts.next().unwrap_or_default();
    // Copilot's own token says where its API is, which is no secret, whatever a server has put in.
    let is_told = |token: &str| answer.contains("proxy-ep") && answer.contains(token);
    let tokens = [REFRESH, ACCESS].into_iter().filter(|token| !is_told(token));
    let secrets = tokens.map(Secret::from).collect();
    let answer = input::answer(answer);
    let backoff = parts.next();
    let has = |word: &str| words.split_whitespace().any(|it| it == word);
    let provider = match () {
        () if has("copilot") => "github-copilot",
        () if has("acme") => "acme",
        () => "anthropic",
    };
    let kind = if has("headers") { "headers" } else { "token" };
    let request = json!({"type": kind, "provider": provider}).to_string();
    let before = file(provider, if has("window") { NOW_MS - 1 } else { NOW_MS - 3_600_000 });
    let mut world = World {
        store: Some(before.clone()),
        overrides: Some(OVERRIDES.into()),
        backoff: backoff.map(str::to_owned),
        secrets,
        ..World::default()
    };
    let end = world.run(&request, |effect, _| reply(effect, &answer));
    assert!(world.requests.len() <= 1, "it asks again and again");
    check_file(&world, provider, &before);
    check_end(&end, &world, provider, &before);
    if world.requests.len() == 1 {
        check_what_is_kept(&world, provider, &before, &answer);
    }
    if let (Effect::Failed { error: Error::LoginEnded { .. } }, None) = (&end, backoff) {
        assert!(is_refusal(&answer), "nobody has refused the login");
    }
    check_again(world, &request, provider, &answer, &end);
}

/// Providers whose answers are read by the same code, and asked for in another way.
const OVERRIDES: &str = r#"{"acme": {"flow": "authorization_code", "client_id": "c",
    "token_url": "https://acme.example/token", "authorize_url": "https://acme.example/authorize"}}"#;

fn file(provider: &str, expires: u64) -> String {
    let more = r#""more":[1, 2],  "type":"oauth""#;
    let tokens = format!(r#""refresh":"{REFRESH}","access":"{ACCESS}","expires":{expires}"#);
    format!(r#"{BEFORE}"{provider}": {{{more},{tokens}}}{AFTER}"#)
}

fn reply(effect: &Effect, answer: &Event) -> Option<Event> {
    matches!(effect, Effect::Http { .. }).then(|| answer.clone())
}

fn login(file: &str, provider: &str) -> Value {
    let within = file.strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix(AFTER));
    let within = within.unwrap_or_else(|| panic!("what is not ours has changed: {file}"));
    let entry = serde_json::from_str::<Value>(&format!("{{{within}}}")).expect("the file is JSON");
    entry[provider].clone()
}

/// The file is as it was, or holds the whole of a newer login.
fn check_file(world: &World, provider: &str, before: &str) {
    let after = world.store.as_deref().expect("the file is gone");
    if after == before {
        return;
    }
    let (login, old) = (login(after, provider), login(before, provider));
    assert!(login["refresh"].as_str().is_some_and(|token| !token.is_empty()), "no refresh token");
    assert!(login["access"].as_str().is_some_and(|token| !token.is_empty()), "no access token");
    assert!(login["expires"].as_u64().is_some_and(|ms| ms < 1 << 53), "no time: {login}");
    assert_eq!((&login["type"], &login["more"]), (&old["type"], &old["more"]));
    assert!(after.contains(r#""more":[1, 2],  "type":"oauth""#), "{after}");
    assert!(provider != "github-copilot" || login["refresh"] == old["refresh"]);
}

fn check_end(end: &Effect, world: &World, provider: &str, before: &str) {
    let is_as_it_was = world.store.as_deref() == Some(before);
    let stored = login(world.store.as_deref().unwrap_or_default(), provider);
    match end {
        Effect::Done { output: Output::Token { key, notes } } => {
            assert_eq!(Some(key.value.expose()), stored["access"].as_str(), "it is not stored");
            assert!(is_sendable(key.value.expose()));
            assert!(!is_as_it_was || !notes.is_empty(), "an old token is served in silence");
        }
        Effect::Done { output: Output::Headers(headers) } => {
            if let Some(base_url) = &headers.base_url {
                check_address(base_url);
            }
        }
        Effect::Failed { error } => {
            let is_unusable =
                matches!(error, Error::Refresh { cause: EndpointError::UnusableToken(_), .. });
            assert!(is_as_it_was || is_unusable, "it fails, and has changed the file");
            if !is_as_it_was {
                let expires = stored["expires"].as_u64();
                assert!(expires.is_some_and(|ms| ms <= NOW_MS), "it is not due: {stored}");
            }
            if let Code::RetryLater { after_ms } = error.code() {
                assert!((1..=MAX_WAIT_MS).contains(&after_ms), "wait {after_ms} ms");
            }
        }
        other => panic!("{other:?}"),
    }
}

/// Checks that what another reader can read of a grant is stored, whatever else is odd in it.
fn check_what_is_kept(world: &World, provider: &str, before: &str, answer: &Event) {
    let Event::Response(response) = answer else { return };
    if provider == "github-copilot" || !(200..=299).contains(&response.status) {
        return;
    }
    let Some(granted) = granted(response.body.expose()) else { return };
    let sent = |name: &str| {
        let text = granted[name].as_str()?;
        (!text.is_empty() && is_sendable(text)).then_some(text)
    };
    let stored = login(world.store.as_deref().unwrap_or_default(), provider);
    if let Some(refresh) = sent("refresh_token") {
        assert_eq!(stored["refresh"], refresh, "a refresh token is thrown away");
    }
    let kind = granted["token_type"].as_str().map(|kind| kind.trim().to_ascii_lowercase());
    let is_bearer = match &granted["token_type"] {
        Value::Null => true,
        _ => kind.is_some_and(|kind| kind.is_empty() || kind == "bearer"),
    };
    match sent("access_token") {
        Some(access) if is_bearer => assert_eq!(stored["access"], access, "it is thrown away"),
        _ => assert_eq!(stored["access"], login(before, provider)["access"], "it is used"),
    }
}

/// Returns the object that an answer begins with behind marks and white space, whatever is behind
/// it; nothing where the other parser does not take it.
fn granted(body: &str) -> Option<Value> {
    let body = body.trim_start_matches(|c: char| c.is_whitespace() || "\0\u{feff}".contains(c));
    let first = serde_json::Deserializer::from_str(body).into_iter::<Value>().next();
    first?.ok().filter(Value::is_object)
}

/// Returns whether an answer says that the login is over.
fn is_refusal(answer: &Event) -> bool {
    let Event::Response(response) = answer else { return false };
    // Another parser may not take it, for a number that it cannot hold or a lone surrogate.
    let Ok(body) = serde_json::from_str::<Value>(response.body.expose()) else { return true };
    let error = &body["error"];
    let error = error.as_str().or(error["type"].as_str()).unwrap_or_default();
    response.status == 401 || plain(error) == "invalid_grant"
}

/// Whoever comes next does not ask what was answered just now.
fn check_again(mut world: World, request: &str, provider: &str, answer: &Event, end: &Effect) {
    let before = world.store.clone();
    let asked = world.requests.len();
    world.run(request, |effect, _| reply(effect, answer));
    let was_sent = matches!(answer, Event::Response(_)) && asked > 0;
    let is_remembered = match end {
        Effect::Failed { error } => {
            let is_over = matches!(error, Error::LoginEnded { .. });
            is_over || matches!(error.code(), Code::RetryLater { .. })
        }
        _ => false,
    };
    if was_sent && is_remembered {
        assert_eq!(world.requests.len(), asked, "the next one asks at once");
    }
    if let Some(before) = before {
        check_file(&world, provider, &before);
    }
}
