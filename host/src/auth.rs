//! The API: a key that can be sent now, the headers that carry it, login, logout, status.

use std::path::PathBuf;
use std::time::Duration;

use pi_auth_core::environment::Environment;
use pi_auth_core::error::Error;
use pi_auth_core::flow::headers::Headers;
use pi_auth_core::flow::logout::Revocation;
use pi_auth_core::flow::status::Status;
use pi_auth_core::flow::{Output, Request, headers, login, logout, status, token};
use pi_auth_core::headers::Initiator;
use pi_auth_core::key::Key;
use pi_auth_core::oauth::pkce::Entropy;
use pi_auth_core::provider::Label;
use pi_auth_core::secret::Secret;
use pi_auth_core::store::credential::BUFFER_MS;

use crate::directory::agent_directory;
use crate::driver::Driver;
use crate::engine::Core;
use crate::interaction::{Interaction, Unattended};
use crate::stop::Stop;
use crate::store::Store;

/// The credential file of one agent directory, and what can be done with it.
///
/// Cheap to clone. The async methods need a tokio runtime with I/O and time enabled.
#[derive(Clone, Debug)]
pub struct Auth {
    directory: PathBuf,
    overrides: Option<PathBuf>,
    environment: Environment,
    core: Core,
    stop: Stop,
}

/// A key, and what its user should know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Token {
    /// The key.
    pub key: Key,
    /// What went less than well although there is a key; a sentence each.
    pub notes: Vec<String>,
}

/// How a token is to be got.
#[derive(Clone, Debug, Default)]
pub struct TokenOptions {
    /// A key of the caller's own, which wins over everything.
    pub caller_key: Option<Secret>,
    /// How long the token must be valid for; 5 minutes unless given.
    pub min_validity: Option<Duration>,
    /// A token that a server has refused: if that is what is stored, it is refreshed whatever its
    /// age.
    pub rejected: Option<Secret>,
}

/// How to log in.
#[derive(Clone, Debug, Default)]
pub struct LoginOptions {
    /// The provider's id; `None` has the person pick one.
    pub provider: Option<String>,
    /// True if the code is to be pasted even where a callback would work.
    pub paste: bool,
    /// True if the URL is only to be shown, for a browser elsewhere.
    pub no_browser: bool,
    /// The domain of a GitHub Enterprise; empty for github.com, `None` to ask the person if there
    /// is one. Only Copilot has it.
    pub enterprise: Option<String>,
}

/// A login that is stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The provider.
    pub provider: Label,
    /// The credential file, as it is shown to people.
    pub path: String,
    /// What went less than well although it is stored; a sentence each.
    pub notes: Vec<String>,
}

/// What a request to a provider's API is like, as far as it matters.
#[derive(Clone, Debug, Default)]
pub struct HeadersOptions {
    /// The key to carry.
    pub token: TokenOptions,
    /// The request's body, if it is known: JSON in the shape of OpenAI's chat or responses, or of
    /// Anthropic's messages. It tells what the next two leave open.
    pub body: Option<Secret>,
    /// Who began the request; only Copilot wants to know.
    pub initiator: Option<Initiator>,
    /// Whether it carries an image; only Copilot wants to know.
    pub vision: Option<bool>,
}

/// How to log out.
#[derive(Clone, Debug, Default)]
pub struct LogoutOptions {
    /// The provider's id; `None`, without `all`, has the person pick one.
    pub provider: Option<String>,
    /// True to end every login. API keys are left alone.
    pub all: bool,
    /// True if it is confirmed already.
    pub confirmed: bool,
}

/// What was logged out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedOut {
    /// The providers; none where there was nothing to do.
    pub providers: Vec<Label>,
    /// The credential file, as it is shown to people.
    pub path: String,
    /// What the providers that can be told said to it.
    pub revocations: Vec<Revocation>,
    /// What the person should know; a sentence each.
    pub notes: Vec<String>,
}

