//! The authorization code grant with PKCE, by loopback callback or by paste.
//!
//! ```text
//!   Listen? ─▶ Authorize ─▶ Http (exchange)
//! ```

use alloc::format;
use alloc::string::{String, ToString};

use super::{Login, MAX_WRONG_ANSWERS};
use crate::environment::Browser;
use crate::error::Error;
use crate::flow::{Authorize, Effect, Event, Turn};
use crate::http::query_value;
use crate::oauth::authorization::{self, Answer, Refusal};
use crate::oauth::endpoint::EndpointError;
use crate::oauth::paste::{self, PasteError};
use crate::oauth::token::{self, Grant};
use crate::provider::{AuthorizationCode as Endpoints, LoopbackRedirect};
use crate::secret::Secret;
use crate::text::brief;

/// An authorization under way.
#[derive(Debug)]
pub(in crate::flow) struct AuthorizationCode {
    endpoints: Endpoints,
    browser: Browser,
    /// Known once it is clear whether there is a callback server.
    redirect_uri: String,
    wrong_pastes: usize,
    problem: Option<PasteError>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Listening(LoopbackRedirect),
    Authorizing,
    /// The code is sent and works only once: from here on, the answer must reach the file.
    Exchanging(Secret),
}

impl AuthorizationCode {
    pub(super) fn start(login: &Login, endpoints: Endpoints) -> Turn<Self, Grant> {
        let loopback = endpoints.loopback_redirect_uri.clone();
        let code = AuthorizationCode {
            endpoints,
            browser: login.browser,
            redirect_uri: String::new(),
            wrong_pastes: 0,
            problem: None,
            step: Step::Authorizing,
        };
        match loopback {
            Some(loopback) if code.browser == Browser::Callback => {
                let (preferred_port, path) = (loopback.port, loopback.path.clone());
                let code = AuthorizationCode { step: Step::Listening(loopback), ..code };
                Turn::Ask(code, Effect::Listen { preferred_port, path })
            }
            _ => code.without_callback(login),
        }
    }

    pub(super) fn is_critical(&self) -> bool {
        matches!(self.step, Step::Exchanging(_))
    }

    pub(super) fn step(mut self, login: &Login, event: Event, now_ms: u64) -> Turn<Self, Grant> {
        match (&self.step, event) {
            (Step::Listening(loopback), Event::Listening { port }) => {
                self.redirect_uri = loopback.uri(port);
                self.authorize(login, None)
            }
            // No port is free: the person pastes.
            (Step::Listening(_), Event::ListenFailed) => self.without_callback(login),
            (Step::Authorizing, Event::Callback { query }) => {
                self.called_back(login, query.expose())
            }
            (Step::Authorizing, Event::Pasted { text }) => self.pasted(login, text.expose()),
            (Step::Authorizing, Event::InputEnded) => {
                Turn::Failed(self.problem.map_or(Error::Cancelled, Error::Paste))
            }
            (Step::Exchanging(code), Event::Response(response)) => {
                match token::answer(&response, now_ms) {
                    Ok(grant) => Turn::Done(grant),
                    Err(cause) => not_exchanged(login, cause, code),
                }
            }
            (Step::Exchanging(code), Event::TransportFailed { failure }) => {
                not_exchanged(login, EndpointError::Transport(failure), code)
            }
            (_, event) => Turn::unexpected(event, "read"),
        }
    }

    /// The person pastes what the provider's page shows, or, where it has none, the address to
    /// which the browser was sent in vain.
    fn without_callback(mut self, login: &Login) -> Turn<Self, Grant> {
        if self.browser == Browser::Callback {
            self.browser = Browser::Paste;
        }
        let loopback = self.endpoints.loopback_redirect_uri.as_ref();
        let in_vain = || loopback.map(LoopbackRedirect::uri_in_vain);
        let redirect_uri = self.endpoints.redirect_uri.clone().or_else(in_vain);
        self.redirect_uri = redirect_uri.unwrap_or_default();
        self.authorize(login, None)
    }

