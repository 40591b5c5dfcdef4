//! The authorization code grant with PKCE, by loopback callback or by paste.
//!
//! ```text
//!   Listen? ─▶ Authorize ─▶ Http (exchange)
//!                ⇅  ╲          │ a bare code that was refused: Authorize again
//!        wrong paste   AwaitCallback, where nobody can paste any more
//! ```

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Login, MAX_WRONG_ANSWERS};
use crate::environment::Browser;
use crate::error::Error;
use crate::flow::machine::{StepResult, ask, fail, unexpected};
use crate::flow::{Authorize, Effect, Event, OneTime};
use crate::http::query_value;
use crate::oauth::authorization::{self, AuthorizationError, AuthorizationResponse};
use crate::oauth::client::{AuthorizationCode as Endpoints, LoopbackRedirect};
use crate::oauth::endpoint::EndpointError;
use crate::oauth::paste::{self, PasteError};
use crate::oauth::pkce::Verifier;
use crate::oauth::token::{self, Essential, TokenResponse};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::text::{phrase, truncate};

/// The time that a browser has to come back once input has ended, in milliseconds.
const UNATTENDED_MS: u64 = 10 * 60 * 1000;

/// An authorization under way.
#[derive(Debug)]
pub(in crate::flow) struct AuthorizationCode {
    provider: Arc<Provider>,
    endpoints: Endpoints,
    browser: Browser,
    state: Secret,
    verifier: Verifier,
    /// Known once it is clear whether there is a callback server.
    redirect_uri: String,
    /// The path of the one-time address, where the browser surely runs on this machine.
    one_time_path: Option<String>,
    one_time: Option<OneTime>,
    wrong_pastes: usize,
    /// Codes that were sent: each works only once.
    used: Vec<Secret>,
    /// The error to end with if nobody pastes anything better.
    problem: Option<Box<Error>>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Listening(LoopbackRedirect),
    Authorizing,
    /// Input has ended. The wait ends at this time, in epoch milliseconds.
    AwaitingCallback(u64),
    /// The code is sent and works only once: from here on, the answer must reach the file.
    Exchanging(Sent),
}

/// An authorization code that was sent.
#[derive(Debug)]
struct Sent {
    code: Secret,
    /// True if it was pasted alone, so that nothing shows that it belongs to this login.
    is_alone: bool,
}

impl AuthorizationCode {
    pub(super) fn new(login: &Login, endpoints: &Endpoints) -> Self {
        AuthorizationCode {
            provider: login.provider.clone(),
            endpoints: endpoints.clone(),
            browser: login.browser,
            state: login.entropy.state(),
            verifier: login.entropy.verifier(),
            redirect_uri: String::new(),
            one_time_path: login.is_browser_here.then(|| login.entropy.one_time_path()),
            one_time: None,
            wrong_pastes: 0,
            used: Vec::new(),
            problem: None,
            step: Step::Authorizing,
        }
    }

    pub(super) fn start(&mut self) -> Effect {
        match &self.endpoints.loopback_redirect_uri {
            Some(loopback) if self.browser == Browser::Callback => {
                self.step = Step::Listening(loopback.clone());
                Effect::Listen {
                    on: loopback.listens_on(),
                    preferred_port: loopback.port,
                    path: loopback.path.clone(),
                }
            }
            _ => self.without_callback(),
        }
    }

    pub(super) fn is_critical(&self) -> bool {
        matches!(self.step, Step::Exchanging(_))
    }

