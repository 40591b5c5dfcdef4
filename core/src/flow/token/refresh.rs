//! Refreshing under the lock: whether it is needed at all, what its answer means, and what is served
//! where it fails.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use super::{Found, Request, State, decide, located, serve, stored_key};
use crate::credential::{BUFFER_MS, Credential};
use crate::document::Entry;
use crate::error::Error;
use crate::flow::backoff::Backoff;
use crate::flow::save::{Edit, Save};
use crate::flow::{Effect, Store, Turn};
use crate::oauth::endpoint::{self, EndpointError};
use crate::oauth::token::Grant;
use crate::provider::Provider;
use crate::resolve::{Key, Source};
use crate::secret::Secret;

/// A refresh and what it is for.
#[derive(Debug)]
pub(in crate::flow) struct Refresh {
    pub(super) request: Request,
    /// The provider as the overrides have it.
    pub(super) configured: Arc<Provider>,
    /// The same as it is for this login.
    pub(super) provider: Arc<Provider>,
    /// The credential to refresh: what was last read.
    pub(super) stored: Credential,
    /// Whether a refresh token of somebody else's was tried after ours was refused.
    pub(super) retried: bool,
    /// Whether the provider gave a new refresh token in place of the one it was sent.
    pub(super) rotated: bool,
}

impl Refresh {
    /// Under the lock: has somebody else refreshed, logged in or logged out meanwhile?
    pub(super) fn decide_again(
        mut self: Box<Self>,
        store: Store,
        now_ms: u64,
    ) -> Turn<State, Found> {
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
        if let Some(key) = self.request.fresh(&current, wanted_ms, now_ms) {
            let note = self.too_short(&key, now_ms);
            return serve(&current, key, note);
        }
        match located(&self.configured, &current) {
            Ok(provider) => self.provider = provider,
            Err(error) => {
                self.stored = current;
                return self.fall_back(error, now_ms);
            }
        }
        self.stored = current;
        if self.stored.refresh.is_none() {
            let provider = self.provider.label();
            return self.fall_back(Error::LoginEnded { provider, cause: None }, now_ms);
        }
        Turn::Ask(State::Recalling(self, store.path), Effect::ReadBackoff)
    }

    /// Unless the same has failed a moment ago.
    pub(super) fn send(
        self: Box<Self>,
        backoff: Backoff,
        path: String,
        now_ms: u64,
    ) -> Turn<State, Found> {
        let token = self.refresh_token();
        if let Some(cause) = backoff.cause(&self.provider, &token, now_ms) {
            return self.refused(cause, now_ms);
        }
        if endpoint::token(token.clone()).is_none() {
            return self.fall_back(Error::UnusableKey { source: Source::Stored }, now_ms);
        }
        let effect = Effect::Http {
            request: self.provider.refresh(&token),
            activity: format!("Refreshing the token of {}", self.provider.label().short_name()),
            countdown: None,
        };
        Turn::Ask(State::Refreshing(self, backoff, path), effect)
    }

    fn refresh_token(&self) -> Secret {
        self.stored.refresh.clone().unwrap_or_default()
    }

    pub(super) fn failed(
        self: Box<Self>,
        cause: EndpointError,
        backoff: Backoff,
        now_ms: u64,
    ) -> Turn<State, Found> {
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

    pub(super) fn save(
        mut self: Box<Self>,
        grant: Grant,
        path: String,
        now_ms: u64,
    ) -> Turn<State, Found> {
        let used = self.stored.refresh.take().unwrap_or_default();
        let enterprise = self.stored.enterprise.take();
        self.stored = Credential { enterprise, ..grant.credential(Some(&used)) };
        self.rotated = self.stored.refresh.as_ref() != Some(&used);
        let edit = Edit::Refreshed {
            provider: self.provider.id.clone(),
            used,
            credential: self.stored.clone(),
        };
        self.saving(Save::start_locked(edit, path), now_ms)
    }

    pub(super) fn saving(
        self: Box<Self>,
        turn: Turn<Box<Save>, String>,
        now_ms: u64,
    ) -> Turn<State, Found> {
        match turn {
            Turn::Ask(save, effect) => Turn::Ask(State::Saving(self, save), effect),
            Turn::Done(_) => match self.request.fresh(&self.stored, 0, now_ms) {
                Some(key) => {
                    let note = self.too_short(&key, now_ms);
                    serve(&self.stored, key, note)
                }
                // A lifetime of nothing: what the provider granted is served all the same.
                None => self.serve_anyway(None),
            },
            // The token exists nowhere else by now, so it is at least of use to the caller.
            Turn::Failed(error) => {
                let note = if self.rotated {
                    let login = format!("mend that, then run `pi login {}`", self.provider.id);
                    format!(
                        "{error} The provider has already replaced the stored login, so a new one \
                         will be due when this token expires: {login}."
                    )
                } else {
                    format!("{error} {}", error.advice())
                };
                self.serve_anyway(Some(note))
            }
        }
    }

    /// Serves the stored access token, however long it is still valid.
    fn serve_anyway(&self, note: Option<String>) -> Turn<State, Found> {
        let access = self.stored.access.clone().unwrap_or_default();
        serve(&self.stored, stored_key(&self.stored, access), note)
    }

    pub(super) fn refused(
        self: Box<Self>,
        cause: EndpointError,
        now_ms: u64,
    ) -> Turn<State, Found> {
        if cause.is_invalid_grant() {
            return Turn::Ask(State::Comparing(self, cause), Effect::ReadStore);
        }
        let provider = self.provider.label();
        self.fall_back(Error::Refresh { provider, cause }, now_ms)
    }

    /// After a refusal for good: a process that ignored the lock may have been faster. What it
    /// stored is used, or refreshed in its turn.
    pub(super) fn compare(
        mut self: Box<Self>,
        cause: EndpointError,
        read: Result<Store, Error>,
        now_ms: u64,
    ) -> Turn<State, Found> {
        let entry = |store: &Store| store.document.get(&self.provider.id);
        if let Ok(store) = read
            && let Some(Entry::OAuth(current)) = entry(&store)
            && (current.refresh != self.stored.refresh
                || self
                    .request
                    .fresh(&current, self.request.min_validity_ms.min(BUFFER_MS), now_ms)
                    .is_some())
            && !self.retried
        {
            self.retried = true;
            return self.decide_again(store, now_ms);
        }
        let provider = self.provider.label();
        self.fall_back(Error::LoginEnded { provider, cause: Some(cause) }, now_ms)
    }

    /// Serves what is still really valid, and says why it is not fresher; else fails.
    pub(super) fn fall_back(&self, error: Error, now_ms: u64) -> Turn<State, Found> {
        match self.request.fresh(&self.stored, 0, now_ms) {
            Some(key) if !matches!(error, Error::Cancelled | Error::Protocol { .. }) => {
                let left_s = key.expires_ms.unwrap_or(0).saturating_sub(now_ms) / 1000;
                let left = format!("The stored token is still valid for {} min", left_s / 60);
                let note = format!("{error} {left} and was used. {}", error.advice());
                serve(&self.stored, key, Some(note.trim_end().to_string()))
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
