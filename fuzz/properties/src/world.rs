//! A host with files in memory, and a clock that only jumps.

use pi_auth_core::flow::{Effect, Event, Flow, Request};
use pi_auth_core::json::from_str;
use pi_auth_core::secret::Secret;
use serde_json::{Value, json};

use crate::shown;

/// When every flow begins, in epoch milliseconds.
pub(crate) const NOW_MS: u64 = 1_700_000_000_000;

/// The randomness of every login, as hex digits.
const ENTROPY: &str = "\
    0707070707070707070707070707070707070707070707070707070707070707\
    0808080808080808080808080808080808080808080808080808080808080808";
/// The code verifier that comes of it.
pub(crate) const VERIFIER: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
/// The state that comes of it.
pub(crate) const STATE: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg";

/// How many effects a flow may ask for.
const MAX_STEPS: usize = 3000;

/// A login to this provider, or to the one that is chosen, where there is a browser.
pub(crate) fn login(provider: Option<&str>) -> Value {
    json!({"type": "login", "provider": provider, "entropy": ENTROPY,
        "environment": {"DISPLAY": ":0"}})
}

/// What a host has.
#[derive(Default)]
pub(crate) struct World {
    /// The credential file.
    pub(crate) store: Option<String>,
    /// The overrides file.
    pub(crate) overrides: Option<String>,
    /// The memory of failed refreshes.
    pub(crate) backoff: Option<String>,
    /// How far the clock has jumped by now, in milliseconds.
    pub(crate) passed_ms: u64,
    /// The requests that were sent.
    pub(crate) requests: Vec<String>,
    /// What nobody may see.
    pub(crate) secrets: Vec<Secret>,
    /// True if a flow holds the lock.
    pub(crate) is_locked: bool,
}

impl World {
    /// The time.
    pub(crate) fn now_ms(&self) -> u64 {
        NOW_MS.saturating_add(self.passed_ms)
    }

    /// Runs a flow to its end. `answer` is asked first, and gives `None` for what this world
    /// answers by itself; requests that nobody answers get no answer in time.
    pub(crate) fn run(
        &mut self,
        request: &str,
        mut answer: impl FnMut(&Effect, &mut World) -> Option<Event>,
    ) -> Effect {
        let request: Request = from_str(request).expect("a request of ours is one");
        let (mut flow, mut effect) = Flow::start(request);
        self.is_locked = false;
        for _ in 0..MAX_STEPS {
            self.check(&flow, &effect);
            if effect.is_last() {
                let after = flow.step(Event::Woke, self.now_ms());
                assert!(matches!(after, Effect::Failed { .. }), "it goes on after its end");
                return effect;
            }
            let given = answer(&effect, self);
            let event = given.unwrap_or_else(|| self.perform(&effect, flow.is_critical()));
            effect = flow.step(event, self.now_ms());
        }
        panic!("it does not end: {effect:?}");
    }

    fn check(&mut self, flow: &Flow, effect: &Effect) {
        shown::check(effect, &self.secrets);
        let logged = format!("{flow:?} {effect:?}");
        let is_logged = |secret: &&Secret| !secret.is_empty() && logged.contains(secret.expose());
        assert!(!self.secrets.iter().any(|it| is_logged(&it)), "a secret in a log: {logged}");
        if let Effect::Http { request, .. } = effect {
            if let Some(url) = shown::check_address(&request.url) {
                shown::check_origin(&url, &request.origins);
            }
            for header in &request.headers {
                let sent = header.value.expose();
                assert!(shown::is_sendable(sent), "no header can carry {sent:?}");
            }
            for secret in self.secrets.iter().filter(|secret| !secret.is_empty()) {
                assert!(!request.url.contains(secret.expose()), "a secret in {}", request.url);
            }
            self.requests.push(request.url.clone());
        }
    }

    fn perform(&mut self, effect: &Effect, is_critical: bool) -> Event {
        let secret = |text: &Option<String>| text.as_deref().map(Secret::from);
        match effect {
            Effect::ReadStore | Effect::ProbeStore => {
                let contents = secret(&self.store);
                Event::StoreRead { path: "s".into(), contents, access: None }
            }
            Effect::ReadOverrides => {
                let contents = secret(&self.overrides);
                Event::OverridesRead { path: "o".into(), contents, access: None }
            }
            Effect::ReadBackoff => Event::BackoffRead { contents: secret(&self.backoff) },
            Effect::ReadVariable { .. } => Event::Variable { value: None },
            Effect::LockStore => {
                self.is_locked = true;
                Event::Locked
            }
            Effect::UnlockStore => {
                self.is_locked = false;
                Event::Unlocked
            }
            Effect::WriteStore { contents, .. } => {
                assert!(self.is_locked, "it is written without the lock");
                self.store = Some(contents.expose().into());
                Event::Written
            }
            Effect::WriteBackoff { contents } => {
                let told = |secret: &Secret| contents.expose().contains(secret.expose());
                // What was in it before, anybody may have written.
                assert!(self.backoff.is_some() || !self.secrets.iter().any(told), "in a file");
                self.backoff = Some(contents.expose().into());
                Event::BackoffWritten
            }
            Effect::WaitUntil { at_ms, .. } => {
                self.passed_ms = self.passed_ms.max(at_ms.saturating_sub(NOW_MS));
                Event::Woke
            }
            Effect::Listen { .. } => Event::Listening { port: 53692 },
            Effect::ShowCode(_) => Event::Shown,
            Effect::Confirm { .. } => Event::Confirmed { yes: true },
            Effect::Prompt { .. } => Event::Answered { text: String::new() },
            // A host does not cancel what is critical.
            Effect::Http { .. } if is_critical => crate::input::answer("timeout"),
            _ => Event::Cancelled,
        }
    }
}