    pub(super) fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<TokenResponse> {
        match (&self.step, event) {
            (Step::Listening(loopback), Event::Listening { port }) => {
                self.redirect_uri = loopback.uri(*port);
                let one_time = |path: String| OneTime { url: loopback.at(*port, &path), path };
                self.one_time = self.one_time_path.take().map(one_time);
                ask(self.authorize(None))
            }
            // The host could not exchange the code: nobody is to authorize in vain.
            (Step::Listening(_), Event::TransportFailed { failure }) => {
                let cause = EndpointError::transport(failure);
                fail(Error::Login { provider: self.provider.label(), cause })
            }
            // No port is free: the person pastes.
            (Step::Listening(_), Event::ListenFailed) => ask(self.without_callback()),
            (Step::Authorizing | Step::AwaitingCallback(_), Event::Callback { query }) => {
                self.called_back(query.expose())
            }
            (Step::Authorizing, Event::Pasted { text }) => self.pasted(text.expose()),
            // A browser can still come, but not for ever.
            (Step::Authorizing, Event::InputEnded) if self.browser == Browser::Callback => {
                ask(self.await_callback(now_ms.saturating_add(UNATTENDED_MS)))
            }
            (Step::Authorizing | Step::AwaitingCallback(_), Event::InputEnded) => {
                Err(self.problem.take().unwrap_or_else(|| Error::Cancelled.into()).into())
            }
            (Step::AwaitingCallback(_), Event::Woke) => {
                fail(Error::Unanswered { provider: self.provider.label() })
            }
            (Step::Exchanging(_), Event::Response(response)) => {
                match token::answer(response, Essential::RefreshToken, now_ms) {
                    Ok(grant) => Ok(grant),
                    Err(cause) => self.not_exchanged(*cause),
                }
            }
            (Step::Exchanging(_), Event::TransportFailed { failure }) => {
                self.not_exchanged(EndpointError::transport(failure))
            }
            (_, event) => Err(unexpected(event, "read").into()),
        }
    }

    /// The person pastes what the provider's page shows, or, where it has none, the address to
    /// which the browser was sent in vain.
    fn without_callback(&mut self) -> Effect {
        if self.browser == Browser::Callback {
            self.browser = Browser::Paste;
        }
        let loopback = self.endpoints.loopback_redirect_uri.as_ref();
        let in_vain = || loopback.map(LoopbackRedirect::uri_without_server);
        let redirect_uri = self.endpoints.redirect_uri.clone().or_else(in_vain);
        self.redirect_uri = redirect_uri.unwrap_or_default();
        self.authorize(None)
    }

    fn authorize(&mut self, problem: Option<String>) -> Effect {
        self.step = Step::Authorizing;
        let message = match self.browser {
            Browser::Callback | Browser::Paste => "Opening browser to authorize...",
            Browser::Elsewhere => "Open this page in a browser to authorize:",
        };
        let prompt = match self.browser {
            Browser::Callback => "Waiting for the browser, or paste the authorization code here:",
            _ if self.endpoints.redirect_uri.is_none() => {
                "The browser ends at a page that does not load. Paste its address here:"
            }
            _ => "Paste the authorization code here:",
        };
        Effect::Authorize(Authorize {
            url: authorization::url(
                &self.provider.client,
                &self.endpoints,
                &self.redirect_uri,
                &self.verifier,
                &self.state,
            ),
            open_browser: self.browser != Browser::Elsewhere,
            one_time: self.one_time.clone(),
            callback: self.browser == Browser::Callback,
            message: message.into(),
            prompt: prompt.into(),
            state: self.state.clone(),
            problem,
        })
    }

    fn await_callback(&mut self, until_ms: u64) -> Effect {
        self.step = Step::AwaitingCallback(until_ms);
        Effect::AwaitCallback {
            state: self.state.clone(),
            activity: "Waiting for the browser for 10 minutes".into(),
            until_ms,
        }
    }

    /// The browser's answer counts only with this login's state, whatever the host let through.
    fn called_back(&mut self, query: &str) -> StepResult<TokenResponse> {
        let is_ours = |state: String| self.state == state.into();
        if !query_value(query, "state").is_some_and(is_ours) {
            // Whoever sends such answers cannot keep the login waiting for ever.
            if let Step::AwaitingCallback(until_ms) = self.step {
                return ask(self.await_callback(until_ms));
            }
            let stray = "A browser came with the answer to another login; it was ignored.";
            return ask(self.authorize(Some(stray.into())));
        }
        if let Some(iss) = query_value(query, "iss") {
            self.check_issuer(Some(&iss))?;
        }
        match authorization::answer(query) {
            Ok(answer) => self.exchange(answer),
            Err(AuthorizationError::Error { error, description, .. }) => {
                fail(self.refused(&error, description))
            }
            Err(AuthorizationError::NoCode) => {
                let words = "its answer holds no code".to_string();
                fail(self.refused("invalid_response", Some(words)))
            }
        }
    }

