//! Refreshing under the lock: whether it is needed at all, what its answer means, and what is
//! served where it fails.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use super::attempt::Attempt;
use super::{ResolvedKey, TokenRequest, fresh, located, serve, stored_key};
use crate::error::Error;
use crate::flow::discovery::Discovery;
use crate::flow::files::{Store, blank};
use crate::flow::machine::{StepResult, Yield, ask, unexpected};
use crate::flow::save::{Edit, Save};
use crate::flow::{Effect, Event};
use crate::key::{Key, Source};
use crate::oauth::client::Job;
use crate::oauth::endpoint::{self, EndpointError, TokenFault};
use crate::oauth::token::TokenResponse;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::backoff::{Backoff, Tokens};
use crate::store::credential::{BUFFER_MS, Credential, Lifetime, MAX_EPOCH_MS};
use crate::store::document::Entry;

/// A refresh and what it is for.
#[derive(Debug)]
pub(in crate::flow) struct Refresh {
    /// How long the token must be valid for, in milliseconds.
    min_validity_ms: u64,
    /// The token that was refused, if that is why it is refreshed.
    rejected: Option<Secret>,
    /// The provider as the overrides have it.
    configured: Arc<Provider>,
    /// The same as it is for this login.
    provider: Arc<Provider>,
    /// The credential to refresh: what was last read.
    stored: Credential,
    /// The credential file.
    path: String,
    /// True if a refresh token of somebody else's was tried after ours was refused.
    retried: bool,
    /// The refresh token that was sent.
    sent: Secret,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// Where is the token endpoint? It is asked for before the lock: two slow answers would outlast
    /// the patience of those who wait for it.
    Discovering(Discovery),
    Locking,
    Rereading,
    /// Once it is sent, the answer must reach the file.
    Asking(Attempt),
    /// The provider refused for good; did somebody else store a newer token?
    Comparing(EndpointError),
    /// With what is wrong with the access token, if only the refresh token can be used.
    Saving(Save, Option<TokenFault>),
    /// The new refresh token is stored. The fault is remembered, so that others do not ask at once.
    Recalling(TokenFault),
    Remembering(TokenFault),
}

impl Refresh {
    pub(super) fn new(
        configured: &Arc<Provider>,
        stored: Credential,
        request: &TokenRequest,
    ) -> Self {
        Refresh {
            min_validity_ms: request.min_validity_ms,
            rejected: request.rejected.clone(),
            configured: configured.clone(),
            provider: configured.clone(),
            stored,
            path: String::new(),
            retried: false,
            sent: Secret::default(),
            step: Step::Locking,
        }
    }

    pub(super) fn is_critical(&self) -> bool {
        match &self.step {
            Step::Asking(attempt) => attempt.is_sent(),
            Step::Saving(..) => true,
            _ => false,
        }
    }

    pub(super) fn start(&mut self, now_ms: u64) -> StepResult<ResolvedKey> {
        if let Err(error) = self.locate() {
            return self.fall_back(error, now_ms);
        }
        match Discovery::start(&self.provider, Job::Refresh) {
            None => self.ask(Step::Locking, Effect::LockStore),
            Some((discovery, effect)) => self.ask(Step::Discovering(discovery), effect),
        }
    }

    /// Ends with `None` where the login is gone, as the file says that `event` brings.
    pub(super) fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<Option<ResolvedKey>> {
        let turn = match (&mut self.step, event) {
            (Step::Discovering(discovery), event) => match discovery.step(event, now_ms) {
                Ok(Ok(provider)) => {
                    (self.configured, self.provider) = (provider.clone(), provider);
                    self.ask(Step::Locking, Effect::LockStore)
                }
                Ok(Err(cause)) => self.not_refreshed(cause, now_ms),
                Err(Yield::Failed(error)) => self.fall_back(error, now_ms),
                Err(ask) => Err(ask),
            },
            (Step::Locking, Event::Locked) => self.ask(Step::Rereading, Effect::ReadStore),
            (Step::Locking, event) => self.fall_back(unexpected(event, "lock"), now_ms),
            (Step::Rereading, event) => {
                let store = Store::of(event, "read")?;
                if store.is_blank {
                    // The login was there a moment ago: somebody is writing without the lock.
                    return self.fall_back(blank(store.path), now_ms).map(Some);
                }
                match store.document.get(&self.provider.id) {
                    Some(Entry::OAuth(current)) => self.decide(current, store.path, now_ms),
                    _ => return Ok(None),
                }
            }
            (Step::Asking(attempt), event) => match attempt.step(event, now_ms) {
                Err(pause) => Err(pause),
                Ok(Ok(grant)) => self.save(grant, now_ms),
                Ok(Err(cause)) if cause.is_invalid_grant() => {
                    self.ask(Step::Comparing(cause), Effect::ReadStore)
                }
                Ok(Err(cause)) => self.not_refreshed(cause, now_ms),
            },
            (Step::Comparing(cause), Event::StoreRead { .. } | Event::StoreFailed { .. }) => {
                let cause = cause.clone();
                self.compare(cause, Store::of(event, "read"), now_ms)
            }
            (Step::Comparing(_), event) => Err(unexpected(event, "read").into()),
            (Step::Saving(save, fault), event) => match (save.step(event, now_ms), *fault) {
                (Ok(path), fault) => {
                    self.path = path;
                    self.saved(fault, now_ms)
                }
                (Err(Yield::Failed(error)), fault) => self.not_saved(error, fault, now_ms),
                (Err(ask), _) => Err(ask),
            },
            (Step::Recalling(fault), Event::BackoffRead { contents }) => {
                let fault = *fault;
                self.remember(fault, contents.as_ref(), now_ms)
            }
            (Step::Remembering(fault), Event::BackoffWritten) => {
                let cause = EndpointError::UnusableToken(*fault);
                self.not_refreshed(cause, now_ms)
            }
            (Step::Recalling(_) | Step::Remembering(_), event) => {
                Err(unexpected(event, "read").into())
            }
        };
        turn.map(Some)
    }

