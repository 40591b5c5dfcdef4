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
//! processes make one refresh, and one that failed is not repeated at once (see `backoff.rs`). Where no
//! refresh comes of it, a token that is still really valid is served with a note.
//!
//! A GitHub token of the environment is exchanged each time: nothing of it is stored.

mod exchange;
mod refresh;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::backoff::Backoff;
use super::discovery::Discovery;
use super::read::Read;
use super::save::Save;
use super::{Effect, Event, Output, Store, Turn, known, store_error, table, unexpected};
use crate::credential::{BUFFER_MS, Credential};
use crate::document::Entry;
use crate::environment::Environment;
use crate::error::Error;
use crate::json::object;
use crate::oauth::endpoint::{self, EndpointError};
use crate::provider::github_copilot::domain::Domain;
use crate::provider::{BadDomain, GITHUB_COPILOT, Job, Provider, Table, key_variables};
use crate::resolve::{Key, KeyKind, Source, from_environment};
use crate::secret::Secret;

use exchange::Exchange;
use refresh::Refresh;

/// A wish for a key.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename = "TokenRequest"))]
pub struct Request {
    /// The provider's id.
    pub provider: String,
    /// A key of the caller's own, which wins over everything.
    #[cfg_attr(test, ts(optional))]
    pub caller_key: Option<Secret>,
    /// How long the token must be valid for, in milliseconds of real validity; 5 minutes unless
    /// given, which is what the file means by fresh.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub min_validity_ms: u64,
    /// A token that a server has refused: if that is what is stored, it is refreshed whatever its
    /// age.
    #[cfg_attr(test, ts(optional))]
    pub rejected: Option<Secret>,
    /// The variables that are set.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub environment: Environment,
}

object! { Request {
    provider,
    caller_key: secret,
    min_validity_ms: default default_min_validity_ms,
    rejected: secret,
    environment: secret default,
} }

fn default_min_validity_ms() -> u64 {
    BUFFER_MS
}

impl Request {
    /// The wish for a token of `provider` that is fresh.
    pub fn new(provider: impl Into<String>, environment: Environment) -> Self {
        let provider = provider.into();
        let (caller_key, min_validity_ms, rejected) = (None, BUFFER_MS, None);
        Request { provider, caller_key, min_validity_ms, rejected, environment }
    }

    /// The stored access token, if it is really valid for longer than `min_validity_ms` and nobody has
    /// refused it.
    fn fresh(&self, stored: &Credential, min_validity_ms: u64, now_ms: u64) -> Option<Key> {
        let access = stored.access_for(min_validity_ms, now_ms)?;
        let is_rejected = self.rejected.as_ref() == Some(access);
        (!is_rejected).then(|| stored_key(stored, access.clone()))
    }

    pub(super) fn start(self) -> Turn<State, Found> {
        if let Some(value) = self.caller_key.clone() {
            return done(Key::by_prefix(value, Source::Caller), None);
        }
        match from_environment(&self.provider, &self.environment, true) {
            Err(error) => Turn::Failed(error),
            Ok(Some(key)) => variable(self, key),
            Ok(None) => {
                let (read, effect) = Read::start();
                Turn::Ask(State::Reading(self, read), effect)
            }
        }
    }
}

/// A key, and what it is for.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: Key,
    /// The GitHub Enterprise that it is for.
    pub(super) enterprise: Result<Option<Domain>, BadDomain>,
    pub(super) notes: Vec<String>,
}

impl From<Found> for Output {
    fn from(found: Found) -> Self {
        Output::Token { key: found.key, notes: found.notes }
    }
}

#[derive(Debug)]
pub(super) enum State {
    /// The common case ends here.
    Reading(Request, Read),
    /// The stored API key names a variable.
    Dereferencing(Secret),
    /// There is nothing stored, and no variable: is there such a provider at all?
    Missing(Request),
    /// The environment holds a token that has to be exchanged.
    Exchanging(Exchange),
    /// The stored login is stale.
    Configuring(Request, Credential),
    /// Where is the token endpoint? It is asked for before the lock: two slow answers would outlast
    /// the patience of those who wait for it.
    Discovering(Box<Refresh>, Discovery),
    Locking(Box<Refresh>),
    Rereading(Box<Refresh>),
    /// Has a refresh of this token failed just now, in this process or another?
    Recalling(Box<Refresh>, String),
    /// The refresh is sent: from here on, the answer must reach the file.
    Refreshing(Box<Refresh>, Backoff, String),
    /// The failure is remembered first, for the processes that wait.
    Remembering(Box<Refresh>, EndpointError),
    /// The provider refused for good; did somebody else store a newer token?
    Comparing(Box<Refresh>, EndpointError),
    Saving(Box<Refresh>, Box<Save>),
}