    fn pasted(&mut self, text: &str) -> StepResult<TokenResponse> {
        let is_ours = |state: &Secret| *state == self.state;
        let problem = match paste::parse(text, &self.state, self.endpoints.code_shape) {
            Ok(answer) if self.used.contains(&answer.code) => PasteError::Used,
            Ok(answer) => return self.exchange(answer),
            Err(PasteError::Refused { error, state }) if state.as_ref().is_none_or(is_ours) => {
                return fail(self.refused(&error, None));
            }
            Err(PasteError::Refused { .. }) => PasteError::OtherLogin,
            Err(problem) => problem,
        };
        let shown = problem.to_string();
        self.ask_again(Error::Paste(problem), shown)
    }

    /// Shows what was wrong and asks for another paste, unless there were too many.
    fn ask_again(&mut self, error: Error, shown: String) -> StepResult<TokenResponse> {
        self.wrong_pastes += 1;
        if self.wrong_pastes == MAX_WRONG_ANSWERS {
            return fail(error);
        }
        self.problem = Some(error.into());
        ask(self.authorize(Some(shown)))
    }

    fn exchange(&mut self, answer: AuthorizationResponse) -> StepResult<TokenResponse> {
        // RFC 9207, 2.4: the code of one server must not be shown to another.
        if !answer.is_bare {
            self.check_issuer(answer.iss.as_deref())?;
        }
        let request = token::exchange(
            &self.provider.client,
            &answer.code,
            self.endpoints.state_in_exchange.then_some(&self.state),
            &self.redirect_uri,
            &self.verifier,
        );
        let activity = format!("Exchanging the code for tokens of {}", self.provider.short_name());
        let is_alone = answer.is_bare && answer.state.is_none();
        self.used.push(answer.code.clone());
        self.step = Step::Exchanging(Sent { code: answer.code, is_alone });
        ask(Effect::http(request, activity))
    }

    /// Returns whether an answer names another issuer, or none although it has to.
    fn check_issuer(&self, iss: Option<&str>) -> Result<(), Box<Error>> {
        let Some(issuer) = self.provider.client.issuer.as_deref() else { return Ok(()) };
        match iss.map_or(self.provider.client.requires_iss, |iss| iss != issuer) {
            false => Ok(()),
            true => Err(Box::new(Error::WrongIssuer {
                provider: self.provider.label(),
                expected: truncate(issuer),
                found: iss.map(truncate),
            })),
        }
    }

    fn refused(&self, error: &str, description: Option<String>) -> Error {
        let provider = self.provider.label();
        match error {
            "access_denied" => Error::Denied { provider },
            error => Error::AuthorizationRefused {
                provider,
                error: phrase(error),
                description: description.as_deref().map(phrase),
            },
        }
    }

    /// A bare code that the provider does not know may be a slip of the person who pasted it. It is
    /// used up, but the login is not.
    fn not_exchanged(&mut self, cause: EndpointError) -> StepResult<TokenResponse> {
        let (mut secrets, mut is_alone) = (Vec::from([self.verifier.secret().clone()]), false);
        if let Step::Exchanging(sent) = &self.step {
            secrets.push(sent.code.clone());
            is_alone = sent.is_alone;
        }
        let cause = cause.without(&secrets);
        let is_slip = is_alone && cause.is_invalid_grant();
        let error = Error::Exchange { provider: self.provider.label(), cause };
        match is_slip {
            true => {
                let shown = format!("{error} Paste the whole code that the page shows.");
                self.ask_again(error, shown)
            }
            false => fail(error),
        }
    }
}
