//! What needs no flow: a question, and its answer.

use alloc::string::String;
use alloc::vec::Vec;

use pi_auth_core::browser::System;
use pi_auth_core::environment::Environment;
use pi_auth_core::flow::{LOCK_ACTIVITY, is_answered_by};
use pi_auth_core::http::origin;
use pi_auth_core::json::{from_str, read_tagged};
use pi_auth_core::secret::Secret;
use pi_auth_core::store::document;
use pi_auth_core::store::{credential, lock, migration};
use pi_auth_core::{browser, callback, http, sensitive, text};
use serde::{Deserialize, Deserializer, Serialize};

use crate::answer::{self, Problem};

/// A question.
#[derive(Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Call {
    /// What a host has to know before it begins: [`About`].
    About,
    /// Whether the query of a callback is the answer to the effect `authorize` with this state
    /// (`pi_auth_core::flow::is_answered_by`): true or false.
    IsAnsweredBy {
        /// The state of the effect.
        state: Secret,
        /// The query, without the question mark.
        query: Secret,
    },
    /// Tells if one of these origins lets a secret go to the URL
    /// (`pi_auth_core::http::origin::is_allowed`): true or false.
    IsAllowedOrigin {
        /// As a request or headers carry them.
        origins: Vec<String>,
        /// The URL of the request.
        url: String,
    },
    /// Decides on a request to the callback server (`pi_auth_core::callback::Admission`).
    Admit(callback::Request),
    /// A page for a browser: [`PageOf`].
    Page {
        /// Which.
        page: callback::Page,
    },
    /// The commands that may open a page, each a list of a program and its arguments
    /// (`pi_auth_core::browser::commands`).
    BrowserCommands {
        /// The address of the page.
        url: String,
        /// The variable BROWSER; empty where it is not set.
        browser: String,
        /// True for Linux inside Windows.
        is_wsl: bool,
        /// The system.
        system: System,
    },
    /// The names of those variables that a browser must not inherit
    /// (`pi_auth_core::sensitive::secret_variables`).
    SecretVariables {
        /// Names and values.
        variables: Vec<(String, String)>,
    },
    /// Whether a lock may be taken over (`pi_auth_core::store::lock::is_dead`): true or false.
    IsDeadLock {
        /// How old it looks, in milliseconds.
        age_ms: u64,
        /// For how long it has stayed as it is, in milliseconds.
        watched_ms: u64,
        /// True if it bears the mark of our hosts.
        is_ours: bool,
    },
    /// Whether the agent may be just moving the file
    /// (`pi_auth_core::store::migration::is_under_way`): true or false.
    IsMigrating {
        /// When `oauth.json` was renamed, in epoch milliseconds.
        renamed_ms: u64,
        /// The time, in epoch milliseconds.
        now_ms: u64,
    },
    /// A text as it may be shown to a person, without control characters.
    Plain {
        /// Such as a path, for an event.
        text: String,
    },
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_tagged(deserializer, Call::deserialize)
    }
}

/// What a host has to know before it begins.
#[derive(Serialize)]
pub struct About {
    /// The version of the core.
    pub version: &'static str,
    /// The environment variables whose values belong into a request.
    pub variables: Vec<&'static str>,
    /// How long to try to connect, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long a whole HTTP request may take, in milliseconds.
    pub total_timeout_ms: u64,
    /// The largest body of a response that is read, in bytes.
    pub max_body_bytes: usize,
    /// The largest credential or overrides file that is read, in bytes.
    pub max_file_bytes: usize,
    /// How long before its end a token is no longer used, in milliseconds.
    pub buffer_ms: u64,
    /// What to say when the lock takes over a second.
    pub lock_activity: &'static str,
    /// How often to touch a lock that is held, in milliseconds.
    pub lock_touch_every_ms: u64,
    /// How long to wait for one that is not, in milliseconds.
    pub lock_patience_ms: u64,
    /// How many connections the callback server holds at once.
    pub callback_connections: u64,
    /// How long a connection there may take to send its request, in milliseconds.
    pub callback_timeout_ms: u64,
    /// The longest request head there, in bytes.
    pub callback_head_bytes: u64,
    /// How often to look for a file that the agent is about to write.
    pub migration_looks: u64,
    /// How long to wait between two looks, in milliseconds.
    pub migration_look_every_ms: u64,
}

/// A page for a browser, as it is sent.
#[derive(Serialize)]
pub struct PageOf {
    /// The HTTP status code.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its text.
    pub html: String,
}

impl PageOf {
    fn of(page: &callback::Page) -> Self {
        let header = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
        let headers = callback::HEADERS.iter().map(header).collect();
        PageOf { status: page.status(), headers, html: page.html() }
    }
}

/// Answers a [`Call`]; both are JSON.
pub fn call(call: &str) -> String {
    match from_str(call) {
        Err(error) => answer::problem(&Problem::json("a call", &error)),
        Ok(Call::About) => answer::value(About {
            version: env!("CARGO_PKG_VERSION"),
            variables: Environment::VARIABLES.into(),
            connect_timeout_ms: http::CONNECT_TIMEOUT_MS,
            total_timeout_ms: http::TOTAL_TIMEOUT_MS,
            max_body_bytes: http::MAX_BODY_BYTES,
            max_file_bytes: document::MAX_BYTES,
            buffer_ms: credential::BUFFER_MS,
            lock_activity: LOCK_ACTIVITY,
            lock_touch_every_ms: lock::TOUCH_EVERY_MS,
            lock_patience_ms: lock::PATIENCE_MS,
            callback_connections: callback::MAX_CONNECTIONS,
            callback_timeout_ms: callback::REQUEST_TIMEOUT_MS,
            callback_head_bytes: callback::MAX_HEAD_BYTES,
            migration_looks: migration::LOOKS.into(),
            migration_look_every_ms: migration::LOOK_EVERY_MS,
        }),
        Ok(Call::IsAnsweredBy { state, query }) => {
            answer::value(is_answered_by(&state, query.expose()))
        }
        Ok(Call::IsAllowedOrigin { origins, url }) => {
            answer::value(origin::is_allowed(&origins, &url))
        }
        Ok(Call::Admit(request)) => answer::value(request.admit()),
        Ok(Call::Page { page }) => answer::value(PageOf::of(&page)),
        Ok(Call::BrowserCommands { url, browser, is_wsl, system }) => {
            answer::value(browser::commands(&url, &browser, is_wsl, system))
        }
        Ok(Call::SecretVariables { variables }) => {
            answer::value(sensitive::secret_variables(&variables))
        }
        Ok(Call::IsDeadLock { age_ms, watched_ms, is_ours }) => {
            answer::value(lock::is_dead(age_ms, watched_ms, is_ours))
        }
        Ok(Call::IsMigrating { renamed_ms, now_ms }) => {
            answer::value(migration::is_under_way(renamed_ms, now_ms))
        }
        Ok(Call::Plain { text }) => answer::value(text::plain(&text)),
    }
}
