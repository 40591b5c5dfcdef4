//! Logging in: authorization code with PKCE, by loopback callback or by paste.
//!
//! ```text
//!   ReadOverrides ─▶ Select? ─▶ ProbeStore ─▶ Listen? ─▶ Authorize ─▶ Http (exchange) ─▶ save::Save
//! ```
//!
//! The file is proved readable and writable before the person is sent to the provider, so that a
//! login never ends with tokens and no place for them.

use alloc::format;
use alloc::string::{String, ToString};

use serde::Deserialize;

use super::save::{Edit, Progress, Save};
use super::{Authorize, Effect, Event, Output, Store, Turn, known, table};
use crate::environment::{Browser, Environment};
use crate::error::Error;
use crate::http::query_value;
use crate::oauth::authorization::{self, Answer, Refusal};
use crate::oauth::paste::{self, PasteError};
use crate::oauth::pkce::{Entropy, Verifier};
use crate::oauth::token::{self, TokenError};
use crate::provider::{Provider, Table};
use crate::secret::Secret;
use crate::text::brief;

/// A wish to log in.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// The provider's id; `None` has the person pick one.
    pub provider: Option<String>,
    /// Whether the code is to be pasted even where a callback would work.
    #[serde(default)]
    pub paste: bool,
    /// Whether the URL is only to be shown; it is then pasted, too.
    #[serde(default)]
    pub no_browser: bool,
    /// Whether this system shows windows only where DISPLAY or WAYLAND_DISPLAY is set (Linux, BSD).
    #[serde(default)]
    pub needs_display: bool,
    /// The variables that are set.
    #[serde(default)]
    pub environment: Environment,
    /// The randomness of this login, never to be used again.
    pub entropy: Entropy,
}

/// How many pastes may be wrong before the login is given up.
const MAX_WRONG_PASTES: u32 = 5;

impl Request {
    pub(super) fn start(self) -> Turn<State> {
        Turn::Ask(State::Configuring(self), Effect::ReadOverrides)
    }
}

#[derive(Debug)]
pub(super) enum State {
    Configuring(Request),
    Selecting(Request, Table),
    Probing(Login),
    Listening(Login),
    Authorizing(Login),
    /// The code is sent and works only once: from here on, the answer must reach the file.
    Exchanging(Login, Secret),
    Saving(Login, Save),
}

/// A login under way.
#[derive(Debug)]
pub(super) struct Login {
    provider: Provider,
    browser: Browser,
    verifier: Verifier,
    state: Secret,
    /// The credential file.
    path: String,
    /// Known once it is clear whether there is a callback server.
    redirect_uri: String,
    wrong_pastes: u32,
    problem: Option<PasteError>,
}

impl State {
    pub(super) fn is_critical(&self) -> bool {
        matches!(self, State::Exchanging(..) | State::Saving(..))
    }

    pub(super) fn step(self, event: Event, now_ms: u64) -> Turn<State> {
        match (self, event) {
            (State::Configuring(request), Event::OverridesRead { path, contents }) => {
                match table(path, contents) {
                    Err(error) => Turn::Failed(error),
                    Ok(table) => request.with(table),
                }
            }
            (State::Selecting(request, table), Event::Chosen { index }) => {
                match table.labels().get(index) {
                    Some(label) => request.chosen(&table, &label.id),
                    None => Turn::Failed(Error::Protocol { event: "chosen" }),
                }
            }
            (State::Probing(login), Event::StoreRead { path, contents }) => {
                match Store::parse(path, contents) {
                    Err(corrupt) => Turn::Failed(corrupt),
                    Ok(store) => login.choose_redirect(store.path),
                }
            }
            (State::Probing(_), event) => Turn::unexpected(event, "write"),
            (State::Listening(mut login), Event::Listening { port }) => {
                login.redirect_uri = login.provider.loopback_redirect_uri.uri(port);
                login.authorize(None)
            }
            // No port is free: the person pastes what the provider's own page shows.
            (State::Listening(mut login), Event::ListenFailed) => {
                login.browser = Browser::Paste;
                login.authorize(None)
            }
            (State::Authorizing(login), Event::Callback { query }) => {
                login.called_back(query.expose())
            }
            (State::Authorizing(login), Event::Pasted { text }) => login.pasted(text.expose()),
            (State::Authorizing(login), Event::InputEnded) => {
                Turn::Failed(login.problem.map_or(Error::Cancelled, Error::Paste))
            }
            (State::Exchanging(login, code), Event::Response(response)) => {
                match token::answer(&response, now_ms) {
                    Ok(grant) => login.save(grant, now_ms),
                    Err(cause) => login.not_exchanged(cause, code),
                }
            }
            (State::Exchanging(login, code), Event::TransportFailed { failure }) => {
                login.not_exchanged(TokenError::Transport(failure), code)
            }
            (State::Saving(login, save), event) => login.saving(save.step(event, now_ms)),
            (_, event) => Turn::unexpected(event, "read"),
        }
    }
}

