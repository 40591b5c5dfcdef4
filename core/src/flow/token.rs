//! Getting a key that can be sent now: a fresh token, or a refresh under the lock.
//!
//! ```text
//!   ReadStore ── fresh ─────────────────────────────────────────────▶ Done
//!       │ stale
//!   ReadOverrides ─▶ discovery? ─▶ LockStore ─▶ ReadStore ── fresh ─▶ Done
//!                                                   │ still stale
//!                    ReadBackoff ─▶ Http (refresh) ─▶ save::Save ───▶ Done
//! ```
//!
//! A fresh token costs one read. Everything behind it runs under the lock, so that any number of
//! processes make one refresh, and one that failed is not repeated at once (see `backoff.rs`).
//! Where no refresh comes of it, a token that is still really valid is served with a note.
//!
//! A GitHub token of the environment is exchanged each time: nothing of it is stored.

mod attempt;
mod exchange;
mod refresh;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize};

use super::files::{Store, known, table};
use super::machine::{Machine, StepResult, ask, fail, unexpected};
use super::read::Read;
use super::{Effect, Event, Output};
use crate::environment::Environment;
use crate::error::Error;
use crate::json::or_default;
use crate::key::{Key, KeyKind, Source};
use crate::oauth::endpoint;
use crate::provider::github_copilot::domain::Domain;
use crate::provider::{GITHUB_COPILOT, Provider, Table, key_variables};
use crate::resolve::{by_prefix, from_environment};
use crate::secret::{Secret, exposed};
use crate::store::credential::{BUFFER_MS, Credential};
use crate::store::document::Entry;

use exchange::Exchange;
use refresh::Refresh;

/// Parameters of a token request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TokenRequest {
    /// The provider's id.
    pub provider: String,
    /// A key of the caller's own, which wins over everything.
    #[cfg_attr(test, ts(optional))]
    #[serde(serialize_with = "exposed")]
    pub caller_key: Option<Secret>,
    /// How long the token must be valid for, in milliseconds of real validity; 5 minutes unless
    /// given, which is what the file means by fresh.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default = "default_min_validity_ms", deserialize_with = "min_validity_ms")]
    pub min_validity_ms: u64,
    /// A token that a server has refused: if that is what is stored, it is refreshed whatever its
    /// age.
    #[cfg_attr(test, ts(optional))]
    #[serde(serialize_with = "exposed")]
    pub rejected: Option<Secret>,
    /// The variables that are set.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default", serialize_with = "exposed")]
    pub environment: Environment,
}

fn default_min_validity_ms() -> u64 {
    BUFFER_MS
}

fn min_validity_ms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(BUFFER_MS))
}

impl TokenRequest {
    /// Parameters of a request for a token of `provider` that is fresh.
    pub fn new(provider: impl Into<String>, environment: Environment) -> Self {
        let provider = provider.into();
        let (caller_key, min_validity_ms, rejected) = (None, BUFFER_MS, None);
        TokenRequest { provider, caller_key, min_validity_ms, rejected, environment }
    }
}

/// A key, and what it is for.
#[derive(Debug)]
pub(super) struct ResolvedKey {
    pub(super) key: Key,
    /// The GitHub Enterprise that it is for, as the file has it.
    pub(super) enterprise: Option<String>,
    pub(super) notes: Vec<String>,
}

impl From<ResolvedKey> for Output {
    fn from(found: ResolvedKey) -> Self {
        Output::Token { key: found.key, notes: found.notes }
    }
}

#[derive(Debug)]
pub(super) struct State {
    request: TokenRequest,
    /// The warning about the credential file.
    warning: Option<String>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The common case ends here.
    Reading(Read),
    /// The stored API key names a variable.
    Dereferencing(Secret),
    /// There is nothing stored, and no variable: is there such a provider at all?
    Missing(Missing),
    /// The environment holds a token that has to be exchanged.
    Exchanging(Exchange),
    /// The stored login is stale.
    Configuring(Credential),
    Refreshing(Refresh),
}

impl State {
    pub(super) fn new(request: TokenRequest) -> Self {
        State { request, warning: None, step: Step::Reading(Read::default()) }
    }