    /// The provider as it is for the stored login.
    fn locate(&mut self) -> Result<(), Box<Error>> {
        self.provider = located(&self.configured, self.stored.enterprise.as_deref())?;
        Ok(())
    }

    /// Under the lock: has somebody else refreshed or logged in meanwhile?
    fn decide(
        &mut self,
        current: Credential,
        path: String,
        now_ms: u64,
    ) -> StepResult<ResolvedKey> {
        // What somebody has refreshed while we waited is as good as it gets: processes that ask for
        // a longer validity than tokens have must not refresh in turn.
        let wanted_ms = match current == self.stored {
            true => self.min_validity_ms,
            false => self.min_validity_ms.min(BUFFER_MS),
        };
        self.stored = current;
        self.path = path;
        if let Some(key) = self.fresh(&self.stored, wanted_ms, now_ms) {
            return self.serve(key, None, now_ms);
        }
        if let Err(error) = self.locate() {
            return self.fall_back(error, now_ms);
        }
        let Some(token) = &self.stored.refresh else {
            let provider = self.provider.label();
            return self.fall_back(Box::new(Error::LoginEnded { provider, cause: None }), now_ms);
        };
        if !endpoint::is_token(token) {
            return self.fall_back(Box::new(Error::UnusableKey { source: Source::Stored }), now_ms);
        }
        let activity = format!("Refreshing the token of {}", self.provider.short_name());
        let attempt = Attempt::new(self.provider.clone(), self.stored.tokens(), activity);
        self.ask(Step::Asking(attempt), Effect::ReadBackoff)
    }

    fn save(&mut self, grant: TokenResponse, now_ms: u64) -> StepResult<ResolvedKey> {
        let fault = grant.access.as_ref().err().copied();
        let new = grant.credential(self.stored.refresh.as_ref(), now_ms);
        let old = mem::replace(&mut self.stored, new);
        self.sent = old.refresh.clone().unwrap_or_default();
        self.stored.enterprise.clone_from(&old.enterprise);
        if fault.is_some() {
            self.expire(old, now_ms);
        }
        let edit = Edit::Refreshed {
            provider: self.provider.id.clone(),
            used: self.sent.clone(),
            credential: self.stored.clone(),
        };
        let save = Save::locked(edit, self.path.clone());
        self.ask(Step::Saving(save, fault), Effect::ReadStore)
    }

    /// Keeps the access token of the `old` login, so that the entry has all that the agent expects,
    /// but as one that is due: the next one who asks refreshes it, with the new refresh token.
    fn expire(&mut self, old: Credential, now_ms: u64) {
        if old.access.is_none() || old.access == self.rejected {
            return;
        }
        let end = if old.expires > now_ms { Some(old.real_expiry_ms()) } else { old.end };
        let expires = old.expires.min(now_ms);
        (self.stored.access, self.stored.expires, self.stored.end) = (old.access, expires, end);
    }

    fn saved(&mut self, fault: Option<TokenFault>, now_ms: u64) -> StepResult<ResolvedKey> {
        if let Some(fault) = fault {
            return self.ask(Step::Recalling(fault), Effect::ReadBackoff);
        }
        let lifetime = Lifetime::until(self.stored.real_expiry_ms(), now_ms);
        let note = lifetime.note(self.provider.short_name());
        match self.fresh(&self.stored, 0, now_ms) {
            Some(key) => self.serve(key, note, now_ms),
            // A lifetime of nothing: what the provider granted is served all the same.
            None => self.serve_anyway(Vec::new()),
        }
    }

