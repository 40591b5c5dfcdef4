//! Exchanging a GitHub token of the environment for a Copilot token, which nothing stores.

use alloc::string::String;

use super::{Found, Key, KeyKind, Source, done};
use crate::error::Error;
use crate::flow::{Effect, Event, Turn, known, table};
use crate::oauth::endpoint::EndpointError;
use crate::provider::{GITHUB_COPILOT, Provider};
use crate::secret::Secret;

/// A token of the environment.
#[derive(Debug)]
pub(in crate::flow) struct Exchange {
    /// The variable that holds it.
    variable: String,
    token: Secret,
    /// Known once the overrides are.
    provider: Option<Provider>,
}

impl Exchange {
    pub(super) fn start(variable: String, token: Secret) -> (Self, Effect) {
        (Exchange { variable, token, provider: None }, Effect::ReadOverrides)
    }

    pub(super) fn step(self, event: Event, now_ms: u64) -> Turn<Self, Found> {
        match (&self.provider, event) {
            (None, Event::OverridesRead { path, contents }) => {
                let table = match table(path, contents) {
                    Ok(table) => table,
                    Err(error) => return Turn::Failed(error),
                };
                match known(&table, GITHUB_COPILOT) {
                    Ok(provider) => self.send(provider.at(None)),
                    Err(error) => Turn::Failed(error),
                }
            }
            (Some(provider), Event::Response(response)) => {
                match provider.refreshed(&response, now_ms) {
                    Ok(grant) => {
                        let (kind, source) = (KeyKind::OAuth, Source::Variable(self.variable));
                        let expires_ms = Some(grant.expires_ms);
                        done(Key { kind, value: grant.access, source, expires_ms }, None)
                    }
                    Err(cause) => self.failed(cause),
                }
            }
            (Some(_), Event::TransportFailed { failure }) => {
                self.failed(EndpointError::Transport(failure))
            }
            (_, event) => Turn::unexpected(event, "read"),
        }
    }

    fn send(self, provider: Provider) -> Turn<Self, Found> {
        let effect = Effect::Http {
            request: provider.refresh(&self.token),
            activity: "Getting a token of GitHub Copilot".into(),
        };
        Turn::Ask(Exchange { provider: Some(provider), ..self }, effect)
    }

    fn failed(self, cause: EndpointError) -> Turn<Self, Found> {
        let cause = cause.without(&[self.token]);
        Turn::Failed(Error::Variable { variable: self.variable, cause })
    }
}
