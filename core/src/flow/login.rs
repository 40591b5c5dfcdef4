//! Logging in.
//!
//! ```text
//!   ReadOverrides ─▶ Select? ─▶ ProbeStore ─▶ Prompt (Enterprise)? ─▶ discovery?
//!       ─▶ authorization code, or device code ─▶ Copilot's exchange? ─▶ save::Save
//!       ─▶ UnlockStore, Copilot's models?
//! ```
//!
//! The file is proved readable and writable before the person is sent to the provider, so that a
//! login never ends with tokens and no place for them.

mod authorization_code;
mod copilot;
mod device_code;
mod models;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::discovery::{Discovered, Discovery};
use super::save::{Edit, Save};
use super::{Effect, Event, Output, Store, Turn, known, table};
use crate::credential::Credential;
use crate::environment::{Browser, Environment};
use crate::error::Error;
use crate::json::object;
use crate::oauth::pkce::Entropy;
use crate::oauth::token::Grant;
use crate::provider::github_copilot::domain::Domain;
use crate::provider::{BadDomain, Job, Provider, Table};
use authorization_code::AuthorizationCode;
use copilot::Exchange;
use device_code::DeviceCode;
use models::Models;

/// A wish to log in.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename = "LoginRequest"))]
pub struct Request {
    /// The provider's id; `None` has the person pick one.
    pub provider: Option<String>,
    /// Whether the code is to be pasted even where a callback would work.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub paste: bool,
    /// Whether the URL is only to be shown; it is then pasted, too.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub no_browser: bool,
    /// The domain of a GitHub Enterprise; empty for github.com, `None` to ask the person. Only
    /// Copilot has one.
    #[cfg_attr(test, ts(optional))]
    pub enterprise: Option<String>,
    /// Whether there is somebody to ask for what has a default.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub interactive: bool,
    /// Whether this system shows windows only where DISPLAY or WAYLAND_DISPLAY is set (Linux, BSD).
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub needs_display: bool,
    /// The variables that are set.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub environment: Environment,
    /// The randomness of this login, never to be used again.
    pub entropy: Entropy,
}

object! { Request {
    provider,
    paste: default,
    no_browser: default,
    enterprise,
    interactive: default,
    needs_display: default,
    environment: secret default,
    entropy: secret,
} }

/// How many answers of a person may be wrong before the login is given up.
const MAX_WRONG_ANSWERS: usize = 5;

impl Request {
    pub(super) fn start(self) -> Turn<State> {
        Turn::Ask(State::Configuring(Box::new(self)), Effect::ReadOverrides)
    }
}

#[derive(Debug)]
pub(super) enum State {
    Configuring(Box<Request>),
    Selecting(Box<Request>, Table),
    Probing(Box<Login>),
    /// Which Enterprise, if any?
    Asking(Box<Login>, Vec<BadDomain>),
    Discovering(Box<Login>, Discovery),
    AuthorizationCode(Box<Login>, AuthorizationCode),
    DeviceCode(Box<Login>, DeviceCode),
    /// A GitHub token is there, but no Copilot token yet.
    Exchanging(Box<Login>, Exchange),
    Saving(Box<Login>, Credential, Box<Save>),
    /// The login is stored. The lock is let go of before anybody is waited for.
    Unlocking(Box<Login>, Credential),
    Enabling(Box<Login>, Models),
}

/// A login under way.
#[derive(Debug)]
pub(super) struct Login {
    provider: Arc<Provider>,
    /// What the person asked for.
    enterprise: Option<String>,
    interactive: bool,
    browser: Browser,
    entropy: Entropy,
    /// The credential file.
    path: String,
    /// What the person should know although it worked.
    notes: Vec<String>,
}

