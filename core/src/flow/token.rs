//! Getting a key that can be sent now: a fresh token, or a refresh under the lock.
//!
//! ```text
//!   ReadStore ── fresh ─────────────────────────────────────────────▶ Done
//!       │ stale
//!   ReadOverrides ─▶ LockStore ─▶ ReadStore ── fresh by now ────────▶ Done
//!                                     │ still stale
//!                                 Http (refresh) ─▶ save::Save ─────▶ Done
//! ```
//!
//! A fresh token costs one read. Everything behind it runs under the lock, so that any number of
//! processes make one refresh, and one that failed is not repeated at once (see `backoff.rs`). Where no
//! refresh comes of it, a token that is still really valid is served with a note.

use alloc::format;
use alloc::string::{String, ToString};

use serde::Deserialize;

use super::backoff::Backoff;
use super::read::{self, Read};
use super::save::{Edit, Progress, Save};
use super::{Effect, Event, Output, Store, Turn, known, store_error, table, unexpected};
use crate::credential::{BUFFER_MS, Credential};
use crate::document::Entry;
use crate::environment::Environment;
use crate::error::Error;
use crate::oauth::token::{self, TokenError};
use crate::provider::{Provider, Table, key_variables};
use crate::resolve::{Key, KeyKind, Source, from_environment};
use crate::secret::Secret;

/// A wish for a key.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// The provider's id.
    pub provider: String,
    /// A key of the caller's own, which wins over everything.
    #[serde(default)]
    pub caller_key: Option<Secret>,
    /// How long the token must be valid for, in milliseconds of real validity; 5 minutes unless
    /// given, which is what the file means by fresh.
    #[serde(default = "default_min_validity_ms")]
    pub min_validity_ms: u64,
    /// The variables that are set.
    #[serde(default)]
    pub environment: Environment,
}

fn default_min_validity_ms() -> u64 {
    BUFFER_MS
}

impl Request {
    /// The wish for a token of `provider` that is fresh.
    pub fn new(provider: impl Into<String>, environment: Environment) -> Self {
        let provider = provider.into();
        Request { provider, caller_key: None, min_validity_ms: BUFFER_MS, environment }
    }

    pub(super) fn start(self) -> Turn<State> {
        if let Some(value) = self.caller_key.clone() {
            return done(Key::by_prefix(value, Source::Caller), None);
        }
        match from_environment(&self.provider, &self.environment, true) {
            Err(error) => Turn::Failed(error),
            Ok(Some(key)) => done(key, None),
            Ok(None) => {
                let (read, effect) = Read::start();
                Turn::Ask(State::Reading(self, read), effect)
            }
        }
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
    /// The stored login is stale.
    Configuring(Request, Credential),
    Locking(Refresh),
    Rereading(Refresh),
    /// Has a refresh of this token failed just now, in this process or another?
    Recalling(Refresh, String),
    /// The refresh is sent: from here on, the answer must reach the file.
    Refreshing(Refresh, Backoff, String),
    /// The failure is remembered first, for the processes that wait.
    Remembering(Refresh, TokenError),
    /// The provider refused for good; did somebody else store a newer token?
    Comparing(Refresh, TokenError),
    Saving(Refresh, Save),
}

/// A refresh and what it is for.
#[derive(Debug)]
pub(super) struct Refresh {
    request: Request,
    provider: Provider,
    /// The credential to refresh: what was last read.
    stored: Credential,
    /// Whether a refresh token of somebody else's was tried after ours was refused.
    retried: bool,
    /// Whether the provider gave a new refresh token in place of the one it was sent.
    rotated: bool,
}

impl State {
    pub(super) fn is_critical(&self) -> bool {
        matches!(self, State::Refreshing(..) | State::Saving(..))
    }

