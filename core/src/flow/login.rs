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
use core::mem;

use serde::{Deserialize, Serialize};

use super::discovery::Discovery;
use super::files::{Store, known, table};
use super::machine::{Machine, StepResult, Yield, ask, fail, unexpected};
use super::save::{Edit, Save};
use super::{Effect, Event, Output};
use crate::environment::{Browser, Environment};
use crate::error::Error;
use crate::json::or_default;
use crate::oauth::client::Job;
use crate::oauth::endpoint::EndpointError;
use crate::oauth::pkce::Entropy;
use crate::oauth::token::TokenResponse;
use crate::provider::github_copilot::domain::Domain;
use crate::provider::{BadDomain, Provider, Table};
use crate::secret::exposed;
use crate::store::credential::{Credential, Lifetime};
use crate::store::document::Entry;
use authorization_code::AuthorizationCode;
use copilot::Exchange;
use device_code::DeviceCode;
use models::Models;

/// Parameters of a login request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LoginRequest {
    /// The provider's id; `None` has the person pick one.
    pub provider: Option<String>,
    /// True if the code is to be pasted even where a callback would work.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default")]
    pub paste: bool,
    /// True if the URL is only to be shown; it is then pasted, too.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default")]
    pub no_browser: bool,
    /// The domain of a GitHub Enterprise; empty for github.com, `None` to ask the person. Only
    /// Copilot has one.
    #[cfg_attr(test, ts(optional))]
    pub enterprise: Option<String>,
    /// True if there is somebody to ask for what has a default.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default")]
    pub interactive: bool,
    /// True if this system shows windows only where DISPLAY or WAYLAND_DISPLAY is set (Linux, BSD).
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default")]
    pub needs_display: bool,
    /// The variables that are set.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default", serialize_with = "exposed")]
    pub environment: Environment,
    /// The randomness of this login, never to be used again.
    #[serde(serialize_with = "exposed")]
    pub entropy: Entropy,
}

/// How many answers of a person may be wrong before the login is given up.
const MAX_WRONG_ANSWERS: usize = 5;

#[derive(Debug)]
pub(super) struct State {
    request: LoginRequest,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Configuring,
    Selecting(Table),
    LoggingIn(Login),
}

impl State {
    pub(super) fn new(request: LoginRequest) -> Self {
        State { request, step: Step::Configuring }
    }

    fn chosen(&mut self, table: Table, provider: Arc<Provider>) -> StepResult {
        let LoginRequest { paste, no_browser, needs_display, .. } = self.request;
        let enterprise = self.request.enterprise.clone();
        if enterprise.is_some() && provider.copilot.is_none() {
            return fail(Error::NoEnterprise { provider: provider.label() });
        }
        let login = Login {
            table,
            provider,
            enterprise,
            interactive: self.request.interactive,
            browser: Browser::choose(&self.request.environment, needs_display, paste, no_browser),
            is_browser_here: self.request.environment.has_browser_of_this_machine(),
            entropy: self.request.entropy.clone(),
            path: String::new(),
            notes: Vec::new(),
            is_told: false,
            stage: Stage::Probing,
        };
        // Said before anything else is done: it is a slip of the fingers.
        login.enterprise()?;
        self.step = Step::LoggingIn(login);
        ask(Effect::ProbeStore)
    }
}

impl Machine for State {
    fn step(&mut self, event: &Event, now_ms: u64) -> StepResult {
        match &mut self.step {
            Step::Configuring => {
                let table = table(event)?;
                if let Some(id) = &self.request.provider {
                    let provider = known(&table, id)?.clone();
                    return self.chosen(table, provider);
                }
                let effect = Effect::Select {
                    message: "Select provider to login:".into(),
                    options: table.labels(),
                    remark: None,
                };
                self.step = Step::Selecting(table);
                ask(effect)
            }
            Step::Selecting(table) => {
                let Event::Chosen { index } = event else {
                    return Err(unexpected(event, "read").into());
                };
                match table.nth(*index).cloned() {
                    Some(provider) => {
                        let table = table.clone();
                        self.chosen(table, provider)
                    }
                    None => fail(Error::Protocol { event: "chosen" }),
                }
            }
            Step::LoggingIn(login) => {
                let turn = login.step(event, now_ms);
                login.tell_first(turn)
            }
        }
    }

    fn is_critical(&self) -> bool {
        matches!(&self.step, Step::LoggingIn(login) if login.is_critical())
    }
}

