//! Exchanging a GitHub token of the environment for a Copilot token, which nothing stores.
//!
//! ```text
//!   ReadOverrides ─▶ ReadBackoff ─▶ Http ─▶ Done, or WriteBackoff ─▶ Failed
//! ```

use alloc::string::String;

use super::attempt::Attempt;
use super::{Key, KeyKind, ResolvedKey, Source, found};
use crate::error::Error;
use crate::flow::files::{known, table};
use crate::flow::machine::{StepResult, ask, fail};
use crate::flow::{Effect, Event};
use crate::oauth::endpoint::{self, EndpointError};
use crate::provider::GITHUB_COPILOT;
use crate::secret::Secret;
use crate::store::credential::Lifetime;

/// A token of the environment.
#[derive(Debug)]
pub(in crate::flow) struct Exchange {
    /// The variable that holds it.
    variable: String,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Configuring(Secret),
    Asking(Attempt),
}

impl Exchange {
    /// Begins with `Effect::ReadOverrides`.
    pub(super) fn new(variable: String, token: Secret) -> Result<Self, Error> {
        match endpoint::is_token(&token) {
            false => Err(Error::UnusableKey { source: Source::Variable(variable) }),
            true => Ok(Exchange { variable, step: Step::Configuring(token) }),
        }
    }

    pub(super) fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<ResolvedKey> {
        match &mut self.step {
            Step::Configuring(token) => {
                let table = table(event)?;
                let provider = known(&table, GITHUB_COPILOT)?.at(None);
                let activity = "Getting a token of GitHub Copilot";
                let tokens = [token.clone(), Secret::default()];
                let attempt = Attempt::new(provider, tokens, activity.into());
                self.step = Step::Asking(attempt);
                ask(Effect::ReadBackoff)
            }
            Step::Asking(attempt) => match attempt.step(event, now_ms) {
                Err(pause) => Err(pause),
                Ok(Err(cause)) => fail(Error::Variable { variable: self.variable.clone(), cause }),
                Ok(Ok(grant)) => {
                    let variable = self.variable.clone();
                    let (kind, expires_ms) = (KeyKind::OAuth, Some(grant.expires_ms));
                    match grant.access {
                        Ok(value) => {
                            let lifetime = Lifetime::until(grant.expires_ms, now_ms);
                            let notes = lifetime.note("GitHub Copilot").into_iter().collect();
                            let source = Source::Variable(variable);
                            let key = Key { kind, value, source, expires_ms };
                            found(ResolvedKey { key, enterprise: None, notes })
                        }
                        Err(fault) => {
                            let cause = EndpointError::UnusableToken(fault);
                            fail(Error::Variable { variable, cause })
                        }
                    }
                }
            },
        }
    }
}
