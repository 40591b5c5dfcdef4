//! The one shared state the handlers stand on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::arrival::Arrival;
use super::codes::Codes;
use super::config::{Config, Settings};
use super::endpoint::{Endpoint, Faults};
use super::log::{Kind, Log};
use super::tokens::{Credential, Tokens};
use super::{anthropic, github};

/// What a handler takes.
pub(super) type Shared = extract::State<Arc<State>>;

#[derive(Debug)]
pub(super) struct State {
    pub(super) base_url: String,
    pub(super) client_id: String,
    pub(super) github_client_id: String,
    pub(super) client_name: String,
    pub(super) api_key: String,
    pub(super) live: Locked<Settings>,
    pub(super) faults: Locked<Faults>,
    pub(super) ledger: Locked<Ledger>,
    pub(super) policy_overlap: github::Overlap,
    pub(super) log: Log,
    requests: AtomicU64,
    started: Instant,
}

/// Everything issued. One lock over both, so that a code is spent and its tokens exist at once.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) codes: Codes,
    pub(super) tokens: Tokens,
    pub(super) github: github::Ledger,
}

impl State {
    pub(super) fn new(base_url: String, config: Config) -> Self {
        let mut faults = Faults::default();
        faults.queue(Endpoint::Token, config.faults);
        Self {
            base_url,
            client_id: config.client_id,
            github_client_id: config.github_client_id,
            client_name: config.client_name,
            api_key: config.api_key,
            live: Locked::new(config.settings),
            faults: Locked::new(faults),
            ledger: Locked::default(),
            policy_overlap: github::Overlap::default(),
            log: Log::default(),
            requests: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    pub(super) fn settings(&self) -> Settings {
        self.live.lock().clone()
    }

    pub(super) fn providers(&self) -> Value {
        json!({
            "anthropic": anthropic::endpoints(&self.base_url),
            "github-copilot": github::endpoints(&self.base_url),
        })
    }

    /// Revokes the login that a token of Anthropic's belongs to, or one token of GitHub's or
    /// Copilot's; says whether there was such a token.
    pub(super) fn revoke(&self, token: &str) -> bool {
        let mut ledger = self.ledger.lock();
        match ledger.tokens.family_of(token) {
            Some(family) => {
                ledger.tokens.revoke(family);
                true
            }
            None => ledger.github.tokens.revoke(token),
        }
    }

    pub(super) fn revoke_all(&self) {
        let mut ledger = self.ledger.lock();
        ledger.tokens.revoke_all();
        ledger.github.tokens.revoke_all();
    }

    pub(super) fn issue(&self) -> Credential {
        let lifetime_s = self.settings().access_lifetime_s;
        self.ledger.lock().tokens.begin(anthropic::DEFAULT_SCOPE, Instant::now(), lifetime_s).1
    }

    pub(super) fn next_request_id(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A client that lost its way is logged too: it is how a wrong path in a client shows.
pub(super) async fn not_found(
    extract::State(state): Shared,
    arrival: Arrival,
) -> (StatusCode, &'static str) {
    let description = "there is no such endpoint".to_owned();
    let kind = Kind::Refused { error: "not_found".to_owned(), description };
    state.log.record(kind, &arrival.received);
    (StatusCode::NOT_FOUND, "there is no such endpoint\n")
}

/// A mutex whose holder may have panicked: in a test the panic itself is the news.
#[derive(Debug, Default)]
pub(super) struct Locked<T>(Mutex<T>);

impl<T> Locked<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
