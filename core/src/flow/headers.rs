//! The headers that carry a key to a provider's API, and where that is.
//!
//! ```text
//!   token::State ─▶ ReadOverrides ─▶ Done
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use super::token::{self, Found};
use super::{Effect, Event, Output, Turn, table};
use crate::error::Error;
use crate::headers::{self, Initiator};
use crate::http::Header;
use crate::json::object;
use crate::provider::Table;
use crate::secret::Secret;

/// A wish for headers.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename = "HeadersRequest"))]
pub struct Request {
    /// The key to carry.
    #[cfg_attr(test, ts(flatten))]
    pub token: token::Request,
    /// The body of the request that the headers are for, if it is known: JSON in the shape of OpenAI's
    /// chat or responses, or of Anthropic's messages. It tells what the next two leave open.
    #[cfg_attr(test, ts(optional))]
    pub body: Option<Secret>,
    /// Who began this request; only Copilot wants to know.
    #[cfg_attr(test, ts(optional))]
    pub initiator: Option<Initiator>,
    /// Whether it carries an image; only Copilot wants to know.
    #[cfg_attr(test, ts(optional))]
    pub vision: Option<bool>,
}

object! { Request { token: merged, body: secret, initiator, vision } }

/// What to send, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[non_exhaustive]
pub struct Headers {
    /// The headers, in order.
    pub headers: Vec<Header>,
    /// The address of the API, without a slash at the end; `None` where nobody knows.
    pub base_url: Option<String>,
    /// When the key really expires, in epoch milliseconds; `None` where nobody knows.
    pub expires_ms: Option<u64>,
    /// What the person should know although it worked; a sentence each.
    pub notes: Vec<String>,
}

object! { Headers { headers, base_url, expires_ms, notes } }

impl Request {
    pub(super) fn start(self) -> Turn<State> {
        let turn = self.token.clone().start();
        self.go_on(turn)
    }

    fn go_on(self, turn: Turn<token::State, Found>) -> Turn<State> {
        match turn {
            Turn::Ask(token, effect) => Turn::Ask(State::Getting(self, token), effect),
            Turn::Done(found) => Turn::Ask(State::Configuring(self, found), Effect::ReadOverrides),
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn carry(self, found: Found, table: &Table) -> Result<Headers, Error> {
        let Found { key, enterprise, notes } = found;
        let body = self.body.as_ref().map(Secret::expose);
        let about = headers::About::of(body).with(self.initiator, self.vision);
        let configured = table.get(&self.token.provider);
        let provider = match (configured, enterprise) {
            // The public API is no place for the token of an Enterprise that nobody can make out.
            (Some(provider), Err(problem)) if provider.copilot.is_some() => {
                return Err(Error::Enterprise { problem, stored: true });
            }
            (configured, enterprise) => {
                configured.map(|provider| provider.at(enterprise.ok().flatten().as_ref()))
            }
        };
        let base_url = provider.as_ref().and_then(|provider| match provider.copilot {
            Some(_) => Some(provider.copilot_base_url(&key.value)),
            None => provider.api_base_url.clone(),
        });
        Ok(Headers {
            headers: headers::for_key(provider.as_deref(), &key, &about),
            base_url: base_url.map(|url| url.trim_end_matches('/').into()),
            expires_ms: key.expires_ms,
            notes,
        })
    }
}

#[derive(Debug)]
pub(super) enum State {
    Getting(Request, token::State),
    Configuring(Request, Found),
}

impl State {
    pub(super) fn is_critical(&self) -> bool {
        matches!(self, State::Getting(_, token) if token.is_critical())
    }

    pub(super) fn step(self, event: Event, now_ms: u64) -> Turn<State> {
        match (self, event) {
            (State::Getting(request, token), event) => request.go_on(token.step(event, now_ms)),
            (State::Configuring(request, found), Event::OverridesRead { path, contents }) => {
                match table(path, contents).and_then(|table| request.carry(found, &table)) {
                    Err(error) => Turn::Failed(error),
                    Ok(headers) => Turn::Done(Output::Headers(headers)),
                }
            }
            (_, event) => Turn::unexpected(event, "read"),
        }
    }
}