impl Auth {
    /// The agent's own directory: `PI_CODING_AGENT_DIR`, else `~/.pi/agent`; the variables of this
    /// process; the overrides of `PI_AUTH_PROVIDERS`, else `auth-providers.json` in the directory.
    ///
    /// # Errors
    /// [`Error::NoDirectory`] where there is neither the variable nor a home directory.
    pub fn from_env() -> Result<Self, Error> {
        let directory = agent_directory().ok_or(Error::NoDirectory)?;
        let overrides = std::env::var_os("PI_AUTH_PROVIDERS").filter(|path| !path.is_empty());
        let environment = Environment::read(|name| std::env::var(name).ok());
        let overrides = overrides.map(PathBuf::from);
        let (core, stop) = (Core::default(), Stop::default());
        Ok(Auth { directory, overrides, environment, core, stop })
    }

    /// The credential file in `directory`, whatever this process's variables say: no variable
    /// holds a key, and overrides are those of the directory. Only a stored API key that names a
    /// variable is still looked up in it.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Auth {
            directory: directory.into(),
            overrides: None,
            environment: Environment::default(),
            core: Core::default(),
            stop: Stop::default(),
        }
    }

    /// The same with these variables.
    #[must_use]
    pub fn with_environment(self, environment: Environment) -> Self {
        Auth { environment, ..self }
    }

    /// The same with this overrides file, which then must be there.
    #[must_use]
    pub fn with_overrides(self, file: impl Into<PathBuf>) -> Self {
        Auth { overrides: Some(file.into()), ..self }
    }

    /// The same, but every decision is made by the core in this module.
    #[cfg(feature = "wasm-core")]
    #[must_use]
    pub fn with_core(self, core: crate::WasmCore) -> Self {
        Auth { core: Core::Wasm(core), ..self }
    }

    /// The same, but its jobs end when `stop` asks for it.
    #[must_use]
    pub fn stopped_by(self, stop: Stop) -> Self {
        Auth { stop, ..self }
    }

    /// A key for `provider` that is valid for at least five more minutes, as it should be sent:
    /// the stored login, refreshed if need be, or what the environment holds.
    ///
    /// Dropping the future does not stop a refresh that was begun: its answer is stored first, as
    /// long as the runtime lives. A program that ends should await its tokens, or it may end
    /// between the provider's answer and the file.
    ///
    /// # Errors
    /// Any [`Error`]; its [`code`](Error::code) says what to do about it.
    pub async fn token(&self, provider: &str) -> Result<Token, Error> {
        self.token_with(provider, TokenOptions::default()).await
    }

    /// [`Auth::token`] with options.
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub async fn token_with(&self, provider: &str, options: TokenOptions) -> Result<Token, Error> {
        self.token_job(provider, options).unattended().await
    }

    /// [`Auth::token`] in two steps: what needs no async runtime, and the rest.
    pub fn token_job(&self, provider: &str, options: TokenOptions) -> Job<Token> {
        let request = Request::Token(self.token_request(provider, options));
        Job { driver: self.driver(request), finish: Token::of }
    }

    /// The headers that carry such a key on a request to the API of `provider`, and where that is.
    /// Dropping the future does what it does to that of [`Auth::token`].
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub async fn headers(&self, provider: &str, options: HeadersOptions) -> Result<Headers, Error> {
        self.headers_job(provider, options).unattended().await
    }

    /// [`Auth::headers`] in two steps: what needs no async runtime, and the rest.
    pub fn headers_job(&self, provider: &str, options: HeadersOptions) -> Job<Headers> {
        let HeadersOptions { token, body, initiator, vision } = options;
        let token = self.token_request(provider, token);
        let request = Request::Headers(headers::HeadersRequest { token, body, initiator, vision });
        let finish = |output| match output {
            Output::Headers(headers) => Ok(headers),
            _ => Err(Error::Cancelled),
        };
        Job { driver: self.driver(request), finish }
    }

    fn token_request(&self, provider: &str, options: TokenOptions) -> token::TokenRequest {
        let validity_ms =
            |validity: Duration| u64::try_from(validity.as_millis()).unwrap_or(u64::MAX);
        token::TokenRequest {
            caller_key: options.caller_key,
            min_validity_ms: options.min_validity.map_or(BUFFER_MS, validity_ms),
            rejected: options.rejected,
            ..token::TokenRequest::new(provider, self.environment.clone())
        }
    }

    /// Logs in and stores the credential. Do not drop this future once the person has authorized:
    /// stop it by [`Auth::stopped_by`].
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Cancelled`] where the person stopped it.
    pub async fn login(
        &self,
        options: LoginOptions,
        interaction: &mut impl Interaction,
    ) -> Result<LoggedIn, Error> {
        let mut entropy = [0; Entropy::LEN];
        getrandom::fill(&mut entropy).map_err(|_| Error::System { what: "random bytes" })?;
        let request = Request::Login(login::LoginRequest {
            provider: options.provider,
            paste: options.paste,
            no_browser: options.no_browser,
            enterprise: options.enterprise,
            interactive: interaction.can_answer(),
            needs_display: !cfg!(target_os = "macos"),
            environment: self.environment.clone(),
            entropy: Entropy::new(entropy),
        });
        match self.driver(request).run(interaction).await? {
            Output::LoggedIn { provider, path, notes } => Ok(LoggedIn { provider, path, notes }),
            _ => Err(Error::Cancelled),
        }
    }

    /// Takes logins out of the file. API keys are left alone.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Cancelled`] where the person stopped it or said no.
    pub async fn logout(
        &self,
        options: LogoutOptions,
        interaction: &mut impl Interaction,
    ) -> Result<LoggedOut, Error> {
        let LogoutOptions { provider, all, confirmed } = options;
        let interactive = interaction.is_present();
        let request =
            Request::Logout(logout::LogoutRequest { provider, all, confirmed, interactive });
        match self.driver(request).run(interaction).await? {
            Output::LoggedOut { providers, path, revocations, notes } => {
                Ok(LoggedOut { providers, path, revocations, notes })
            }
            _ => Err(Error::Cancelled),
        }
    }

    /// Who is logged in. Changes nothing and asks no server.
    ///
    /// # Errors
    /// Any [`Error`] of reading the two files.
    pub async fn status(&self) -> Result<Status, Error> {
        self.status_job().run(&mut Unattended).await
    }

    /// The same as far as mere reading leads, by the core that is linked in; `None` where the file
    /// would have to be locked first, since it cannot be read as it is.
    pub(crate) fn status_at_once(&self) -> Option<Result<Status, Error>> {
        Auth { core: Core::default(), ..self.clone() }.status_job().run_local()
    }

    fn status_job(&self) -> Job<Status> {
        let environment = self.environment.clone();
        let request = Request::Status(status::StatusRequest { environment });
        let finish = |output| match output {
            Output::Status(status) => Ok(status),
            _ => Err(Error::Cancelled),
        };
        Job { driver: self.driver(request), finish }
    }

    /// The files.
    pub(crate) fn store(&self) -> Store {
        Store::new(self.directory.clone(), self.overrides.clone(), dirs::home_dir())
    }

    fn driver(&self, request: Request) -> Driver {
        Driver::start(&self.core, request, self.store(), self.stop.clone())
    }
}