impl State {
    pub(super) fn is_critical(&self) -> bool {
        matches!(self, State::Refreshing(..) | State::Saving(..))
    }

    pub(super) fn step(self, event: Event, now_ms: u64) -> Turn<State, Found> {
        match (self, event) {
            (State::Reading(request, read), event) => match read.step(event) {
                Turn::Ask(read, effect) => Turn::Ask(State::Reading(request, read), effect),
                Turn::Done(store) => decide(request, &store, now_ms),
                Turn::Failed(error) => Turn::Failed(error),
            },
            (State::Dereferencing(literal), Event::Variable { value }) => {
                let value = value.filter(|value| !value.is_empty()).unwrap_or(literal);
                done(Key::by_prefix(value, Source::Stored), None)
            }
            (State::Missing(request), Event::OverridesRead { path, contents }) => {
                Turn::Failed(match table(path, contents) {
                    Err(error) => error,
                    Ok(table) => missing(&table, &request.provider),
                })
            }
            (State::Configuring(request, stored), Event::OverridesRead { path, contents }) => {
                match table(path, contents) {
                    Err(error) => Turn::Failed(error),
                    Ok(table) => configured(request, stored, &table, now_ms),
                }
            }
            (State::Locking(refresh), Event::Locked) => {
                Turn::Ask(State::Rereading(refresh), Effect::ReadStore)
            }
            (State::Locking(refresh), event) => {
                refresh.fall_back(unexpected(event, "lock"), now_ms)
            }
            (State::Rereading(refresh), Event::StoreRead { path, contents }) => {
                match Store::parse(path, contents) {
                    Err(corrupt) => Turn::Failed(corrupt),
                    Ok(store) => refresh.decide_again(store, now_ms),
                }
            }
            (State::Recalling(refresh, path), Event::BackoffRead { contents }) => {
                refresh.send(Backoff::parse(contents.as_ref()), path, now_ms)
            }
            (State::Exchanging(exchange), event) => {
                exchange.step(event, now_ms).map(State::Exchanging)
            }
            (State::Discovering(mut refresh, discovery), event) => {
                match discovery.step(event, now_ms) {
                    Turn::Ask(discovery, effect) => {
                        Turn::Ask(State::Discovering(refresh, discovery), effect)
                    }
                    Turn::Done(Ok(provider)) => {
                        (refresh.configured, refresh.provider) = (provider.clone(), provider);
                        Turn::Ask(State::Locking(refresh), Effect::LockStore)
                    }
                    Turn::Done(Err(cause)) => {
                        let provider = refresh.provider.label();
                        refresh.fall_back(Error::Refresh { provider, cause }, now_ms)
                    }
                    Turn::Failed(error) => refresh.fall_back(error, now_ms),
                }
            }
            (State::Refreshing(refresh, backoff, path), Event::Response(response)) => {
                match refresh.provider.refreshed(&response, now_ms) {
                    Ok(grant) => refresh.save(grant, path, now_ms),
                    Err(cause) => refresh.failed(cause, backoff, now_ms),
                }
            }
            (State::Refreshing(refresh, backoff, _), Event::TransportFailed { failure }) => {
                refresh.failed(EndpointError::Transport(failure), backoff, now_ms)
            }
            (State::Remembering(refresh, cause), Event::BackoffWritten) => {
                refresh.refused(cause, now_ms)
            }
            (State::Comparing(refresh, cause), Event::StoreRead { path, contents }) => {
                refresh.compare(cause, Store::parse(path, contents), now_ms)
            }
            (State::Comparing(refresh, cause), Event::StoreFailed { path, failure }) => {
                refresh.compare(cause, Err(store_error(path, "read", failure)), now_ms)
            }
            (State::Saving(refresh, save), event) => {
                refresh.saving(save.step(event, now_ms), now_ms)
            }
            (_, event) => Turn::unexpected(event, "read"),
        }
    }
}