    fn authorize(self, login: &Login, problem: Option<String>) -> Turn<Self, Grant> {
        let state = login.entropy.state();
        let verifier = login.entropy.verifier();
        let url = authorization::url(
            &login.provider,
            &self.endpoints,
            &self.redirect_uri,
            &verifier,
            &state,
        );
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
        let effect = Effect::Authorize(Authorize {
            url,
            open_browser: self.browser != Browser::Elsewhere,
            callback: self.browser == Browser::Callback,
            message: message.into(),
            prompt: prompt.into(),
            state,
            problem,
        });
        Turn::Ask(AuthorizationCode { step: Step::Authorizing, ..self }, effect)
    }

    /// The browser's answer counts only with this login's state, whatever the host let through.
    fn called_back(self, login: &Login, query: &str) -> Turn<Self, Grant> {
        let is_ours = |state: String| login.entropy.state() == state.into();
        if !query_value(query, "state").is_some_and(is_ours) {
            let stray = "A browser came with the answer to another login; it was ignored.";
            return self.authorize(login, Some(stray.into()));
        }
        if let Some(iss) = query_value(query, "iss")
            && let Some(error) = wrong_issuer(login, Some(&iss))
        {
            return Turn::Failed(error);
        }
        match authorization::answer(query) {
            Ok(answer) => self.exchange(login, answer),
            Err(Refusal::Error { error, description, .. }) => refused(login, &error, description),
            Err(Refusal::NoCode) => {
                let words = "its answer holds no code".to_string();
                refused(login, "invalid_response", Some(words))
            }
        }
    }

    fn pasted(mut self, login: &Login, text: &str) -> Turn<Self, Grant> {
        let is_ours = |state: &Secret| *state == login.entropy.state();
        let problem = match paste::parse(text) {
            Ok(answer) if answer.state.as_ref().is_none_or(is_ours) => {
                return self.exchange(login, answer);
            }
            Ok(_) => PasteError::OtherLogin,
            Err(PasteError::Refused { error, state }) if state.as_ref().is_none_or(is_ours) => {
                return refused(login, &error, None);
            }
            Err(PasteError::Refused { .. }) => PasteError::OtherLogin,
            Err(problem) => problem,
        };
        self.wrong_pastes += 1;
        if self.wrong_pastes == MAX_WRONG_ANSWERS {
            return Turn::Failed(Error::Paste(problem));
        }
        let shown = problem.to_string();
        self.problem = Some(problem);
        self.authorize(login, Some(shown))
    }

    fn exchange(self, login: &Login, answer: Answer) -> Turn<Self, Grant> {
        // RFC 9207, 2.4: the code of one server must not be shown to another.
        if !answer.is_bare
            && let Some(error) = wrong_issuer(login, answer.iss.as_deref())
        {
            return Turn::Failed(error);
        }
        let state = self.endpoints.state_in_exchange.then(|| login.entropy.state());
        let request = token::exchange(
            &login.provider,
            &answer.code,
            state.as_ref(),
            &self.redirect_uri,
            &login.entropy.verifier(),
        );
        let name = login.provider.label();
        let activity = format!("Exchanging the code for tokens of {}", name.short_name());
        let step = Step::Exchanging(answer.code);
        Turn::Ask(
            AuthorizationCode { step, ..self },
            Effect::Http { request, activity, countdown: None },
        )
    }
}

fn refused(
    login: &Login,
    error: &str,
    description: Option<String>,
) -> Turn<AuthorizationCode, Grant> {
    let provider = login.provider.label();
    Turn::Failed(match error {
        "access_denied" => Error::Denied { provider },
        error => Error::AuthorizationRefused {
            provider,
            error: brief(error),
            description: description.as_deref().map(brief),
        },
    })
}

/// Whether an answer names another issuer, or none although it has to.
fn wrong_issuer(login: &Login, iss: Option<&str>) -> Option<Error> {
    let issuer = login.provider.issuer.as_deref()?;
    let is_wrong = iss.map_or(login.provider.requires_iss, |iss| iss != issuer);
    let (provider, expected) = (login.provider.label(), brief(issuer));
    is_wrong.then(|| Error::WrongIssuer { provider, expected, found: iss.map(brief) })
}

fn not_exchanged(
    login: &Login,
    cause: EndpointError,
    code: &Secret,
) -> Turn<AuthorizationCode, Grant> {
    let cause = cause.without(&[code.clone(), login.entropy.verifier().secret().clone()]);
    Turn::Failed(Error::Exchange { provider: login.provider.label(), cause })
}