/// A key being got, or the headers that carry it, or who is logged in.
pub struct Job<T> {
    driver: Driver,
    finish: fn(Output) -> Result<T, Error>,
}

impl<T: Send + 'static> Job<T> {
    /// Reads the files, and is done if the token is fresh: no runtime, no lock, no write. `None`
    /// where more is needed; then go on with [`Job::run`].
    pub fn run_local(&mut self) -> Option<Result<T, Error>> {
        Some(self.driver.run_local()?.and_then(self.finish))
    }

    /// Goes to the end. Do not drop this future: stop it by [`Auth::stopped_by`], which lets the
    /// answer to a refresh reach the file.
    ///
    /// # Errors
    /// As [`Auth::token`].
    pub async fn run(self, interaction: &mut impl Interaction) -> Result<T, Error> {
        self.driver.run(interaction).await.and_then(self.finish)
    }

    /// Goes to the end with nobody to ask, whether or not somebody still waits for it.
    async fn unattended(mut self) -> Result<T, Error> {
        if let Some(result) = self.run_local() {
            return result;
        }
        // A task of its own outlives this future: a token that was rotated must reach the file.
        match tokio::spawn(async move { self.run(&mut Unattended).await }).await {
            Ok(result) => result,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down.
                Err(_) => Err(Error::Cancelled),
            },
        }
    }
}

impl Token {
    fn of(output: Output) -> Result<Self, Error> {
        match output {
            Output::Token { key, notes } => Ok(Token { key, notes }),
            _ => Err(Error::Cancelled),
        }
    }
}