/// A login under way.
#[derive(Debug)]
struct Login {
    table: Table,
    provider: Arc<Provider>,
    /// What the person asked for.
    enterprise: Option<String>,
    interactive: bool,
    browser: Browser,
    /// True where a browser that is opened surely runs on this machine.
    is_browser_here: bool,
    entropy: Entropy,
    /// The credential file.
    path: String,
    /// What the person should know although it worked.
    notes: Vec<String>,
    /// True if the notes so far stood on the page or beside the code.
    is_told: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Probing,
    /// Which Enterprise, if any?
    Asking(Vec<BadDomain>),
    Discovering(Discovery),
    AuthorizationCode(AuthorizationCode),
    DeviceCode(DeviceCode),
    /// A GitHub token is there, but no Copilot token yet.
    Exchanging(Exchange),
    Saving(Credential, Save),
    /// The login is stored. The lock is let go of before anybody is waited for.
    Unlocking(Credential),
    Enabling(Models),
}

impl Login {
    fn is_critical(&self) -> bool {
        match &self.stage {
            Stage::AuthorizationCode(code) => code.is_critical(),
            Stage::Saving(..) => true,
            _ => false,
        }
    }

    fn step(&mut self, event: &Event, now_ms: u64) -> StepResult {
        match (&mut self.stage, event) {
            (Stage::Probing, event) => {
                let store = Store::of(event, "write")?;
                if let Some(Entry::Unknown) = store.document.get(&self.provider.id) {
                    self.notes.push(format!(
                        "What {} held for {} before, neither a login nor an API key, was replaced.",
                        store.path,
                        self.provider.short_name()
                    ));
                }
                self.path = store.path;
                self.notes.extend(event.warning());
                self.locate()
            }
            (Stage::Asking(_), Event::Answered { text }) => self.answered(text),
            (Stage::Asking(wrong), Event::InputEnded) => match wrong.pop() {
                None => fail(Error::Cancelled),
                Some(problem) => fail(Error::Enterprise { problem, stored: false }),
            },
            (Stage::Discovering(discovery), event) => match discovery.step(event, now_ms) {
                Err(pause) => Err(pause),
                Ok(Ok(provider)) => {
                    self.provider = provider;
                    self.authorize()
                }
                Ok(Err(cause)) => fail(Error::Login { provider: self.provider.label(), cause }),
            },
            (Stage::AuthorizationCode(code), event) => match code.step(event, now_ms) {
                Ok(grant) => self.granted(grant, now_ms),
                Err(pause) => Err(pause),
            },
            (Stage::DeviceCode(code), event) => match code.step(event, now_ms) {
                Err(pause) => Err(pause),
                Ok(grant) if self.provider.copilot.is_some() => self.exchange(grant),
                Ok(grant) => self.granted(grant, now_ms),
            },
            (Stage::Exchanging(exchange), event) => match exchange.step(event, now_ms) {
                Err(pause) => Err(pause),
                Ok((credential, note)) => {
                    self.notes.extend(note);
                    self.save(credential)
                }
            },
            (Stage::Saving(credential, save), event) => {
                self.path = save.step(event, now_ms)?;
                if self.provider.copilot.is_none() || credential.access.is_none() {
                    return self.done();
                }
                let credential = credential.clone();
                self.ask(Stage::Unlocking(credential), Effect::UnlockStore)
            }
            // Whatever happens from here on, the login is stored.
            (Stage::Unlocking(credential), Event::Unlocked | Event::Cancelled) => {
                let models = Models::new(self.provider.clone(), credential.clone());
                let effect = models.start();
                self.ask(Stage::Enabling(models), effect)
            }
            (Stage::Enabling(models), event) => match models.step(event, now_ms) {
                Err(pause) => Err(pause),
                Ok(notes) => {
                    self.notes.extend(notes);
                    self.done()
                }
            },
            (_, event) => Err(unexpected(event, "read").into()),
        }
    }

    fn enterprise(&self) -> Result<Option<Domain>, Box<Error>> {
        Domain::parse(self.enterprise.as_deref().unwrap_or_default())
            .map_err(|problem| Box::new(Error::Enterprise { problem, stored: false }))
    }

    fn locate(&mut self) -> StepResult {
        if self.provider.copilot.is_some() && self.enterprise.is_none() && self.interactive {
            return self.prompt(Vec::new(), None);
        }
        let domain = self.enterprise()?;
        self.at(domain.as_ref())
    }

    fn prompt(&mut self, wrong: Vec<BadDomain>, problem: Option<String>) -> StepResult {
        let message = "GitHub Enterprise domain (leave it empty for github.com):".into();
        self.ask(Stage::Asking(wrong), Effect::Prompt { message, problem })
    }

