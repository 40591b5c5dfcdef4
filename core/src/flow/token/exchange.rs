//! Exchanging a GitHub token of the environment for a Copilot token, which nothing stores.
//!
//! ```text
//!   ReadOverrides ─▶ ReadBackoff ─▶ Http ─▶ Done, or WriteBackoff ─▶ Failed
//! ```

use alloc::string::String;
use alloc::sync::Arc;

use super::{Found, Key, KeyKind, Source, done};
use crate::error::Error;
use crate::flow::backoff::Backoff;
use crate::flow::{Effect, Event, Turn, known, table};
use crate::oauth::endpoint::{self, EndpointError};
use crate::provider::{GITHUB_COPILOT, Provider};
use crate::secret::Secret;

/// A token of the environment.
#[derive(Debug)]
pub(in crate::flow) struct Exchange {
    /// The variable that holds it.
    variable: String,
    token: Secret,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Configuring,
    /// Has an exchange of this token failed just now, in this process or another?
    Recalling(Arc<Provider>),
    Asking(Arc<Provider>, Backoff),
    Remembering(EndpointError),
}

impl Exchange {
    pub(super) fn start<S>(
        variable: String,
        token: Secret,
        into: impl FnOnce(Self) -> S,
    ) -> Turn<S, Found> {
        match endpoint::token(token) {
            None => Turn::Failed(Error::UnusableKey { source: Source::Variable(variable) }),
            Some(token) => {
                let exchange = Exchange { variable, token, step: Step::Configuring };
                Turn::Ask(into(exchange), Effect::ReadOverrides)
            }
        }
    }

    pub(super) fn step(self, event: Event, now_ms: u64) -> Turn<Self, Found> {
        let Exchange { variable, token, step } = self;
        let ask = |step, token: Secret, variable: String, effect| {
            Turn::Ask(Exchange { variable, token, step }, effect)
        };
        match (step, event) {
            (Step::Configuring, Event::OverridesRead { path, contents }) => {
                let table = table(path, contents);
                match table.and_then(|table| known(&table, GITHUB_COPILOT).cloned()) {
                    Err(error) => Turn::Failed(error),
                    Ok(provider) => {
                        let step = Step::Recalling(provider.at(None));
                        ask(step, token, variable, Effect::ReadBackoff)
                    }
                }
            }
            (Step::Recalling(provider), Event::BackoffRead { contents }) => {
                let backoff = Backoff::parse(contents.as_ref());
                if let Some(cause) = backoff.cause(&provider, &token, now_ms) {
                    return Turn::Failed(Error::Variable { variable, cause });
                }
                let effect = Effect::Http {
                    request: provider.refresh(&token),
                    activity: "Getting a token of GitHub Copilot".into(),
                    countdown: None,
                };
                ask(Step::Asking(provider, backoff), token, variable, effect)
            }
            (Step::Asking(provider, backoff), event) => {
                let cause = match event {
                    Event::Response(response) => match provider.refreshed(&response, now_ms) {
                        Err(cause) => cause,
                        Ok(grant) => {
                            let (kind, source) = (KeyKind::OAuth, Source::Variable(variable));
                            let expires_ms = Some(grant.expires_ms);
                            return done(
                                Key { kind, value: grant.access, source, expires_ms },
                                None,
                            );
                        }
                    },
                    Event::TransportFailed { failure } => EndpointError::Transport(failure),
                    event => return Turn::unexpected(event, "read"),
                };
                let cause = cause.without(core::slice::from_ref(&token));
                match backoff.remember(&provider, &token, &cause, now_ms) {
                    None => Turn::Failed(Error::Variable { variable, cause }),
                    Some((contents, wait_ms)) => {
                        let step = Step::Remembering(cause.after(wait_ms));
                        ask(step, token, variable, Effect::WriteBackoff { contents })
                    }
                }
            }
            (Step::Remembering(cause), Event::BackoffWritten) => {
                Turn::Failed(Error::Variable { variable, cause })
            }
            (_, event) => Turn::unexpected(event, "read"),
        }
    }
}
