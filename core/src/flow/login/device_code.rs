//! The device authorization grant (RFC 8628): show a code, and poll until the person has entered it.
//!
//! ```text
//!   Http (device authorization) ─▶ ShowCode ─▶ WaitUntil ─▶ Http (poll) ─▶ WaitUntil ...
//! ```

use alloc::format;

use super::Login;
use crate::environment::Browser;
use crate::error::Error;
use crate::flow::{Countdown, Effect, Event, ShowCode, Turn};
use crate::oauth::device::{self, Code, Poll};
use crate::oauth::endpoint::EndpointError;
use crate::oauth::token::Grant;

/// How long after a code's end the last poll may come, in milliseconds.
const GRACE_MS: u64 = 60_000;

/// A code under way.
#[derive(Debug)]
pub(in crate::flow) enum DeviceCode {
    Requesting,
    Showing(Code),
    /// With what went wrong last, which stands in the count-down until the server answers.
    Waiting(Code, Option<EndpointError>),
    Polling(Code),
}

impl DeviceCode {
    pub(super) fn start(login: &Login, device_authorization_url: &str) -> (Self, Effect) {
        let request = device::request(&login.provider, device_authorization_url);
        let activity = format!("Asking {} for a code", login.provider.label().short_name());
        (DeviceCode::Requesting, Effect::Http { request, activity, countdown: None })
    }

    pub(super) fn step(self, login: &Login, event: Event, now_ms: u64) -> Turn<Self, Grant> {
        match (self, event) {
            (DeviceCode::Requesting, Event::Response(response)) => {
                match device::code(&response, now_ms) {
                    Ok(code) => show(login, code),
                    Err(cause) => failed(login, cause),
                }
            }
            (DeviceCode::Requesting, Event::TransportFailed { failure }) => {
                failed(login, EndpointError::Transport(failure))
            }
            (DeviceCode::Showing(code), Event::Shown) => wait(login, code, None, now_ms),
            (DeviceCode::Waiting(code, trouble), Event::Woke) => {
                let request = code.poll(&login.provider);
                let name = login.provider.label();
                let activity = format!("Asking {} for your answer", name.short_name());
                let countdown = Some(countdown(&code, trouble.as_ref()));
                let effect = Effect::Http { request, activity, countdown };
                Turn::Ask(DeviceCode::Polling(code), effect)
            }
            (DeviceCode::Polling(code), Event::Response(response)) => {
                let poll = code.answer(&response, now_ms);
                polled(login, code, poll, now_ms)
            }
            // What the server has approved is approved: a lost answer loses no code.
            (DeviceCode::Polling(code), Event::TransportFailed { failure }) => {
                polled(login, code, Poll::Trouble(EndpointError::Transport(failure)), now_ms)
            }
            (_, event) => Turn::unexpected(event, "read"),
        }
    }
}

fn show(login: &Login, code: Code) -> Turn<DeviceCode, Grant> {
    let open_browser = login.browser != Browser::Elsewhere;
    let message = match open_browser {
        true => "Enter this code on the page that is opening:",
        false => "Open this page in any browser, and enter the code:",
    };
    let effect = Effect::ShowCode(ShowCode {
        user_code: code.user_code.clone(),
        verification_uri: code.verification_uri.clone(),
        url: code.verification_uri_complete.as_ref().unwrap_or(&code.verification_uri).clone(),
        open_browser,
        message: message.into(),
        warning: "Never enter a code that somebody sent you: it would give them your account."
            .into(),
        expires_ms: code.expires_ms,
    });
    Turn::Ask(DeviceCode::Showing(code), effect)
}

fn polled(login: &Login, mut code: Code, poll: Poll, now_ms: u64) -> Turn<DeviceCode, Grant> {
    let provider = || login.provider.label();
    let trouble = match poll {
        Poll::Granted(grant) => return Turn::Done(grant),
        Poll::Denied => return Turn::Failed(Error::Denied { provider: provider() }),
        Poll::Expired => return Turn::Failed(Error::CodeExpired { provider: provider() }),
        Poll::Failed(cause) => return failed(login, cause),
        Poll::Pending => {
            code.pace.answered();
            None
        }
        Poll::SlowDown { interval_s } => {
            code.pace.slow_down(interval_s);
            None
        }
        Poll::Trouble(cause) => {
            code.pace.trouble();
            Some(cause)
        }
    };
    // Only once a poll has come to nothing: the clock may have jumped, and the server knows best.
    match (trouble, now_ms >= code.expires_ms) {
        (None, true) => Turn::Failed(Error::CodeExpired { provider: provider() }),
        (Some(cause), true) => failed(login, cause),
        (trouble, false) => wait(login, code, trouble, now_ms),
    }
}

/// Waits for the next poll, unless it would come long after the code's end.
fn wait(
    login: &Login,
    code: Code,
    trouble: Option<EndpointError>,
    now_ms: u64,
) -> Turn<DeviceCode, Grant> {
    let at_ms = now_ms.saturating_add(code.pace.wait_ms(trouble.as_ref()));
    if at_ms > code.expires_ms.saturating_add(GRACE_MS) {
        return match trouble {
            None => Turn::Failed(Error::CodeExpired { provider: login.provider.label() }),
            Some(cause) => failed(login, cause),
        };
    }
    let countdown = Some(countdown(&code, trouble.as_ref()));
    Turn::Ask(DeviceCode::Waiting(code, trouble), Effect::WaitUntil { at_ms, countdown })
}

fn countdown(code: &Code, trouble: Option<&EndpointError>) -> Countdown {
    let message = match trouble {
        None => "Waiting for you to authorize".into(),
        Some(cause) => format!("Waiting for you to authorize; last time: {cause}"),
    };
    Countdown { message, until_ms: code.expires_ms }
}

fn failed(login: &Login, cause: EndpointError) -> Turn<DeviceCode, Grant> {
    Turn::Failed(Error::Login { provider: login.provider.label(), cause })
}
