//! Asking for a fresh token once, unless the same has failed just now, in this process or another
//! (see `backoff.rs`).
//!
//! ```text
//!   ReadBackoff ─▶ Http ─▶ WriteBackoff?
//! ```

use alloc::string::String;
use alloc::sync::Arc;

use crate::flow::machine::{StepResult, ask, unexpected};
use crate::flow::{Effect, Event};
use crate::oauth::endpoint::EndpointError;
use crate::oauth::token::TokenResponse;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::backoff::{Backoff, Tokens};

/// A request for a token, by one that lasts.
#[derive(Debug)]
pub(in crate::flow) struct Attempt {
    provider: Arc<Provider>,
    /// The one that is sent, and the one that is to be replaced: a server may name either.
    tokens: [Secret; 2],
    activity: String,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Recalling,
    /// The request is sent.
    Asking(Backoff),
    /// The failure is remembered first, for the processes that wait.
    Remembering(EndpointError),
}

impl Attempt {
    /// Begins with `Effect::ReadBackoff`.
    pub(super) fn new(provider: Arc<Provider>, tokens: [Secret; 2], activity: String) -> Self {
        Attempt { provider, tokens, activity, step: Step::Recalling }
    }

    /// Returns whether the request is sent and its answer is not there yet.
    pub(super) fn is_sent(&self) -> bool {
        matches!(self.step, Step::Asking(_))
    }

    pub(super) fn step(
        &mut self,
        event: &Event,
        now_ms: u64,
    ) -> StepResult<Result<TokenResponse, EndpointError>> {
        match (&mut self.step, event) {
            (Step::Recalling, Event::BackoffRead { contents }) => {
                let backoff = Backoff::parse(contents.as_ref());
                let [token, _] = &self.tokens;
                if let Some(cause) = backoff.cause(&self.provider, token, now_ms) {
                    return Ok(Err(cause));
                }
                self.step = Step::Asking(backoff);
                ask(Effect::http(self.provider.refresh(token), self.activity.clone()))
            }
            (Step::Asking(_), Event::Response(response)) => {
                match self.provider.refreshed(response, now_ms) {
                    Ok(grant) => Ok(Ok(grant)),
                    Err(cause) => self.failed(*cause, now_ms),
                }
            }
            (Step::Asking(_), Event::TransportFailed { failure }) => {
                self.failed(EndpointError::transport(failure), now_ms)
            }
            (Step::Remembering(cause), Event::BackoffWritten) => Ok(Err(cause.clone())),
            (_, event) => Err(unexpected(event, "read").into()),
        }
    }

    fn failed(
        &mut self,
        cause: EndpointError,
        now_ms: u64,
    ) -> StepResult<Result<TokenResponse, EndpointError>> {
        let cause = cause.without(&self.tokens);
        if let Step::Asking(backoff) = &mut self.step
            && let Some((contents, wait_ms)) =
                backoff.remember(&self.provider, Tokens::kept(&self.tokens[0]), &cause, now_ms)
        {
            self.step = Step::Remembering(cause.after(wait_ms));
            return ask(Effect::WriteBackoff { contents });
        }
        Ok(Err(cause))
    }
}
