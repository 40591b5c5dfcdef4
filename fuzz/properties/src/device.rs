//! A login by a code. The first part of an input says to whom (`tv` is a provider of one's own, all
//! else is Copilot), each further one is the next answer of a server: the code, polls, and for
//! Copilot the exchange, the models and consent to them. When they are used up, the person stops.

use pi_auth_core::flow::{Effect, Event, Output, ShowCode};
use pi_auth_core::secret::Secret;
use serde_json::Value;

use crate::input;
use crate::shown::{check_address, is_sendable};
use crate::world::{World, login};

/// What else is in the file.
const FILE: &str = "{\"other\" :\t{\"n\": 1e400}\r\n}";
/// How long after the end of a code a poll may come, in milliseconds.
const GRACE_MS: u64 = 60_000;
/// The longest interval that is believed, in seconds.
const MAX_INTERVAL_S: u64 = 86_400;

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = input::text(data);
    let mut parts = input::parts(&text);
    let provider = match parts.next() {
        Some("tv") => "tv",
        _ => "github-copilot",
    };
    let mut answers = parts.map(input::answer);
    let mut polling = Polling::default();
    let mut world =
        World { store: Some(FILE.into()), overrides: Some(OVERRIDES.into()), ..World::default() };
    let end = world.run(&login(Some(provider)).to_string(), |effect, world| match effect {
        Effect::ShowCode(code) => {
            polling.show(code, world);
            None
        }
        Effect::WaitUntil { at_ms, countdown } => {
            if countdown.is_some() {
                polling.check_wait(at_ms.saturating_sub(world.now_ms()), *at_ms);
            }
            None
        }
        Effect::Http { countdown, .. } => {
            if countdown.is_none() {
                polling.granted(world);
            }
            let answer = answers.next().unwrap_or(Event::Cancelled);
            polling.learn(&answer);
            Some(answer)
        }
        Effect::LockStore => {
            polling.granted(world);
            None
        }
        _ => None,
    });
    let after = world.store.as_deref().unwrap_or_default();
    match end {
        Effect::Done { output: Output::LoggedIn { .. } } => {
            let others = FILE.strip_suffix("\r\n}").unwrap_or_default();
            assert!(after.starts_with(others), "what is not ours has changed: {after}");
            // Without the number that the other parser cannot hold.
            let file: Value = serde_json::from_str(&after.replace("1e400", "1")).expect("JSON");
            let login = &file[provider];
            assert_eq!(login["type"], "oauth");
            let is_some = |name: &str| login[name].as_str().is_some_and(|it| !it.is_empty());
            assert!(is_some("access") || is_some("refresh"), "{login}");
        }
        Effect::Failed { .. } => assert_eq!(after, FILE, "it fails, and has changed the file"),
        other => panic!("{other:?}"),
    }
}

/// A provider of one's own beside Copilot.
const OVERRIDES: &str = r#"{"tv": {"flow": "device_code", "client_id": "c",
    "token_url": "https://tv.example/token", "token_request": "json",
    "device_authorization_url": "https://tv.example/device"}}"#;

/// What another reader makes of the answers.
#[derive(Default)]
struct Polling {
    /// The answer to the first request.
    first: Option<Value>,
    /// When the code ends, in epoch milliseconds; known once it is shown.
    expires_ms: Option<u64>,
    /// The least that is to be waited between polls, in seconds.
    interval_s: u64,
    /// The least that is to be waited this time, in seconds.
    asked_s: u64,
    /// What the last answer would grant.
    token: Option<Secret>,
    /// True if the last answer brought an access token.
    is_over: bool,
}

impl Polling {
    fn learn(&mut self, answer: &Event) {
        self.asked_s = 0;
        self.is_over = false;
        let Event::Response(response) = answer else { return };
        let body = serde_json::from_str::<Value>(response.body.expose()).ok();
        if self.expires_ms.is_none() {
            let interval = body.as_ref().map(|body| seconds(&body["interval"]));
            self.interval_s = match interval {
                // It may be one that this reader cannot read.
                None => 1,
                Some(s) => s.filter(|s| *s > 0).unwrap_or(5).min(MAX_INTERVAL_S),
            };
            self.first = body;
            return;
        }
        let body = body.unwrap_or_default();
        let is_success = (200..=299).contains(&response.status);
        self.is_over = is_success && brings_a_token(&body);
        if body["error"] == "slow_down" {
            self.interval_s = (self.interval_s + 5).min(MAX_INTERVAL_S);
        }
        let header = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("retry-after");
        let after = response.headers.iter().find(header).and_then(|(_, it)| it.parse().ok());
        if let (429 | 500..=599, Some(after_s)) = (response.status, after) {
            self.asked_s = after_s;
        }
        self.token = secret(&body["access_token"]);
    }

    /// The last answer was taken: what it grants is as secret as the code.
    fn granted(&mut self, world: &mut World) {
        world.secrets.extend(self.token.take());
    }

    fn show(&mut self, code: &ShowCode, world: &mut World) {
        self.expires_ms = Some(code.expires_ms);
        assert!((1..=64).contains(&code.user_code.chars().count()), "{:?}", code.user_code);
        let (shown, opened) = (check_address(&code.verification_uri), check_address(&code.url));
        let [shown, opened] = [shown, opened].map(|url| url.map(|url| url.origin()));
        assert_eq!(shown, opened, "it opens what it does not show");
        let device_code = self.first.as_ref().and_then(|first| secret(&first["device_code"]));
        // A server that shows it itself is not ours to stop.
        let is_shown = |it: &Secret| format!("{code:?}").contains(it.expose());
        world.secrets.extend(device_code.filter(|it| !is_shown(it)));
    }

    /// A wait for the next poll.
    fn check_wait(&self, wait_ms: u64, at_ms: u64) {
        assert!(!self.is_over, "it polls on although there is an access token");
        let least_s = self.interval_s.max(self.asked_s);
        assert!(wait_ms >= least_s.saturating_mul(1000), "{wait_ms} ms are less than {least_s} s");
        let expires_ms = self.expires_ms.expect("it waits before there is a code");
        assert!(at_ms <= expires_ms.saturating_add(GRACE_MS), "it polls for a code that is over");
    }
}

/// Returns whether an answer has an access token that ends the polling, whatever its member `error`
/// says: one that can be sent, and is used as a bearer token.
fn brings_a_token(body: &Value) -> bool {
    let is_token = |it: &str| !it.is_empty() && is_sendable(it);
    let kind = match &body["token_type"] {
        Value::Null => Some(""),
        kind => kind.as_str().map(str::trim),
    };
    let is_bearer = kind.is_some_and(|it| it.is_empty() || it.eq_ignore_ascii_case("bearer"));
    is_bearer && body["access_token"].as_str().is_some_and(is_token)
}

/// A number of seconds, by another reader.
fn seconds(value: &Value) -> Option<u64> {
    let digits = value.as_str().and_then(|digits| digits.parse().ok());
    digits.or(value.as_u64()).or(value.as_f64().map(|s| s as u64))
}

/// A text that is long enough to be told from others.
fn secret(value: &Value) -> Option<Secret> {
    let text = value.as_str().filter(|text| text.len() >= 16)?;
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| text.into())
}
