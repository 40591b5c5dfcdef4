//! The first exchange of a GitHub token for a Copilot token.
//!
//! The person has authorized, so the login is kept whatever a server in trouble says: where no
//! Copilot token can be had now, the GitHub token is stored, and the next `pi token` goes on.

use alloc::format;
use alloc::string::{String, ToString};

use crate::credential::Credential;
use crate::error::Error;
use crate::flow::{Effect, Event, Turn};
use crate::oauth::endpoint::EndpointError;
use crate::provider::Provider;
use crate::secret::Secret;

/// How often it is tried.
const MAX_TRIES: u32 = 3;
/// The pause before the second try, in milliseconds; before the third, twice as long.
const PAUSE_MS: u64 = 1_000;

/// An exchange under way.
#[derive(Debug)]
pub(in crate::flow) struct Exchange {
    github_token: Secret,
    tries: u32,
    /// Why the last try failed.
    cause: Option<EndpointError>,
}

impl Exchange {
    pub(super) fn start(provider: &Provider, github_token: Secret) -> (Self, Effect) {
        Exchange { github_token, tries: 0, cause: None }.send(provider)
    }

    fn send(self, provider: &Provider) -> (Self, Effect) {
        let request = provider.refresh(&self.github_token);
        let activity = format!("Getting a token of {}", provider.label().short_name());
        (
            Exchange { tries: self.tries + 1, ..self },
            Effect::Http { request, activity, countdown: None },
        )
    }

    /// Ends with what to store, and what to tell.
    pub(super) fn step(
        self,
        provider: &Provider,
        event: Event,
        now_ms: u64,
    ) -> Turn<Self, (Credential, Option<String>)> {
        match (&self.cause, event) {
            (Some(_), Event::Woke) => {
                let (exchange, effect) = Exchange { cause: None, ..self }.send(provider);
                Turn::Ask(exchange, effect)
            }
            (None, Event::Response(response)) => match provider.refreshed(&response, now_ms) {
                Ok(grant) => Turn::Done((grant.credential(Some(&self.github_token)), None)),
                Err(cause) => self.failed(provider, cause, now_ms),
            },
            (None, Event::TransportFailed { failure }) => {
                self.failed(provider, EndpointError::Transport(failure), now_ms)
            }
            // They have authorized already: what that brought is not thrown away.
            (_, Event::Cancelled) => self.without_token(provider, "it was not waited for"),
            (_, event) => Turn::unexpected(event, "read"),
        }
    }

    fn failed(
        self,
        provider: &Provider,
        cause: EndpointError,
        now_ms: u64,
    ) -> Turn<Self, (Credential, Option<String>)> {
        let cause = cause.without(core::slice::from_ref(&self.github_token));
        if !cause.is_passing() {
            return Turn::Failed(Error::Login { provider: provider.label(), cause });
        }
        // A server that asks to be left alone for long is left alone.
        let pause_ms = PAUSE_MS << (self.tries - 1);
        let is_patient = cause.retry_after_ms().is_none_or(|ms| ms <= pause_ms);
        if self.tries < MAX_TRIES && is_patient {
            let at_ms = now_ms.saturating_add(pause_ms);
            let exchange = Exchange { cause: Some(cause), ..self };
            return Turn::Ask(exchange, Effect::WaitUntil { at_ms, countdown: None });
        }
        self.without_token(provider, &cause.to_string())
    }

    fn without_token(
        self,
        provider: &Provider,
        why: &str,
    ) -> Turn<Self, (Credential, Option<String>)> {
        let provider = provider.label();
        let note = format!(
            "There is no token of {} yet: {why}. The login is stored all the same; the token comes \
             when it is asked for (pi token {}). Models are looked up at a login only.",
            provider.short_name(),
            provider.id
        );
        let credential = Credential {
            access: None,
            refresh: Some(self.github_token),
            expires: 0,
            enterprise: None,
        };
        Turn::Done((credential, Some(note)))
    }
}