    pub(super) fn is_critical(&self) -> bool {
        matches!(&self.step, Step::Refreshing(refresh) if refresh.is_critical())
    }

    pub(super) fn start(&mut self) -> StepResult<ResolvedKey> {
        if let Some(value) = self.request.caller_key.take() {
            return done(by_prefix(value, Source::Caller));
        }
        match from_environment(&self.request.provider, &self.request.environment, true)
            .map_err(Error::from)?
        {
            Some(key) => self.variable(key),
            None => ask(Effect::ReadStore),
        }
    }

    pub(super) fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<ResolvedKey> {
        self.warning = event.warning().or(self.warning.take());
        let mut found = self.go_on(event, now_ms)?;
        if found.key.source == Source::Stored {
            found.notes.extend(self.warning.take());
        }
        Ok(found)
    }

    fn go_on(&mut self, event: &Event, now_ms: u64) -> StepResult<ResolvedKey> {
        match &mut self.step {
            Step::Reading(read) => match read.step(event) {
                Ok(store) => self.decide(&store, now_ms),
                Err(pause) => Err(pause),
            },
            Step::Dereferencing(literal) => {
                let Event::Variable { value } = event else {
                    return Err(unexpected(event, "read").into());
                };
                let value = value.as_ref().filter(|value| !value.is_empty()).unwrap_or(literal);
                done(by_prefix(value.clone(), Source::Stored))
            }
            Step::Missing(missing) => fail(missing.error(&table(event)?, &self.request.provider)),
            Step::Configuring(stored) => {
                let (table, stored) = (table(event)?, stored.clone());
                self.refresh(stored, &table, now_ms)
            }
            Step::Exchanging(exchange) => exchange.step(event, now_ms),
            Step::Refreshing(refresh) => match refresh.step(event, now_ms) {
                Err(pause) => Err(pause),
                Ok(Some(found)) => Ok(found),
                // The login is gone by now.
                Ok(None) => self.decide(&Store::of(event, "read")?, now_ms),
            },
        }
    }

    /// What the file says, as read without the lock or, where it did not parse at first, with it.
    fn decide(&mut self, store: &Store, now_ms: u64) -> StepResult<ResolvedKey> {
        match store.document.get(&self.request.provider) {
            Some(Entry::OAuth(stored)) => {
                let TokenRequest { min_validity_ms, rejected, .. } = &self.request;
                match fresh(&stored, *min_validity_ms, rejected.as_ref(), now_ms) {
                    Some(key) => serve(&stored, key, Vec::new()),
                    None => self.ask(Step::Configuring(stored), Effect::ReadOverrides),
                }
            }
            Some(Entry::ApiKey(Some(key))) => self.api_key(key),
            Some(Entry::Unknown) => self.nothing_stored(Missing::Unknown(store.path.clone())),
            Some(Entry::ApiKey(None)) | None => {
                self.nothing_stored(Missing::Absent(store.path.clone()))
            }
        }
    }

    /// A key of the environment; only Copilot's is none yet.
    fn variable(&mut self, key: Key) -> StepResult<ResolvedKey> {
        match key.source {
            Source::Variable(name) if self.request.provider == GITHUB_COPILOT => {
                let exchange = Exchange::new(name, key.value)?;
                self.ask(Step::Exchanging(exchange), Effect::ReadOverrides)
            }
            _ => done(key),
        }
    }

    fn nothing_stored(&mut self, missing: Missing) -> StepResult<ResolvedKey> {
        match from_environment(&self.request.provider, &self.request.environment, false)
            .map_err(Error::from)?
        {
            Some(key) => self.variable(key),
            None => self.ask(Step::Missing(missing), Effect::ReadOverrides),
        }
    }

    /// The agent lets a stored key be a command to run, or the name of a variable.
    fn api_key(&mut self, key: Secret) -> StepResult<ResolvedKey> {
        let name_character = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if key.expose().starts_with('!') {
            let provider = Table::built_in().label(&self.request.provider);
            let what = "a command, which is run only by the agent";
            return fail(Error::IndirectKey { provider, what });
        }
        if key.expose().chars().all(name_character) {
            let name = key.expose().to_string();
            return self.ask(Step::Dereferencing(key), Effect::ReadVariable { name });
        }
        done(by_prefix(key, Source::Stored))
    }

