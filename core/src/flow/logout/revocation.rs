//! Telling providers, one after another, that a login is over (RFC 7009). Nothing here can fail:
//! what a provider does not confirm is reported.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Outcome, Revocation};
use crate::credential::Credential;
use crate::flow::discovery::Discovery;
use crate::flow::{Effect, Event, Turn};
use crate::oauth::endpoint::EndpointError;
use crate::oauth::revocation::{self, Hint};
use crate::provider::{Job, Label, Provider};
use crate::secret::Secret;

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
            provider.revocation_url.is_some() || provider.issuer_for(Job::Revocation).is_some()
        };
        self.token().is_some() && self.provider.as_ref().is_some_and(there_is_a_way)
    }

    /// With the refresh token the whole login ends.
    fn token(&self) -> Option<&Secret> {
        self.credential.refresh.as_ref().or(self.credential.access.as_ref())
    }
}

/// One login that is being revoked, those that wait, and what came of the others.
#[derive(Debug)]
pub(in crate::flow) struct Revoking {
    current: Login,
    step: Step,
    waiting: Vec<Login>,
    done: Vec<Revocation>,
}

#[derive(Debug)]
enum Step {
    Discovering(Discovery),
    Asking,
}

impl Revoking {
    pub(super) fn start(logins: Vec<Login>) -> Turn<Self, Vec<Revocation>> {
        next(logins, Vec::new())
    }

    pub(super) fn step(self, event: Event, now_ms: u64) -> Turn<Self, Vec<Revocation>> {
        let Revoking { current, step, waiting, done } = self;
        match (step, event) {
            // Whoever does not want to wait does not want to wait for the others, either.
            (_, Event::Cancelled) => {
                let stopped = |login: Login| {
                    let problem = "it was not waited for".to_string();
                    let outcome = match login.can_be_revoked() {
                        true => Outcome::NotConfirmed { problem },
                        false => Outcome::Unavailable,
                    };
                    Revocation { provider: login.label, outcome }
                };
                let others = core::iter::once(current).chain(waiting).map(stopped);
                Turn::Done(done.into_iter().chain(others).collect())
            }
            (Step::Discovering(discovery), event) => match discovery.step(event, now_ms) {
                Turn::Ask(discovery, effect) => {
                    let step = Step::Discovering(discovery);
                    Turn::Ask(Revoking { current, step, waiting, done }, effect)
                }
                Turn::Done(Ok(provider)) if provider.revocation_url.is_none() => {
                    current.ended(Outcome::Unavailable, waiting, done)
                }
                Turn::Done(Ok(provider)) => {
                    let current = Login { provider: Some(provider), ..current };
                    current.revoke(waiting, done)
                }
                Turn::Done(Err(cause)) => current.answered(Some(cause), waiting, done),
                Turn::Failed(error) => Turn::Failed(error),
            },
            (Step::Asking, Event::Response(response)) => {
                let cause = revocation::answer(&response, now_ms).err();
                current.answered(cause, waiting, done)
            }
            (Step::Asking, Event::TransportFailed { failure }) => {
                current.answered(Some(EndpointError::Transport(failure)), waiting, done)
            }
            (Step::Asking, event) => Turn::unexpected(event, "read"),
        }
    }
}

fn next(mut waiting: Vec<Login>, done: Vec<Revocation>) -> Turn<Revoking, Vec<Revocation>> {
    if waiting.is_empty() {
        return Turn::Done(done);
    }
    let current = waiting.remove(0);
    let provider = current.provider.as_ref();
    match provider.and_then(|provider| Discovery::start(provider, Job::Revocation)) {
        None => current.revoke(waiting, done),
        Some((discovery, effect)) => {
            let step = Step::Discovering(discovery);
            Turn::Ask(Revoking { current, step, waiting, done }, effect)
        }
    }
}

impl Login {
    fn revoke(self, waiting: Vec<Login>, done: Vec<Revocation>) -> Turn<Revoking, Vec<Revocation>> {
        let request = self.provider.as_ref().zip(self.token()).and_then(|(provider, token)| {
            let url = provider.revocation_url.as_deref()?;
            let hint = match self.credential.refresh {
                Some(_) => Hint::RefreshToken,
                None => Hint::AccessToken,
            };
            Some(revocation::request(provider, url, token, hint))
        });
        match request {
            None => self.ended(Outcome::Unavailable, waiting, done),
            Some(request) => {
                let activity =
                    format!("Telling {} that the login is over", self.label.short_name());
                let revoking = Revoking { current: self, step: Step::Asking, waiting, done };
                Turn::Ask(revoking, Effect::Http { request, activity, countdown: None })
            }
        }
    }

    fn answered(
        self,
        cause: Option<EndpointError>,
        waiting: Vec<Login>,
        done: Vec<Revocation>,
    ) -> Turn<Revoking, Vec<Revocation>> {
        let sent: Vec<Secret> = self.token().cloned().into_iter().collect();
        let outcome = match cause {
            None => Outcome::Confirmed,
            Some(cause) => Outcome::NotConfirmed { problem: cause.without(&sent).to_string() },
        };
        self.ended(outcome, waiting, done)
    }

    fn ended(
        self,
        outcome: Outcome,
        waiting: Vec<Login>,
        mut done: Vec<Revocation>,
    ) -> Turn<Revoking, Vec<Revocation>> {
        done.push(Revocation { provider: self.label, outcome });
        next(waiting, done)
    }
}
