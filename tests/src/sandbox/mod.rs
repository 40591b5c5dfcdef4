//! The sandbox: a provider that runs on loopback, checks what a strict provider would check, and
//! can be told to misbehave in the ways real ones did.
//!
//! | file | what is in it |
//! |---|---|
//! | `config.rs` | what a test may choose: at the start, and while it runs |
//! | `endpoint.rs` | the endpoints that can be told to misbehave, and what is in store for each |
//! | `fault.rs` | every way to misbehave, as data |
//! | `log.rs` | what happened, in order |
//! | `codes.rs` | authorization codes, from the authorize page to the one exchange |
//! | `tokens.rs` | access and refresh tokens: rotation, families, revocation |
//! | `arrival.rs` | a request as it arrived, read once for handlers and log alike |
//! | `state.rs` | the one shared state the handlers stand on |
//! | `server.rs` | the thread, the listener, and the art of hanging up |
//! | `hosts.rs` | the hosts of the real world, and where each leads |
//! | `clock.rs` | what every answer says of the time |
//! | `control.rs` | the control plane, `/_sandbox/`, for tests in another process |
//! | `page.rs`, `page.css` | the look of the pages |
//! | `refusal.rs` | why a request was refused (RFC 6749 section 5.2) |
//! | `random.rs` | unguessable strings: codes, tokens, request ids |
//! | `sse.rs` | server-sent events |
//! | `anthropic/` | Anthropic's endpoints, one file each |
//! | `github/` | GitHub's and Copilot's, for any domain |
//!
//! To add a provider: a folder next to `anthropic/` with a `routes()` and a `providers()` entry.
//! To add a fault: a variant of [`Fault`]; it is at once settable from Rust and over HTTP. To let
//! an endpoint meet them: a variant of [`Endpoint`], and a handler that answers by `State::serve`.
//!
//! Its tokens are fake, so they are logged in full: this is how a test sees what was sent.

mod anthropic;
mod arrival;
mod clock;
mod codes;
mod config;
mod control;
mod endpoint;
mod fault;
mod github;
pub(crate) mod hosts;
mod log;
mod page;
mod random;
mod refusal;
pub(crate) mod server;
mod sse;
mod state;
mod tokens;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::middleware::map_response_with_state;

pub use arrival::Received;
pub use config::{ANTHROPIC_API_KEY, ANTHROPIC_CLIENT_ID, Config, GITHUB_CLIENT_ID, Settings};
pub use endpoint::Endpoint;
pub use fault::Fault;
pub use github::{
    CopilotAccess, CopilotCredential, GithubSettings, Model, PendingUserCode, Policy,
};
pub use hosts::{ENTERPRISE_DOMAIN, stand_in};
pub use log::{Entry, Kind, Poll};
pub use tokens::Credential;

/// What every model says.
pub const REPLY: &str = "Hello from the sandbox.";

/// A running sandbox. It serves from a thread of its own, so that a plain `#[test]` can use it, and
/// stops when it is dropped: every open connection is closed and the port is free again.
#[derive(Debug)]
pub struct Sandbox {
    state: Arc<state::State>,
    router: Router,
    _server: server::Server,
}

impl Sandbox {
    /// Starts a sandbox on 127.0.0.1; when this returns, it accepts connections.
    ///
    /// # Errors
    /// The port is taken, or the machine is out of threads.
    pub fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port))?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(state::State::new(base_url, config));
        let router = anthropic::routes()
            .merge(github::routes(&state))
            .merge(control::routes())
            .fallback(state::not_found)
            .method_not_allowed_fallback(state::not_found)
            .layer(map_response_with_state(Arc::clone(&state), clock::date))
            .with_state(Arc::clone(&state));
        let served = router.clone();
        let server = server::Server::start(listener, move |stream| {
            server::converse(stream, served.clone(), hosts::from_loopback)
        })?;
        Ok(Self { state, router, _server: server })
    }

    /// Where it is: `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.state.base_url
    }

    /// Where on loopback this sandbox plays an `https` address of the real world, for a browser
    /// that gets no further than this machine. None when it does not play that host.
    pub fn stand_in(&self, url: &str) -> Option<String> {
        stand_in(self.base_url(), url)
    }

    /// All that it serves, for another way in.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// The contents of the override file that points pi-auth at this sandbox.
    pub fn providers_json(&self) -> String {
        format!("{:#}\n", self.state.providers())
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.state.settings()
    }

    /// Changes settings while it runs: `sandbox.change(|settings| settings.rotate = false)`.
    pub fn change(&self, how: impl FnOnce(&mut Settings)) {
        how(&mut self.state.live.lock());
    }

    /// Keeps the answers of the token endpoint back, until they are [let go](Self::let_answers_go).
    pub fn keep_answers_back(&self) {
        // Less than any client waits for one.
        self.change(|settings| settings.token_delay_ms = 25_000);
    }

    /// Lets go of those that are kept back, and keeps none.
    pub fn let_answers_go(&self) {
        self.change(|settings| settings.token_delay_ms = 0);
    }

    /// Queues a fault: every queued fault spoils one request to Anthropic's token endpoint, in
    /// order.
    pub fn fail_next(&self, fault: Fault) {
        self.fail_next_at(Endpoint::Token, [fault]);
    }

    /// Queues faults at any endpoint: every one of them spoils one request, in order.
    pub fn fail_next_at(&self, endpoint: Endpoint, faults: impl IntoIterator<Item = Fault>) {
        self.state.faults.lock().queue(endpoint, faults);
    }

    /// The faults that no request to Anthropic's token endpoint has met yet.
    pub fn pending_faults(&self) -> Vec<Fault> {
        self.pending_faults_at(Endpoint::Token)
    }

    /// The faults that no request to this endpoint has met yet.
    pub fn pending_faults_at(&self, endpoint: Endpoint) -> Vec<Fault> {
        self.state.faults.lock().pending(endpoint)
    }

    /// Forgets the faults that no request has met yet, at every endpoint.
    pub fn clear_faults(&self) {
        self.state.faults.lock().clear_all();
    }

    /// Everything that happened so far, in order.
    pub fn log(&self) -> Vec<Entry> {
        self.state.log.after(0)
    }

    /// What happened after entry `number`, waiting up to `patience` for the first such entry.
    pub fn log_after(&self, number: u64, patience: Duration) -> Vec<Entry> {
        self.state.log.wait_after(number, patience)
    }

    /// How many refreshes Anthropic granted, answered or not.
    pub fn grants(&self) -> usize {
        self.state.log.count(&Kind::Refreshed)
    }

    /// Mints a credential of Anthropic's without a login, for tests that begin with a stored one.
    pub fn issue(&self) -> Credential {
        self.state.issue()
    }

    /// Returns whether this access token would be accepted now: known, unexpired, not revoked.
    pub fn is_valid_access(&self, access_token: &str) -> bool {
        self.state.ledger.lock().tokens.is_valid_access(access_token, Instant::now())
    }

    /// Returns whether this refresh token would be accepted now: known, not rotated out, not
    /// revoked.
    pub fn is_valid_refresh(&self, refresh_token: &str) -> bool {
        self.state.ledger.lock().tokens.is_valid_refresh(refresh_token)
    }

    /// Revokes the login that a token of Anthropic's belongs to, or one token of GitHub's or
    /// Copilot's. Says whether there was such a token.
    pub fn revoke(&self, token: &str) -> bool {
        self.state.revoke(token)
    }

    /// Revokes every token issued so far, as a person does who signs out everywhere.
    pub fn revoke_all(&self) {
        self.state.revoke_all();
    }
}
