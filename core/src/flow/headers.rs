//! The headers that carry a key to a provider's API, and where that is.
//!
//! ```text
//!   token::State ─▶ ReadOverrides ─▶ Done
//! ```

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::files::table;
use super::machine::{Machine, StepResult, ask};
use super::token::{self, ResolvedKey, located};
use super::{Effect, Event, Output};
use crate::error::Error;
use crate::headers::{self, Initiator};
use crate::http::Header;
use crate::provider::Table;
use crate::secret::{Secret, exposed};

/// Parameters of a request for headers.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HeadersRequest {
    /// The key to carry.
    #[serde(flatten)]
    pub token: token::TokenRequest,
    /// The body of the request that the headers are for, if it is known: JSON in the shape of
    /// OpenAI's chat or responses, or of Anthropic's messages. It tells what the next two leave
    /// open.
    #[cfg_attr(test, ts(optional))]
    #[serde(serialize_with = "exposed")]
    pub body: Option<Secret>,
    /// Who began this request; only Copilot wants to know.
    #[cfg_attr(test, ts(optional))]
    pub initiator: Option<Initiator>,
    /// Whether it carries an image; only Copilot wants to know.
    #[cfg_attr(test, ts(optional))]
    pub vision: Option<bool>,
}

/// Reads the members of both from one object; serde's `flatten` would copy it.
impl<'de> Deserialize<'de> for HeadersRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Purpose {
            body: Option<Secret>,
            initiator: Option<Initiator>,
            vision: Option<bool>,
        }

        let text = <&RawValue>::deserialize(deserializer)?.get();
        let token = serde_json::from_str(text).map_err(D::Error::custom)?;
        let purpose = serde_json::from_str(text).map_err(D::Error::custom)?;
        let Purpose { body, initiator, vision } = purpose;
        Ok(HeadersRequest { token, body, initiator, vision })
    }
}

/// What to send, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[non_exhaustive]
pub struct Headers {
    /// The headers, in order.
    pub headers: Vec<Header>,
    /// The address of the API, without a slash at the end; `None` where nobody knows.
    pub base_url: Option<String>,
    /// The origins that the key may be sent to; empty where nobody knows. `https://*.DOMAIN` is
    /// every host below a domain.
    pub origins: Vec<String>,
    /// When the key really expires, in epoch milliseconds; `None` where nobody knows.
    pub expires_ms: Option<u64>,
    /// What the person should know although it worked; a sentence each.
    pub notes: Vec<String>,
}

/// What the headers are for.
#[derive(Debug)]
struct Purpose {
    provider: String,
    body: Option<Secret>,
    initiator: Option<Initiator>,
    vision: Option<bool>,
}

impl Purpose {
    fn carry(&self, found: &ResolvedKey, table: &Table) -> Result<Headers, Box<Error>> {
        let ResolvedKey { key, enterprise, notes } = found;
        let body = self.body.as_ref().map(Secret::expose);
        let about = headers::About::of(body).with(self.initiator, self.vision);
        let provider = match table.get(&self.provider) {
            // The public API is no place for the token of an Enterprise that nobody can make out.
            Some(provider) => Some(located(provider, enterprise.as_deref())?),
            None => None,
        };
        let base_url = provider.as_ref().and_then(|provider| match provider.copilot {
            Some(_) => Some(provider.copilot_base_url(&key.value)),
            None => provider.api_base_url.clone(),
        });
        Ok(Headers {
            headers: headers::for_key(provider.as_deref(), key, &about),
            base_url: base_url.map(|url| url.trim_end_matches('/').into()),
            origins: provider.as_ref().map(|it| it.api_origins()).unwrap_or_default(),
            expires_ms: key.expires_ms,
            notes: notes.clone(),
        })
    }
}

#[derive(Debug)]
pub(super) struct State {
    purpose: Purpose,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Getting(token::State),
    Configuring(ResolvedKey),
}

impl State {
    pub(super) fn new(request: HeadersRequest) -> Self {
        let HeadersRequest { token, body, initiator, vision } = request;
        let provider = token.provider.clone();
        State {
            purpose: Purpose { provider, body, initiator, vision },
            step: Step::Getting(token::State::new(token)),
        }
    }

    fn got(&mut self, key: StepResult<ResolvedKey>) -> StepResult {
        self.step = Step::Configuring(key?);
        ask(Effect::ReadOverrides)
    }
}

impl Machine for State {
    fn start(&mut self) -> StepResult {
        match &mut self.step {
            Step::Getting(token) => {
                let turn = token.start();
                self.got(turn)
            }
            Step::Configuring(_) => ask(Effect::ReadOverrides),
        }
    }

    fn step(&mut self, event: &Event, now_ms: u64) -> StepResult {
        match &mut self.step {
            Step::Getting(token) => {
                let turn = token.step(event, now_ms);
                self.got(turn)
            }
            Step::Configuring(found) => {
                let headers = self.purpose.carry(found, &table(event)?)?;
                Ok(Output::Headers(headers))
            }
        }
    }

    fn is_critical(&self) -> bool {
        matches!(&self.step, Step::Getting(token) if token.is_critical())
    }
}