    fn remember(
        &mut self,
        fault: TokenFault,
        contents: Option<&Secret>,
        now_ms: u64,
    ) -> StepResult<ResolvedKey> {
        let cause = EndpointError::UnusableToken(fault);
        let token = self.stored.refresh.clone().unwrap_or_default();
        let mut backoff = Backoff::parse(contents);
        let tokens = Tokens { sent: &self.sent, next: &token };
        match backoff.remember(&self.provider, tokens, &cause, now_ms) {
            Some((contents, _)) => {
                self.ask(Step::Remembering(fault), Effect::WriteBackoff { contents })
            }
            None => self.not_refreshed(cause, now_ms),
        }
    }

    /// A new access token is at least of use to the caller; after a `fault` there is only the old
    /// one, if it is still valid.
    fn not_saved(
        &self,
        error: Box<Error>,
        fault: Option<TokenFault>,
        now_ms: u64,
    ) -> StepResult<ResolvedKey> {
        // The refresh token that is stored is spent if the provider gave a new one in its place.
        let error = match self.stored.refresh.as_ref() == Some(&self.sent) {
            true => error,
            false => Box::new(Error::NotStored { provider: self.provider.label(), cause: error }),
        };
        match fault {
            None => self.serve_anyway([format!("{error} {}", error.advice())].into()),
            Some(_) => self.fall_back(error, now_ms),
        }
    }

    /// Serves the stored access token, however long it is still valid.
    fn serve_anyway(&self, notes: Vec<String>) -> StepResult<ResolvedKey> {
        let access = self.stored.access.clone().unwrap_or_default();
        serve(&self.stored, stored_key(&self.stored, access), notes)
    }

    fn not_refreshed(&self, cause: EndpointError, now_ms: u64) -> StepResult<ResolvedKey> {
        let provider = self.provider.label();
        self.fall_back(Box::new(Error::Refresh { provider, cause }), now_ms)
    }

    /// After a refusal for good: a process that ignored the lock may have been faster. What it
    /// stored is used, or refreshed in its turn.
    fn compare(
        &mut self,
        cause: EndpointError,
        read: Result<Store, Box<Error>>,
        now_ms: u64,
    ) -> StepResult<ResolvedKey> {
        if let Ok(store) = read
            && let Some(Entry::OAuth(current)) = store.document.get(&self.provider.id)
            && (current.refresh != self.stored.refresh
                || self.fresh(&current, self.min_validity_ms.min(BUFFER_MS), now_ms).is_some())
            && !self.retried
        {
            self.retried = true;
            return self.decide(current, store.path, now_ms);
        }
        let provider = self.provider.label();
        self.fall_back(Box::new(Error::LoginEnded { provider, cause: Some(cause) }), now_ms)
    }

    fn fresh(&self, stored: &Credential, min_validity_ms: u64, now_ms: u64) -> Option<Key> {
        fresh(stored, min_validity_ms, self.rejected.as_ref(), now_ms)
    }

    /// Serves what is still really valid, and says why it is not fresher; else fails.
    fn fall_back(&self, error: Box<Error>, now_ms: u64) -> StepResult<ResolvedKey> {
        match self.fresh(&self.stored, 0, now_ms) {
            Some(key) if !matches!(*error, Error::Cancelled | Error::Protocol { .. }) => {
                let left_s = key.expires_ms.unwrap_or(0).saturating_sub(now_ms) / 1000;
                let left = format!("The stored token is still valid for {} min", left_s / 60);
                let note = format!("{error} {left} and was used. {}", error.advice());
                serve(&self.stored, key, [note.trim_end().to_string()].into())
            }
            _ => Err(error.into()),
        }
    }

    /// Serves a fresh key with a note, if there is one, and says so where it is not as fresh as was
    /// asked for.
    fn serve(&self, key: Key, note: Option<String>, now_ms: u64) -> StepResult<ResolvedKey> {
        let expires_ms = key.expires_ms.unwrap_or(u64::MAX);
        let (left_ms, asked_ms) = (expires_ms.saturating_sub(now_ms), self.min_validity_ms);
        let mut notes = Vec::from_iter(note);
        if expires_ms < MAX_EPOCH_MS && left_ms <= asked_ms && asked_ms > BUFFER_MS {
            let (name, left) = (self.provider.short_name(), left_ms / 60_000);
            notes.push(format!(
                "{name} grants tokens for only {left} min, less than was asked for."
            ));
        }
        serve(&self.stored, key, notes)
    }

    fn ask(&mut self, step: Step, effect: Effect) -> StepResult<ResolvedKey> {
        self.step = step;
        ask(effect)
    }
}
