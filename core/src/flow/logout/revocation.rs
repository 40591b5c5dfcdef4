//! Telling providers, one after another, that a login is over (RFC 7009). Nothing here can fail:
//! what a provider does not confirm is reported.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use super::{Outcome, Revocation};
use crate::flow::discovery::Discovery;
use crate::flow::machine::{StepResult, ask, unexpected};
use crate::flow::{Effect, Event};
use crate::oauth::client::Job;
use crate::oauth::endpoint::EndpointError;
use crate::oauth::revocation::{self, TokenTypeHint};
use crate::provider::{Label, Provider};
use crate::secret::Secret;
use crate::store::credential::Credential;

/// A login that was taken out of the file.
#[derive(Debug)]
pub(in crate::flow) struct Login {
    pub(super) label: Label,
    /// Unknown where only the agent knows it.
    pub(super) provider: Option<Arc<Provider>>,
    pub(super) credential: Credential,
}

impl Login {
    pub(super) fn can_be_revoked(&self) -> bool {
        let there_is_a_way = |provider: &Arc<Provider>| {
            provider.client.revocation_url.is_some()
                || provider.client.issuer_for(Job::Revocation).is_some()
        };
        self.token().is_some() && self.provider.as_ref().is_some_and(there_is_a_way)
    }

    /// With the refresh token the whole login ends.
    fn token(&self) -> Option<&Secret> {
        self.credential.refresh.as_ref().or(self.credential.access.as_ref())
    }
}

/// The logins to revoke, one after another.
#[derive(Debug)]
pub(in crate::flow) struct Revoking {
    logins: Vec<Login>,
    /// What came of them so far: the next login is the one at that place.
    done: Vec<Revocation>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Discovering(Discovery),
    Asking,
}

impl Revoking {
    pub(super) fn new(logins: Vec<Login>) -> Self {
        Revoking { logins, done: Vec::new(), step: Step::Asking }
    }

    /// Goes on with the next login that somebody can be told of.
    pub(super) fn start(&mut self) -> StepResult<Vec<Revocation>> {
        while let Some(login) = self.current() {
            let provider = login.provider.as_ref();
            let inquiry = provider.and_then(|it| Discovery::start(it, Job::Revocation));
            if let Some((discovery, effect)) = inquiry {
                self.step = Step::Discovering(discovery);
                return ask(effect);
            }
            if let Some(effect) = login.revoke() {
                self.step = Step::Asking;
                return ask(effect);
            }
            self.ended(Outcome::Unavailable);
        }
        Ok(mem::take(&mut self.done))
    }

    pub(super) fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<Vec<Revocation>> {
        let outcome = match (&mut self.step, event) {
            // Whoever does not want to wait does not want to wait for the others, either.
            (_, Event::Cancelled) => return Ok(self.stopped()),
            (Step::Discovering(discovery), event) => match discovery.step(event, now_ms) {
                Err(pause) => return Err(pause),
                Ok(Ok(provider)) => match self.discovered(provider) {
                    Some(effect) => return ask(effect),
                    None => Outcome::Unavailable,
                },
                Ok(Err(cause)) => self.not_confirmed(cause),
            },
            (Step::Asking, Event::Response(response)) => {
                match revocation::answer(response, now_ms) {
                    Ok(()) => Outcome::Confirmed,
                    Err(cause) => self.not_confirmed(cause),
                }
            }
            (Step::Asking, Event::TransportFailed { failure }) => {
                self.not_confirmed(EndpointError::transport(failure))
            }
            (Step::Asking, event) => return Err(unexpected(event, "read").into()),
        };
        self.ended(outcome);
        self.start()
    }

    fn current(&self) -> Option<&Login> {
        self.logins.get(self.done.len())
    }

    fn discovered(&mut self, provider: Arc<Provider>) -> Option<Effect> {
        let login = self.logins.get_mut(self.done.len())?;
        login.provider = Some(provider);
        let effect = login.revoke();
        self.step = Step::Asking;
        effect
    }

    fn not_confirmed(&self, cause: EndpointError) -> Outcome {
        let tokens = self.current().map(|login| login.credential.tokens());
        let cause = cause.without(&tokens.unwrap_or_default());
        Outcome::NotConfirmed { problem: cause.to_string() }
    }

    fn ended(&mut self, outcome: Outcome) {
        if let Some(login) = self.current() {
            let provider = login.label.clone();
            self.done.push(Revocation { provider, outcome });
        }
    }

    fn stopped(&mut self) -> Vec<Revocation> {
        while let Some(login) = self.current() {
            self.ended(match login.can_be_revoked() {
                true => Outcome::NotConfirmed { problem: "it was not waited for".into() },
                false => Outcome::Unavailable,
            });
        }
        mem::take(&mut self.done)
    }
}

impl Login {
    /// What tells the provider, if there is a way.
    fn revoke(&self) -> Option<Effect> {
        let (provider, token) = self.provider.as_ref().zip(self.token())?;
        let url = provider.client.revocation_url.as_deref()?;
        let hint = match self.credential.refresh {
            Some(_) => TokenTypeHint::RefreshToken,
            None => TokenTypeHint::AccessToken,
        };
        let request = revocation::request(&provider.client, url, token, hint);
        let activity = format!("Telling {} that the login is over", self.label.short_name());
        Some(Effect::http(request, activity))
    }
}
