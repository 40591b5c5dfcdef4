//! The device authorization grant (RFC 8628): show a code, and poll until the person has entered
//! it.
//!
//! ```text
//!   Http (device authorization) ─▶ ShowCode ─▶ WaitUntil ─▶ Http (poll) ─▶ WaitUntil ...
//! ```

use alloc::format;
use alloc::sync::Arc;

use super::Login;
use crate::environment::Browser;
use crate::error::Error;
use crate::flow::machine::{StepResult, ask, fail, unexpected};
use crate::flow::{Countdown, Effect, Event, ShowCode};
use crate::oauth::device::{self, DeviceAuthorizationResponse, PollResult};
use crate::oauth::endpoint::EndpointError;
use crate::oauth::token::TokenResponse;
use crate::provider::Provider;

/// How long after a code's end the last poll may come, in milliseconds.
const GRACE_MS: u64 = 60_000;

/// A code under way.
#[derive(Debug)]
pub(in crate::flow) enum DeviceCode {
    Requesting {
        provider: Arc<Provider>,
        /// True if the page is to be opened in a browser on this machine.
        open_browser: bool,
    },
    Entering(Entering),
}

/// A code that the person is to enter.
#[derive(Debug)]
pub(in crate::flow) struct Entering {
    provider: Arc<Provider>,
    code: DeviceAuthorizationResponse,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Showing,
    /// With what went wrong last, which stands in the count-down until the server answers.
    Waiting(Option<EndpointError>),
    Polling,
}

impl DeviceCode {
    pub(super) fn start(login: &Login, device_authorization_url: &str) -> (Self, Effect) {
        let provider = login.provider.clone();
        let request = device::request(&provider.client, device_authorization_url);
        let activity = format!("Asking {} for a code", provider.short_name());
        let open_browser = login.browser != Browser::Elsewhere;
        (DeviceCode::Requesting { provider, open_browser }, Effect::http(request, activity))
    }

    pub(super) fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<TokenResponse> {
        let (provider, open_browser) = match self {
            DeviceCode::Requesting { provider, open_browser } => (provider.clone(), *open_browser),
            DeviceCode::Entering(entering) => return entering.step(event, now_ms),
        };
        let answer = match event {
            Event::Response(response) => device::code(response, now_ms),
            Event::TransportFailed { failure } => Err(EndpointError::transport(failure).into()),
            event => return Err(unexpected(event, "read").into()),
        };
        match answer {
            Err(cause) => fail(Error::Login { provider: provider.label(), cause: *cause }),
            Ok(code) => {
                let effect = show(&code, open_browser);
                *self = DeviceCode::Entering(Entering { provider, code, step: Step::Showing });
                ask(effect)
            }
        }
    }
}

fn show(code: &DeviceAuthorizationResponse, open_browser: bool) -> Effect {
    let message = match open_browser {
        true => "Enter this code on the page that is opening:",
        false => "Open this page in any browser, and enter the code:",
    };
    Effect::ShowCode(ShowCode {
        user_code: code.user_code.clone(),
        verification_uri: code.verification_uri.clone(),
        url: code.verification_uri_complete.as_ref().unwrap_or(&code.verification_uri).clone(),
        open_browser,
        message: message.into(),
        warning: "Never enter a code that somebody sent you: it would give them your account."
            .into(),
        expires_ms: code.expires_ms,
    })
}

impl Entering {
    fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<TokenResponse> {
        match (&self.step, event) {
            (Step::Showing, Event::Shown) => self.wait(None, now_ms),
            (Step::Waiting(trouble), Event::Woke) => {
                let effect = Effect::Http {
                    request: self.code.poll(&self.provider.client),
                    activity: format!("Asking {} for your answer", self.provider.short_name()),
                    countdown: Some(self.countdown(trouble.as_ref())),
                };
                self.step = Step::Polling;
                ask(effect)
            }
            (Step::Polling, Event::Response(response)) => {
                self.polled(self.code.answer(response, now_ms), now_ms)
            }
            // What the server has approved is approved: a lost answer loses no code.
            (Step::Polling, Event::TransportFailed { failure }) => {
                self.polled(PollResult::Trouble(EndpointError::transport(failure)), now_ms)
            }
            (_, event) => Err(unexpected(event, "read").into()),
        }
    }

    fn polled(&mut self, poll: PollResult, now_ms: u64) -> StepResult<TokenResponse> {
        let trouble = match poll {
            PollResult::Granted(grant) => return Ok(grant),
            PollResult::Denied => return fail(Error::Denied { provider: self.provider.label() }),
            PollResult::Expired => return self.given_up(None),
            PollResult::Failed(cause) => return self.given_up(Some(cause)),
            PollResult::Pending => {
                self.code.pace.answered();
                None
            }
            PollResult::SlowDown { interval_s } => {
                self.code.pace.slow_down(interval_s);
                None
            }
            PollResult::Trouble(cause) => {
                self.code.pace.trouble();
                Some(cause)
            }
        };
        // Only once a poll has come to nothing: the clock may have jumped, and the server knows
        // best.
        match now_ms >= self.code.expires_ms {
            true => self.given_up(trouble),
            false => self.wait(trouble, now_ms),
        }
    }

    /// Waits for the next poll, unless it would come long after the code's end.
    fn wait(&mut self, trouble: Option<EndpointError>, now_ms: u64) -> StepResult<TokenResponse> {
        let at_ms = now_ms.saturating_add(self.code.pace.wait_ms(trouble.as_ref()));
        if at_ms > self.code.expires_ms.saturating_add(GRACE_MS) {
            return self.given_up(trouble);
        }
        let countdown = Some(self.countdown(trouble.as_ref()));
        self.step = Step::Waiting(trouble);
        ask(Effect::WaitUntil { at_ms, countdown })
    }

    fn countdown(&self, trouble: Option<&EndpointError>) -> Countdown {
        let message = match trouble {
            None => "Waiting for you to authorize".into(),
            Some(cause) => format!("Waiting for you to authorize; last time: {cause}"),
        };
        Countdown { message, until_ms: self.code.expires_ms }
    }

    /// The code came to nothing: for this cause, or because nobody entered it in time.
    fn given_up(&self, cause: Option<EndpointError>) -> StepResult<TokenResponse> {
        let provider = self.provider.label();
        fail(match cause {
            None => Error::CodeExpired { provider },
            Some(cause) => Error::Login { provider, cause },
        })
    }
}