    fn refresh(
        &mut self,
        stored: Credential,
        table: &Table,
        now_ms: u64,
    ) -> StepResult<ResolvedKey> {
        let Some(configured) = table.get(&self.request.provider) else {
            return fail(Error::ForeignLogin { provider: table.label(&self.request.provider) });
        };
        let mut refresh = Refresh::new(configured, stored, &self.request);
        let turn = refresh.start(now_ms);
        self.step = Step::Refreshing(refresh);
        turn
    }

    fn ask(&mut self, step: Step, effect: Effect) -> StepResult<ResolvedKey> {
        self.step = step;
        ask(effect)
    }
}

/// As a job of its own; [`super::headers`] goes on with what it finds.
impl Machine for State {
    fn start(&mut self) -> StepResult {
        self.start().map(Output::from)
    }

    fn step(&mut self, event: &Event, now_ms: u64) -> StepResult {
        self.step(event, now_ms).map(Output::from)
    }

    fn is_critical(&self) -> bool {
        self.is_critical()
    }
}

/// The content of the credential file in place of a key; each with the file.
#[derive(Debug)]
enum Missing {
    /// Nothing.
    Absent(String),
    /// An entry of a kind that nobody here knows.
    Unknown(String),
}

impl Missing {
    fn error(&self, table: &Table, id: &str) -> Error {
        let provider = match (known(table, id), self) {
            (Ok(provider), _) => provider.label(),
            // It is there, so there is such a provider somewhere.
            (Err(_), Missing::Unknown(_)) => table.label(id),
            (Err(unknown), Missing::Absent(_)) => return *unknown,
        };
        match self {
            Missing::Unknown(path) => Error::UnknownEntry { provider, path: path.clone() },
            Missing::Absent(path) => {
                let (oauth, api_key) = key_variables(id);
                let (variable, path) = (api_key.or(oauth), path.clone());
                Error::NotLoggedIn { provider, variable, path }
            }
        }
    }
}

/// The provider as it is for a login to this Enterprise.
pub(super) fn located(
    configured: &Arc<Provider>,
    enterprise: Option<&str>,
) -> Result<Arc<Provider>, Box<Error>> {
    match Domain::parse(enterprise.unwrap_or_default()) {
        Ok(domain) => Ok(configured.at(domain.as_ref())),
        // Copilot alone looks at it.
        Err(_) if configured.copilot.is_none() => Ok(configured.clone()),
        Err(problem) => Err(Box::new(Error::Enterprise { problem, stored: true })),
    }
}

/// The stored access token, if it is really valid for longer than `min_validity_ms` and not the one
/// that was rejected.
fn fresh(
    stored: &Credential,
    min_validity_ms: u64,
    rejected: Option<&Secret>,
    now_ms: u64,
) -> Option<Key> {
    let access = stored.access_for(min_validity_ms, now_ms)?;
    (rejected != Some(access)).then(|| stored_key(stored, access.clone()))
}

fn stored_key(stored: &Credential, value: Secret) -> Key {
    let expires_ms = Some(stored.real_expiry_ms());
    Key { kind: KeyKind::OAuth, value, source: Source::Stored, expires_ms }
}

/// Serves a key of the stored login.
fn serve(stored: &Credential, key: Key, notes: Vec<String>) -> StepResult<ResolvedKey> {
    found(ResolvedKey { key, enterprise: stored.enterprise.clone(), notes })
}

fn done(key: Key) -> StepResult<ResolvedKey> {
    found(ResolvedKey { key, enterprise: None, notes: Vec::new() })
}

/// Every key goes through here: one that would break a header in two, or act on a terminal, was
/// meant by nobody.
fn found(found: ResolvedKey) -> StepResult<ResolvedKey> {
    match endpoint::is_token(&found.key.value) {
        true => Ok(found),
        false => fail(Error::UnusableKey { source: found.key.source }),
    }
}