/// What the file says, as read without the lock or, where it did not parse at first, with it.
fn decide(request: Request, store: &Store, now_ms: u64) -> Turn<State, Found> {
    match store.document.get(&request.provider) {
        Some(Entry::OAuth(stored)) => match request.fresh(&stored, request.min_validity_ms, now_ms)
        {
            Some(key) => serve(&stored, key, None),
            None => Turn::Ask(State::Configuring(request, stored), Effect::ReadOverrides),
        },
        Some(Entry::ApiKey(Some(key))) => api_key(&request.provider, key),
        Some(Entry::ApiKey(None) | Entry::Unknown) | None => nothing_stored(request),
    }
}

/// A key of the environment; only Copilot's is none yet.
fn variable(request: Request, key: Key) -> Turn<State, Found> {
    match &key.source {
        Source::Variable(name) if request.provider == GITHUB_COPILOT => {
            Exchange::start(name.clone(), key.value, State::Exchanging)
        }
        _ => done(key, None),
    }
}

fn nothing_stored(request: Request) -> Turn<State, Found> {
    match from_environment(&request.provider, &request.environment, false) {
        Err(error) => Turn::Failed(error),
        Ok(Some(key)) => variable(request, key),
        Ok(None) => Turn::Ask(State::Missing(request), Effect::ReadOverrides),
    }
}

/// The agent lets a stored key be a command to run, or the name of a variable.
fn api_key(provider: &str, key: Secret) -> Turn<State, Found> {
    let name_character = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if key.expose().starts_with('!') {
        let provider = Table::built_in().label(provider);
        let what = "a command, which is run only by the agent";
        return Turn::Failed(Error::IndirectKey { provider, what });
    }
    if key.expose().chars().all(name_character) {
        let name = key.expose().to_string();
        return Turn::Ask(State::Dereferencing(key), Effect::ReadVariable { name });
    }
    done(Key::by_prefix(key, Source::Stored), None)
}

fn missing(table: &Table, id: &str) -> Error {
    match known(table, id) {
        Err(unknown) => unknown,
        Ok(provider) => {
            let (oauth, api_key) = key_variables(id);
            Error::NotLoggedIn { provider: provider.label(), variable: api_key.or(oauth) }
        }
    }
}

fn configured(
    request: Request,
    stored: Credential,
    table: &Table,
    now_ms: u64,
) -> Turn<State, Found> {
    let Some(configured) = table.get(&request.provider).cloned() else {
        return Turn::Failed(Error::ForeignLogin { provider: table.label(&request.provider) });
    };
    let located = located(&configured, &stored);
    let provider = configured.clone();
    let (retried, rotated) = (false, false);
    let refresh = Refresh { request, configured, provider, stored, retried, rotated };
    let mut refresh = Box::new(refresh);
    match located {
        Err(error) => refresh.fall_back(error, now_ms),
        Ok(provider) => {
            refresh.provider = provider;
            match Discovery::start(&refresh.provider, Job::Refresh) {
                None => Turn::Ask(State::Locking(refresh), Effect::LockStore),
                Some((discovery, effect)) => {
                    Turn::Ask(State::Discovering(refresh, discovery), effect)
                }
            }
        }
    }
}

/// The provider as it is for a stored login.
fn located(configured: &Arc<Provider>, stored: &Credential) -> Result<Arc<Provider>, Error> {
    match Domain::parse(stored.enterprise.as_deref().unwrap_or_default()) {
        Ok(domain) => Ok(configured.at(domain.as_ref())),
        // Copilot alone looks at it.
        Err(_) if configured.copilot.is_none() => Ok(configured.clone()),
        Err(problem) => Err(Error::Enterprise { problem, stored: true }),
    }
}

fn stored_key(stored: &Credential, value: Secret) -> Key {
    let expires_ms = Some(stored.real_expiry_ms());
    Key { kind: KeyKind::OAuth, value, source: Source::Stored, expires_ms }
}

/// Serves a key of the stored login.
fn serve(stored: &Credential, key: Key, note: Option<String>) -> Turn<State, Found> {
    let enterprise = Domain::parse(stored.enterprise.as_deref().unwrap_or_default());
    found(Found { key, enterprise, notes: note.into_iter().collect() })
}

fn done<S>(key: Key, note: Option<String>) -> Turn<S, Found> {
    found(Found { key, enterprise: Ok(None), notes: note.into_iter().collect() })
}

/// Every key goes through here: one that would break a header in two, or act on a terminal, was
/// meant by nobody.
fn found<S>(found: Found) -> Turn<S, Found> {
    match endpoint::token(found.key.value.clone()) {
        Some(_) => Turn::Done(found),
        None => Turn::Failed(Error::UnusableKey { source: found.key.source }),
    }
}
