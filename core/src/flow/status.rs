//! Telling who is logged in: one read of each file, and no request.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::files::Store;
use super::machine::{Machine, StepResult};
use super::open::Open;
use super::{Event, Output};
use crate::environment::Environment;
use crate::error::Error;
use crate::json::or_default;
use crate::key::{KeyKind, Source};
use crate::provider::{GITHUB_COPILOT, Label, Redirected, Table};
use crate::resolve::order;
use crate::secret::exposed;
use crate::store::credential::Credential;
use crate::store::document::{Entry, positions};
use crate::text::plain;

/// Parameters of a status request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StatusRequest {
    /// The variables that are set.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default", serialize_with = "exposed")]
    pub environment: Environment,
}

/// Every key that could be used, per provider in the order in which they win.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Status {
    /// The credential file.
    pub path: String,
    /// The keys; empty where nobody is logged in and no variable is set.
    pub keys: Vec<KeyStatus>,
    /// The hosts to which the overrides file sends logins and tokens, by provider.
    pub redirected: Vec<Redirected>,
    /// Notes for the person; a sentence or two each.
    pub notes: Vec<String>,
}

impl Status {
    /// Returns whether there is anything that a request could be sent with.
    pub fn is_usable(&self) -> bool {
        let is_usable = |state| matches!(state, KeyState::Ready | KeyState::RefreshDue);
        self.keys.iter().any(|key| key.active && is_usable(key.state))
    }
}

/// One key, or what is stored in place of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[non_exhaustive]
pub struct KeyStatus {
    /// The provider.
    pub provider: Label,
    /// OAuth token or API key; `None` for an entry that this program does not know.
    pub kind: Option<KeyKind>,
    /// Where it is.
    pub source: Source,
    /// True if this is the one that wins for its provider.
    pub active: bool,
    /// Whether it can be used.
    pub state: KeyState,
    /// When the access token really expires, in epoch milliseconds; `None` where nobody knows.
    pub expires_ms: Option<u64>,
    /// The domain of the GitHub Enterprise that it is for.
    pub enterprise: Option<String>,
}

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// As it is.
    Ready,
    /// After a refresh, which happens by itself when the token is asked for.
    RefreshDue,
    /// Once the agent has refreshed it: this program does not know the provider, or no longer.
    Foreign,
    /// Not at all: a login is required.
    Unusable,
}

#[derive(Debug)]
pub(super) struct State {
    request: StatusRequest,
    open: Open,
}

impl State {
    pub(super) fn new(request: StatusRequest) -> Self {
        State { request, open: Open::new(true) }
    }
}

impl Machine for State {
    fn step(&mut self, event: &Event, now_ms: u64) -> StepResult {
        let store = self.open.step(event)?;
        let table = &self.open.table;
        let keys = keys(&self.request, table, &store, now_ms)?;
        let mut notes = table.redirect_notes();
        notes.extend(event.warning());
        let redirected = table.redirected();
        Ok(Output::Status(Status { path: store.path, keys, redirected, notes }))
    }
}

fn keys(
    request: &StatusRequest,
    table: &Table,
    store: &Store,
    now_ms: u64,
) -> Result<Vec<KeyStatus>, Box<Error>> {
    let entries = store.document.entries();
    // Providers in the order of the selector, then whatever else the file holds, in its order.
    let mut providers = table.labels();
    for (id, _) in &entries {
        if table.get(id).is_none() {
            providers.push(table.label(id));
        }
    }
    let stands_at = positions(entries.iter().map(|(id, _)| id.as_str()));
    let entry = |id: &str| entries.get(*stands_at.get(id)?).map(|(_, entry)| entry);
    let mut keys = Vec::new();
    for provider in providers {
        let mut active = true;
        for place in order(&provider.id, &request.environment).map_err(Error::from)? {
            let key = match place {
                None => entry(&provider.id).map(|entry| {
                    let is_known = table.get(&provider.id).is_some();
                    stored(&provider, is_known, entry, now_ms)
                }),
                Some(name) => variable(&provider, name, &request.environment),
            };
            if let Some(mut key) = key {
                let is_key = key.kind.is_some();
                key.active = active && is_key;
                keys.push(key);
                // A stored login hides what comes behind it even when it no longer works: using
                // a paid key in its place has to be the person's decision.
                active &= !is_key;
            }
        }
    }
    Ok(keys)
}

fn stored(provider: &Label, is_known: bool, entry: &Entry, now_ms: u64) -> KeyStatus {
    let (kind, state, expires_ms) = match entry {
        Entry::OAuth(credential) => {
            let expires_ms = credential.access.as_ref().map(|_| credential.real_expiry_ms());
            (Some(KeyKind::OAuth), login_state(credential, is_known, now_ms), expires_ms)
        }
        // Only the agent runs a stored command.
        Entry::ApiKey(Some(key)) if key.expose().starts_with('!') => {
            (Some(KeyKind::ApiKey), KeyState::Unusable, None)
        }
        Entry::ApiKey(Some(_)) => (Some(KeyKind::ApiKey), KeyState::Ready, None),
        Entry::ApiKey(None) | Entry::Unknown => (None, KeyState::Unusable, None),
    };
    let enterprise = match entry {
        Entry::OAuth(credential) => credential.enterprise.as_deref().map(plain),
        _ => None,
    };
    let (provider, source) = (provider.clone(), Source::Stored);
    KeyStatus { provider, kind, source, active: false, state, expires_ms, enterprise }
}

fn login_state(credential: &Credential, is_known: bool, now_ms: u64) -> KeyState {
    let valid_for = |ms| credential.access_for(ms, now_ms).is_some();
    match credential.refresh {
        _ if valid_for(crate::store::credential::BUFFER_MS) => KeyState::Ready,
        Some(_) if is_known => KeyState::RefreshDue,
        _ if valid_for(0) => KeyState::Ready,
        Some(_) => KeyState::Foreign,
        None => KeyState::Unusable,
    }
}

fn variable(provider: &Label, name: &str, environment: &Environment) -> Option<KeyStatus> {
    let key = crate::resolve::variable_key(&provider.id, name, environment.get(name)?.clone());
    Some(KeyStatus {
        provider: provider.clone(),
        kind: Some(key.kind),
        source: Source::Variable(name.to_string()),
        active: false,
        // A GitHub token is exchanged first.
        state: match provider.id == GITHUB_COPILOT {
            true => KeyState::RefreshDue,
            false => KeyState::Ready,
        },
        expires_ms: None,
        enterprise: None,
    })
}
