//! The first exchange of a GitHub token for a Copilot token.
//!
//! The person has authorized, so the login is kept whatever a server in trouble says: where no
//! Copilot token can be had now, the GitHub token is stored, and the next `pi token` goes on.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::slice;

use crate::error::Error;
use crate::flow::machine::{StepResult, ask, fail, unexpected};
use crate::flow::{Effect, Event};
use crate::oauth::endpoint::EndpointError;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::credential::{Credential, Lifetime};

/// How often it is tried.
const MAX_TRIES: u32 = 3;
/// The pause before the second try, in milliseconds; before the third, twice as long.
const PAUSE_MS: u64 = 1_000;

/// An exchange under way.
#[derive(Debug)]
pub(in crate::flow) struct Exchange {
    provider: Arc<Provider>,
    github_token: Secret,
    tries: u32,
    /// Why the last try failed.
    cause: Option<EndpointError>,
}

impl Exchange {
    pub(super) fn new(provider: Arc<Provider>, github_token: Secret) -> Self {
        Exchange { provider, github_token, tries: 0, cause: None }
    }

    /// Begins, or tries again.
    pub(super) fn send(&mut self) -> Effect {
        self.tries += 1;
        self.cause = None;
        let activity = format!("Getting a token of {}", self.provider.short_name());
        Effect::http(self.provider.refresh(&self.github_token), activity)
    }

    /// Ends with what to store, and what to tell.
    pub(super) fn step(
        &mut self,
        event: &Event,
        now_ms: u64,
    ) -> StepResult<(Credential, Option<String>)> {
        match (&self.cause, event) {
            (Some(_), Event::Woke) => ask(self.send()),
            (None, Event::Response(response)) => match self.provider.refreshed(response, now_ms) {
                Ok(grant) => {
                    let lifetime = Lifetime::until(grant.expires_ms, now_ms);
                    let credential = grant.credential(Some(&self.github_token), now_ms);
                    Ok((credential, lifetime.note(self.provider.short_name())))
                }
                Err(cause) => self.failed(*cause, now_ms),
            },
            (None, Event::TransportFailed { failure }) => {
                self.failed(EndpointError::transport(failure), now_ms)
            }
            // They have authorized already: what that brought is not thrown away.
            (_, Event::Cancelled) => Ok(self.without_token("it was not waited for")),
            (_, event) => Err(unexpected(event, "read").into()),
        }
    }

    fn failed(
        &mut self,
        cause: EndpointError,
        now_ms: u64,
    ) -> StepResult<(Credential, Option<String>)> {
        let cause = cause.without(slice::from_ref(&self.github_token));
        if !cause.is_passing() {
            return fail(Error::Login { provider: self.provider.label(), cause });
        }
        // A server that asks to be left alone for long is left alone.
        let pause_ms = PAUSE_MS << (self.tries - 1);
        let is_patient = cause.retry_after_ms().is_none_or(|ms| ms <= pause_ms);
        if self.tries < MAX_TRIES && is_patient {
            self.cause = Some(cause);
            let at_ms = now_ms.saturating_add(pause_ms);
            return ask(Effect::WaitUntil { at_ms, countdown: None });
        }
        Ok(self.without_token(&cause.to_string()))
    }

    fn without_token(&self, why: &str) -> (Credential, Option<String>) {
        let note = format!(
            "{} Models are looked up at a login only.",
            without_token_yet(&self.provider, why)
        );
        let refresh = Some(self.github_token.clone());
        let credential =
            Credential { access: None, refresh, expires: 0, end: None, enterprise: None };
        (credential, Some(note))
    }
}

/// The note for a login that is stored before there is an access token.
pub(super) fn without_token_yet(provider: &Provider, why: &str) -> String {
    format!(
        "There is no token of {} yet: {why}. The login is stored all the same; the token comes \
         when it is asked for (pi token {}).",
        provider.short_name(),
        provider.id
    )
}
