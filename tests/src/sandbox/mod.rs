//! The sandbox: a provider that runs on loopback, checks what a strict provider would check, and
//! can be told to misbehave in the ways real ones did.
//!
//! | file | what is in it |
//! |---|---|
//! | `config.rs` | what a test may choose: at the start, and while it runs |
//! | `fault.rs` | every way to misbehave, as data |
//! | `log.rs` | what happened, in order |
//! | `codes.rs` | authorization codes, from the authorize page to the one exchange |
//! | `tokens.rs` | access and refresh tokens: rotation, families, revocation |
//! | `arrival.rs` | a request as it arrived, read once for handlers and log alike |
//! | `state.rs` | the one shared state the handlers stand on |
//! | `server.rs` | the thread, the listener, and the art of hanging up |
//! | `control.rs` | the control plane, `/_sandbox/`, for tests in another process |
//! | `page.rs`, `page.css` | the look of the pages |
//! | `anthropic/` | Anthropic's endpoints, one file each |
//!
//! To add a provider: a folder next to `anthropic/` with a `routes()` and a `providers()` entry.
//! To add a fault: a variant of [`Fault`]; it is at once settable from Rust and over HTTP.
//!
//! Its tokens are fake, so they are logged in full: this is how a test sees what was sent.

mod anthropic;
mod arrival;
mod codes;
mod config;
mod control;
mod fault;
mod log;
mod page;
mod random;
mod refusal;
mod server;
mod state;
mod tokens;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use arrival::Received;
pub use config::{ANTHROPIC_CLIENT_ID, Config, Settings};
pub use fault::Fault;
pub use log::{Entry, Kind};
pub use tokens::Credential;

/// A running sandbox. It serves from a thread of its own, so that a plain `#[test]` can use it, and
/// stops when it is dropped: every open connection is closed and the port is free again.
#[derive(Debug)]
pub struct Sandbox {
    state: Arc<state::State>,
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
            .merge(control::routes())
            .fallback(state::not_found)
            .method_not_allowed_fallback(state::not_found)
            .with_state(Arc::clone(&state));
        Ok(Self { state, _server: server::Server::start(listener, router)? })
    }

    /// Where it is: `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.state.base_url
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

    /// Queues a fault: every queued fault spoils one request to the token endpoint, in order.
    pub fn fail_next(&self, fault: Fault) {
        self.state.faults.lock().push_back(fault);
    }

    /// The faults that no request has met yet.
    pub fn pending_faults(&self) -> Vec<Fault> {
        self.state.faults.lock().iter().cloned().collect()
    }

    /// Forgets the faults that no request has met yet.
    pub fn clear_faults(&self) {
        self.state.faults.lock().clear();
    }

    /// Everything that happened so far, in order.
    pub fn log(&self) -> Vec<Entry> {
        self.state.log.after(0)
    }

    /// What happened after entry `number`, waiting up to `patience` for the first such entry.
    pub fn log_after(&self, number: u64, patience: Duration) -> Vec<Entry> {
        self.state.log.wait_after(number, patience)
    }

    /// How many refreshes were granted, answered or not.
    pub fn grants(&self) -> usize {
        self.state.log.refreshes()
    }

    /// Mints a credential without a login, for tests that begin with a stored one.
    pub fn issue(&self) -> Credential {
        self.state.issue()
    }

    /// Whether this access token would be accepted now: known, unexpired, not revoked.
    pub fn is_valid_access(&self, access_token: &str) -> bool {
        self.state.ledger.lock().tokens.is_valid_access(access_token, Instant::now())
    }

    /// Whether this refresh token would be accepted now: known, not rotated out, not revoked.
    pub fn is_valid_refresh(&self, refresh_token: &str) -> bool {
        self.state.ledger.lock().tokens.is_valid_refresh(refresh_token)
    }

    /// Revokes every token issued so far, as a person does who signs out everywhere.
    pub fn revoke_all(&self) {
        self.state.ledger.lock().tokens.revoke_all();
    }
}