    pub(super) fn step(self, event: Event, now_ms: u64) -> Turn<State> {
        match (self, event) {
            (State::Reading(request, read), event) => match read.step(event) {
                read::Progress::Ask(read, effect) => {
                    Turn::Ask(State::Reading(request, read), effect)
                }
                read::Progress::Read(store) => decide(request, &store, now_ms),
                read::Progress::Failed(error) => Turn::Failed(error),
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
                    Ok(table) => configured(request, stored, &table),
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
            (State::Refreshing(refresh, backoff, path), Event::Response(response)) => {
                match token::answer(&response, now_ms) {
                    Ok(grant) => refresh.save(grant, path, now_ms),
                    Err(cause) => refresh.failed(cause, backoff, now_ms),
                }
            }
            (State::Refreshing(refresh, backoff, _), Event::TransportFailed { failure }) => {
                refresh.failed(TokenError::Transport(failure), backoff, now_ms)
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
fn decide(request: Request, store: &Store, now_ms: u64) -> Turn<State> {
    match store.document.get(&request.provider) {
        Some(Entry::OAuth(stored)) => match fresh(&stored, request.min_validity_ms, now_ms) {
            Some(key) => done(key, None),
            None => Turn::Ask(State::Configuring(request, stored), Effect::ReadOverrides),
        },
        Some(Entry::ApiKey(Some(key))) => api_key(&request.provider, key),
        Some(Entry::ApiKey(None) | Entry::Unknown) | None => nothing_stored(request),
    }
}

fn nothing_stored(request: Request) -> Turn<State> {
    match from_environment(&request.provider, &request.environment, false) {
        Err(error) => Turn::Failed(error),
        Ok(Some(key)) => done(key, None),
        Ok(None) => Turn::Ask(State::Missing(request), Effect::ReadOverrides),
    }
}

/// The agent lets a stored key be a command to run, or the name of a variable.
fn api_key(provider: &str, key: Secret) -> Turn<State> {
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
            Error::NotLoggedIn { provider: provider.label(), variable: key_variables(id).1 }
        }
    }
}

fn configured(request: Request, stored: Credential, table: &Table) -> Turn<State> {
    let provider = table.label(&request.provider);
    match table.get(&request.provider) {
        None => Turn::Failed(Error::ForeignLogin { provider }),
        Some(found) => {
            let provider = found.clone();
            let refresh = Refresh { request, provider, stored, retried: false, rotated: false };
            Turn::Ask(State::Locking(refresh), Effect::LockStore)
        }
    }
}

impl Refresh {
    /// Under the lock: has somebody else refreshed, logged in or logged out meanwhile?
    fn decide_again(mut self, store: Store, now_ms: u64) -> Turn<State> {
        let current = match store.document.get(&self.request.provider) {
            Some(Entry::OAuth(current)) => current,
            _ => return decide(self.request, &store, now_ms),
        };
        // What somebody has refreshed while we waited is as good as it gets: processes that ask for
        // a longer validity than tokens have must not refresh in turn.
        let news = current != self.stored;
        let wanted_ms = if news {
            self.request.min_validity_ms.min(BUFFER_MS)
        } else {
            self.request.min_validity_ms
        };
        if let Some(key) = fresh(&current, wanted_ms, now_ms) {
            let note = self.too_short(&key, now_ms);
            return done(key, note);
        }
        self.stored = current;
        if self.stored.refresh.is_none() {
            let provider = self.provider.label();
            return self.fall_back(Error::LoginEnded { provider, cause: None }, now_ms);
        }
        Turn::Ask(State::Recalling(self, store.path), Effect::ReadBackoff)
    }

    /// Unless the same has failed a moment ago.
    fn send(self, backoff: Backoff, path: String, now_ms: u64) -> Turn<State> {
        let token = self.refresh_token();
        if let Some(cause) = backoff.cause(&self.provider, &token, now_ms) {
            return self.refused(cause, now_ms);
        }
        let effect = Effect::Http {
            request: token::refresh(&self.provider, &token),
            activity: format!("Refreshing the token of {}", self.provider.label().short_name()),
        };
        Turn::Ask(State::Refreshing(self, backoff, path), effect)
    }

    fn refresh_token(&self) -> Secret {
        self.stored.refresh.clone().unwrap_or_default()
    }

    fn failed(self, cause: TokenError, backoff: Backoff, now_ms: u64) -> Turn<State> {
        let token = self.refresh_token();
        let cause = cause.without(core::slice::from_ref(&token));
        match backoff.remember(&self.provider, &token, &cause, now_ms) {
            None => self.refused(cause, now_ms),
            Some((contents, wait_ms)) => {
                let cause = cause.after(wait_ms);
                Turn::Ask(State::Remembering(self, cause), Effect::WriteBackoff { contents })
            }
        }
    }

    fn save(mut self, grant: token::Grant, path: String, now_ms: u64) -> Turn<State> {
        let used = self.stored.refresh.take().unwrap_or_default();
        self.stored = grant.credential(Some(&used), now_ms);
        self.rotated = self.stored.refresh.as_ref() != Some(&used);
        let edit = Edit::Refreshed {
            provider: self.provider.id.clone(),
            used,
            credential: self.stored.clone(),
        };
        self.saving(Save::start_locked(edit, path), now_ms)
    }

    fn saving(self, progress: Progress, now_ms: u64) -> Turn<State> {
        match progress {
            Progress::Ask(save, effect) => Turn::Ask(State::Saving(self, save), effect),
            Progress::Saved(_) => match fresh(&self.stored, 0, now_ms) {
                Some(key) => {
                    let note = self.too_short(&key, now_ms);
                    done(key, note)
                }
                // A lifetime of nothing: what the provider granted is served all the same.
                None => self.serve(None),
            },
            // The token exists nowhere else by now, so it is at least of use to the caller.
            Progress::Failed(error) => {
                let note = if self.rotated {
                    let login = format!("mend that, then run `pi login {}`", self.provider.id);
                    format!(
                        "{error} The provider has already replaced the stored login, so a new one \
                         will be due when this token expires: {login}."
                    )
                } else {
                    format!("{error} {}", error.advice())
                };
                self.serve(Some(note))
            }
        }
    }

    /// Serves the stored access token, however long it is still valid.
    fn serve(self, note: Option<String>) -> Turn<State> {
        let access = self.stored.access.clone().unwrap_or_default();
        done(stored_key(&self.stored, access), note)
    }

    fn refused(self, cause: TokenError, now_ms: u64) -> Turn<State> {
        if cause.is_invalid_grant() {
            return Turn::Ask(State::Comparing(self, cause), Effect::ReadStore);
        }
        let provider = self.provider.label();
        self.fall_back(Error::Refresh { provider, cause }, now_ms)
    }

    /// After `invalid_grant`: a process that ignored the lock may have been faster. What it stored
    /// is used, or refreshed in its turn.
    fn compare(
        mut self,
        cause: TokenError,
        read: Result<Store, Error>,
        now_ms: u64,
    ) -> Turn<State> {
        let entry = |store: &Store| store.document.get(&self.provider.id);
        if let Ok(store) = read
            && let Some(Entry::OAuth(current)) = entry(&store)
            && current.refresh != self.stored.refresh
            && !self.retried
        {
            self.retried = true;
            return self.decide_again(store, now_ms);
        }
        let provider = self.provider.label();
        self.fall_back(Error::LoginEnded { provider, cause: Some(cause) }, now_ms)
    }

    /// Serves what is still really valid, and says why it is not fresher; else fails.
    fn fall_back(self, error: Error, now_ms: u64) -> Turn<State> {
        match fresh(&self.stored, 0, now_ms) {
            Some(key) if !matches!(error, Error::Cancelled | Error::Protocol { .. }) => {
                let left_s = key.expires_ms.unwrap_or(0).saturating_sub(now_ms) / 1000;
                let left = format!("The stored token is still valid for {} min", left_s / 60);
                let note = format!("{error} {left} and was used. {}", error.advice());
                done(key, Some(note.trim_end().to_string()))
            }
            _ => Turn::Failed(error),
        }
    }

    fn too_short(&self, key: &Key, now_ms: u64) -> Option<String> {
        let left_ms = key.expires_ms.unwrap_or(u64::MAX).saturating_sub(now_ms);
        let asked_ms = self.request.min_validity_ms;
        (left_ms <= asked_ms && asked_ms > BUFFER_MS).then(|| {
            let label = self.provider.label();
            let (name, left) = (label.short_name(), left_ms / 60_000);
            format!("{name} grants tokens for only {left} min, less than was asked for.")
        })
    }
}

/// The stored access token, if it is really valid for longer than `min_validity_ms`.
fn fresh(stored: &Credential, min_validity_ms: u64, now_ms: u64) -> Option<Key> {
    let access = stored.access_for(min_validity_ms, now_ms)?;
    Some(stored_key(stored, access.clone()))
}

fn stored_key(stored: &Credential, value: Secret) -> Key {
    let expires_ms = Some(stored.real_expiry_ms());
    Key { kind: KeyKind::OAuth, value, source: Source::Stored, expires_ms }
}

fn done(key: Key, note: Option<String>) -> Turn<State> {
    Turn::Done(Output::Token { key, notes: note.into_iter().collect() })
}