impl State {
    pub(super) fn is_critical(&self) -> bool {
        match self {
            State::AuthorizationCode(_, code) => code.is_critical(),
            State::Saving(..) => true,
            _ => false,
        }
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
            (State::Probing(mut login), Event::StoreRead { path, contents }) => {
                match Store::parse(path, contents) {
                    Err(corrupt) => Turn::Failed(corrupt),
                    Ok(store) => {
                        login.path = store.path;
                        login.locate()
                    }
                }
            }
            (State::Probing(_), event) => Turn::unexpected(event, "write"),
            (State::Asking(login, wrong), Event::Answered { text }) => login.answered(&text, wrong),
            (State::Asking(_, mut wrong), Event::InputEnded) => Turn::Failed(match wrong.pop() {
                None => Error::Cancelled,
                Some(problem) => Error::Enterprise { problem, stored: false },
            }),
            (State::Discovering(login, discovery), event) => {
                login.discovering(discovery.step(event, now_ms))
            }
            (State::AuthorizationCode(login, code), event) => {
                let turn = code.step(&login, event, now_ms);
                login.authorizing(turn)
            }
            (State::DeviceCode(login, code), event) => {
                let turn = code.step(&login, event, now_ms);
                login.showing(turn)
            }
            (State::Exchanging(login, exchange), event) => {
                let turn = exchange.step(&login.provider, event, now_ms);
                login.exchanging(turn)
            }
            (State::Saving(login, credential, save), event) => {
                login.saving(credential, save.step(event, now_ms))
            }
            // Whatever happens from here on, the login is stored.
            (State::Unlocking(login, credential), Event::Unlocked | Event::Cancelled) => {
                let turn = Models::start(&login.provider, credential);
                login.enabling(turn)
            }
            (State::Enabling(login, models), event) => {
                let turn = models.step(&login.provider, event, now_ms);
                login.enabling(turn)
            }
            (_, event) => Turn::unexpected(event, "read"),
        }
    }
}

impl Request {
    fn with(self: Box<Self>, table: Table) -> Turn<State> {
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
        if self.enterprise.is_some() && provider.copilot.is_none() {
            return Turn::Failed(Error::NoEnterprise { provider: provider.label() });
        }
        let browser =
            Browser::choose(&self.environment, self.needs_display, self.paste, self.no_browser);
        let login = Login {
            provider,
            enterprise: self.enterprise,
            interactive: self.interactive,
            browser,
            entropy: self.entropy,
            path: String::new(),
            notes: Vec::new(),
        };
        // Said before anything else is done: it is a slip of the fingers.
        match login.enterprise() {
            Err(problem) => Turn::Failed(Error::Enterprise { problem, stored: false }),
            Ok(_) => Turn::Ask(State::Probing(Box::new(login)), Effect::ProbeStore),
        }
    }
}

impl Login {
    fn enterprise(&self) -> Result<Option<Domain>, BadDomain> {
        Domain::parse(self.enterprise.as_deref().unwrap_or_default())
    }

    fn locate(self: Box<Self>) -> Turn<State> {
        if self.provider.copilot.is_some() && self.enterprise.is_none() && self.interactive {
            return self.ask(Vec::new(), None);
        }
        match self.enterprise() {
            Err(problem) => Turn::Failed(Error::Enterprise { problem, stored: false }),
            Ok(domain) => self.at(domain.as_ref()),
        }
    }

    fn ask(self: Box<Self>, wrong: Vec<BadDomain>, problem: Option<String>) -> Turn<State> {
        let message = "GitHub Enterprise domain (leave it empty for github.com):".into();
        Turn::Ask(State::Asking(self, wrong), Effect::Prompt { message, problem })
    }

    fn answered(self: Box<Self>, text: &str, mut wrong: Vec<BadDomain>) -> Turn<State> {
        match Domain::parse(text) {
            Ok(domain) => self.at(domain.as_ref()),
            Err(problem) if wrong.len() + 1 == MAX_WRONG_ANSWERS => {
                Turn::Failed(Error::Enterprise { problem, stored: false })
            }
            Err(problem) => {
                let shown = format!("{problem}. Give a name such as ghe.example.com.");
                wrong.push(problem);
                self.ask(wrong, Some(shown))
            }
        }
    }

    fn at(mut self: Box<Self>, domain: Option<&Domain>) -> Turn<State> {
        self.provider = self.provider.at(domain);
        match Discovery::start(&self.provider, Job::Login) {
            None => self.authorize(),
            Some((discovery, effect)) => Turn::Ask(State::Discovering(self, discovery), effect),
        }
    }