impl Request {
    fn with(self, table: Table) -> Turn<State> {
        if let Some(id) = self.provider.clone() {
            return self.chosen(&table, &id);
        }
        let effect = Effect::Select {
            message: "Select provider to login:".into(),
            options: table.labels(),
            remark: None,
        };
        Turn::Ask(State::Selecting(self, table), effect)
    }

    fn chosen(self, table: &Table, id: &str) -> Turn<State> {
        let provider = match known(table, id) {
            Ok(provider) => provider.clone(),
            Err(error) => return Turn::Failed(error),
        };
        let login = Login {
            provider,
            browser: Browser::choose(
                &self.environment,
                self.needs_display,
                self.paste,
                self.no_browser,
            ),
            verifier: self.entropy.verifier(),
            state: self.entropy.state(),
            path: String::new(),
            redirect_uri: String::new(),
            wrong_pastes: 0,
            problem: None,
        };
        Turn::Ask(State::Probing(login), Effect::ProbeStore)
    }
}

impl Login {
    fn choose_redirect(mut self, path: String) -> Turn<State> {
        self.path = path;
        self.redirect_uri.clone_from(&self.provider.redirect_uri);
        if self.browser != Browser::Callback {
            return self.authorize(None);
        }
        let loopback = &self.provider.loopback_redirect_uri;
        let effect = Effect::Listen { preferred_port: loopback.port, path: loopback.path.clone() };
        Turn::Ask(State::Listening(self), effect)
    }

    fn authorize(self, problem: Option<String>) -> Turn<State> {
        let url =
            authorization::url(&self.provider, &self.redirect_uri, &self.verifier, &self.state);
        let (message, prompt) = match self.browser {
            Browser::Callback => (
                "Opening browser to authorize...",
                "Waiting for the browser, or paste the authorization code here:",
            ),
            Browser::Paste => {
                ("Opening browser to authorize...", "Paste the authorization code here:")
            }
            Browser::Elsewhere => {
                ("Open this page in a browser to authorize:", "Paste the authorization code here:")
            }
        };
        let effect = Effect::Authorize(Authorize {
            url,
            open_browser: self.browser != Browser::Elsewhere,
            callback: self.browser == Browser::Callback,
            message: message.into(),
            prompt: prompt.into(),
            state: self.state.clone(),
            problem,
        });
        Turn::Ask(State::Authorizing(self), effect)
    }

    /// The browser's answer counts only with this login's state, whatever the host let through.
    fn called_back(self, query: &str) -> Turn<State> {
        if query_value(query, "state").is_none_or(|state| self.state != state.into()) {
            let stray = "A browser came with the answer to another login; it was ignored.";
            return self.authorize(Some(stray.into()));
        }
        match authorization::answer(query) {
            Ok(answer) => self.exchange(answer),
            Err(Refusal::Error { error, description }) => self.refused(&error, description),
            Err(Refusal::NoCode) => {
                self.refused("invalid_response", Some("its answer holds no code".to_string()))
            }
        }
    }

    fn pasted(mut self, text: &str) -> Turn<State> {
        let problem = match paste::parse(text) {
            Ok(answer) if answer.state.as_ref().is_none_or(|state| *state == self.state) => {
                return self.exchange(answer);
            }
            Ok(_) => PasteError::OtherLogin,
            Err(PasteError::Refused(error)) => return self.refused(&error, None),
            Err(problem) => problem,
        };
        self.wrong_pastes += 1;
        if self.wrong_pastes == MAX_WRONG_PASTES {
            return Turn::Failed(Error::Paste(problem));
        }
        let shown = problem.to_string();
        self.problem = Some(problem);
        self.authorize(Some(shown))
    }

    fn refused(self, error: &str, description: Option<String>) -> Turn<State> {
        let provider = self.provider.label();
        Turn::Failed(match error {
            "access_denied" => Error::Denied { provider },
            error => Error::AuthorizationRefused {
                provider,
                error: brief(error),
                description: description.as_deref().map(brief),
            },
        })
    }

    fn exchange(self, answer: Answer) -> Turn<State> {
        let request = token::exchange(
            &self.provider,
            &answer,
            &self.state,
            &self.redirect_uri,
            &self.verifier,
        );
        let activity =
            format!("Exchanging the code for tokens of {}", self.provider.label().short_name());
        Turn::Ask(State::Exchanging(self, answer.code), Effect::Http { request, activity })
    }

    fn not_exchanged(self, cause: TokenError, code: Secret) -> Turn<State> {
        let cause = cause.without(&[code, self.verifier.secret().clone()]);
        Turn::Failed(Error::Exchange { provider: self.provider.label(), cause })
    }

    fn save(self, grant: token::Grant, now_ms: u64) -> Turn<State> {
        let edit = Edit::Login {
            provider: self.provider.id.clone(),
            credential: grant.credential(None, now_ms),
        };
        let path = self.path.clone();
        self.saving(Save::start(edit, path))
    }

    fn saving(self, progress: Progress) -> Turn<State> {
        match progress {
            Progress::Ask(save, effect) => Turn::Ask(State::Saving(self, save), effect),
            Progress::Saved(path) => {
                Turn::Done(Output::LoggedIn { provider: self.provider.label(), path })
            }
            Progress::Failed(error) => Turn::Failed(error),
        }
    }
}