    fn answered(&mut self, text: &str) -> StepResult {
        let problem = match Domain::parse(text) {
            Ok(domain) => return self.at(domain.as_ref()),
            Err(problem) => problem,
        };
        let mut wrong = match &mut self.stage {
            Stage::Asking(wrong) => mem::take(wrong),
            _ => Vec::new(),
        };
        if wrong.len() + 1 == MAX_WRONG_ANSWERS {
            return fail(Error::Enterprise { problem, stored: false });
        }
        let shown = format!("{problem}. Give a name such as ghe.example.com.");
        wrong.push(problem);
        self.prompt(wrong, Some(shown))
    }

    fn at(&mut self, domain: Option<&Domain>) -> StepResult {
        self.provider = self.provider.at(domain);
        match Discovery::start(&self.provider, Job::Login) {
            None => self.authorize(),
            Some((discovery, effect)) => self.ask(Stage::Discovering(discovery), effect),
        }
    }

    /// Puts what is to be known before the person authorizes in front of the first page or code.
    fn tell_first(&mut self, turn: StepResult) -> StepResult {
        let mut turn = turn;
        if let Err(Yield::Ask(effect)) = &mut turn {
            let message = match &mut **effect {
                Effect::Authorize(page) => &mut page.message,
                Effect::ShowCode(code) => &mut code.message,
                _ => return turn,
            };
            if !mem::replace(&mut self.is_told, true) {
                let notes = self.notes.iter().map(String::as_str);
                *message = notes.chain([message.as_str()]).collect::<Vec<_>>().join(" ");
            }
        }
        turn
    }

    fn authorize(&mut self) -> StepResult {
        self.notes.extend(self.table.redirect_note(&self.provider));
        use crate::oauth::client::GrantType::{AuthorizationCode as Code, DeviceCode as Device};
        match &self.provider.client.grant {
            Code(endpoints) => {
                let mut code = AuthorizationCode::new(self, endpoints);
                let effect = code.start();
                self.ask(Stage::AuthorizationCode(code), effect)
            }
            Device { device_authorization_url } => {
                let (code, effect) = DeviceCode::start(self, device_authorization_url);
                self.ask(Stage::DeviceCode(code), effect)
            }
        }
    }

    fn exchange(&mut self, grant: TokenResponse) -> StepResult {
        match grant.access {
            Ok(github_token) => {
                let mut exchange = Exchange::new(self.provider.clone(), github_token);
                let effect = exchange.send();
                self.ask(Stage::Exchanging(exchange), effect)
            }
            Err(fault) => {
                let cause = EndpointError::UnusableToken(fault);
                fail(Error::Login { provider: self.provider.label(), cause })
            }
        }
    }

    /// Stores what was granted. Where that is a refresh token alone, the login is stored as one
    /// that is to be refreshed.
    fn granted(&mut self, grant: TokenResponse, now_ms: u64) -> StepResult {
        self.notes.extend(match &grant.access {
            Ok(_) => Lifetime::until(grant.expires_ms, now_ms).note(self.provider.short_name()),
            Err(fault) => {
                let why = EndpointError::UnusableToken(*fault).to_string();
                Some(copilot::without_token_yet(&self.provider, &why))
            }
        });
        self.save(grant.credential(None, now_ms))
    }

    fn save(&mut self, mut credential: Credential) -> StepResult {
        if credential.refresh.is_none() {
            let note = "gave no refresh token, so this login ends when its access token does. Some \
                        providers give one only for the scope `offline_access`.";
            self.notes.push(format!("{} {note}", self.provider.short_name()));
        }
        let copilot = self.provider.copilot.as_ref();
        let enterprise = copilot.and_then(|copilot| copilot.enterprise.as_ref());
        credential.enterprise = enterprise.map(|domain| domain.as_str().into());
        let (provider, path) = (self.provider.id.clone(), self.path.clone());
        let edit = Edit::Login { provider, credential: credential.clone() };
        self.ask(Stage::Saving(credential, Save::new(edit, path)), Effect::LockStore)
    }

    fn done(&mut self) -> StepResult {
        let (path, notes) = (mem::take(&mut self.path), mem::take(&mut self.notes));
        Ok(Output::LoggedIn { provider: self.provider.label(), path, notes })
    }

    fn ask(&mut self, stage: Stage, effect: Effect) -> StepResult {
        self.stage = stage;
        ask(effect)
    }
}