    fn discovering(mut self: Box<Self>, turn: Turn<Discovery, Discovered>) -> Turn<State> {
        match turn {
            Turn::Ask(discovery, effect) => Turn::Ask(State::Discovering(self, discovery), effect),
            Turn::Done(Ok(provider)) => {
                self.provider = provider;
                self.authorize()
            }
            Turn::Done(Err(cause)) => {
                Turn::Failed(Error::Login { provider: self.provider.label(), cause })
            }
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn authorize(self: Box<Self>) -> Turn<State> {
        use crate::provider::Login::{AuthorizationCode as Code, DeviceCode as Device};
        match self.provider.login.clone() {
            Code(endpoints) => {
                let turn = AuthorizationCode::start(&self, endpoints);
                self.authorizing(turn)
            }
            Device { device_authorization_url } => {
                let (code, effect) = DeviceCode::start(&self, &device_authorization_url);
                Turn::Ask(State::DeviceCode(self, code), effect)
            }
        }
    }

    fn authorizing(self: Box<Self>, turn: Turn<AuthorizationCode, Grant>) -> Turn<State> {
        match turn {
            Turn::Ask(code, effect) => Turn::Ask(State::AuthorizationCode(self, code), effect),
            Turn::Done(grant) => self.save(grant.credential(None)),
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn showing(self: Box<Self>, turn: Turn<DeviceCode, Grant>) -> Turn<State> {
        match turn {
            Turn::Ask(code, effect) => Turn::Ask(State::DeviceCode(self, code), effect),
            Turn::Done(grant) if self.provider.copilot.is_some() => {
                let (exchange, effect) = Exchange::start(&self.provider, grant.access);
                Turn::Ask(State::Exchanging(self, exchange), effect)
            }
            Turn::Done(grant) => self.save(grant.credential(None)),
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn exchanging(
        mut self: Box<Self>,
        turn: Turn<Exchange, (Credential, Option<String>)>,
    ) -> Turn<State> {
        match turn {
            Turn::Ask(exchange, effect) => Turn::Ask(State::Exchanging(self, exchange), effect),
            Turn::Done((credential, note)) => {
                self.notes.extend(note);
                self.save(credential)
            }
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn save(mut self: Box<Self>, credential: Credential) -> Turn<State> {
        if credential.refresh.is_none() {
            let note = "gave no refresh token, so this login ends when its access token does. Some \
                        providers give one only for the scope `offline_access`.";
            self.notes.push(format!("{} {note}", self.provider.label().short_name()));
        }
        let copilot = self.provider.copilot.as_ref();
        let enterprise = copilot.and_then(|copilot| copilot.enterprise.as_ref());
        let credential =
            Credential { enterprise: enterprise.map(ToString::to_string), ..credential };
        let (provider, path) = (self.provider.id.clone(), self.path.clone());
        let edit = Edit::Login { provider, credential: credential.clone() };
        self.saving(credential, Save::start(edit, path))
    }

    fn saving(
        mut self: Box<Self>,
        credential: Credential,
        turn: Turn<Box<Save>, String>,
    ) -> Turn<State> {
        match turn {
            Turn::Ask(save, effect) => Turn::Ask(State::Saving(self, credential, save), effect),
            Turn::Done(path) => {
                self.path = path;
                match self.provider.copilot.is_some() && credential.access.is_some() {
                    true => Turn::Ask(State::Unlocking(self, credential), Effect::UnlockStore),
                    false => self.done(),
                }
            }
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn enabling(mut self: Box<Self>, turn: Turn<Models, Vec<String>>) -> Turn<State> {
        match turn {
            Turn::Ask(models, effect) => Turn::Ask(State::Enabling(self, models), effect),
            Turn::Done(notes) => {
                self.notes.extend(notes);
                self.done()
            }
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn done(self) -> Turn<State> {
        let Login { provider, path, notes, .. } = self;
        Turn::Done(Output::LoggedIn { provider: provider.label(), path, notes })
    }
}
