//! The control plane: what [`Sandbox`](super::Sandbox) offers to Rust, over HTTP and in JSON, for
//! tests in another process. Its own requests are not logged.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /_sandbox/providers` | the contents of the override file |
//! | `GET /_sandbox/settings` | the settings in force |
//! | `PATCH /_sandbox/settings` | changes those named: `{"rotate": false, "github": {...}}` |
//! | `GET /_sandbox/faults/{endpoint}` | the faults that no request to this endpoint has met yet |
//! | `POST /_sandbox/faults/{endpoint}` | queues one fault, or a list of them |
//! | `DELETE /_sandbox/faults/{endpoint}` | forgets them |
//! | `GET`, `POST /_sandbox/faults` | the same for Anthropic's token endpoint, `token` |
//! | `DELETE /_sandbox/faults` | forgets the faults of every endpoint |
//! | `GET /_sandbox/log` | what happened; `?after=N` gives what came after entry N |
//! | `GET /_sandbox/grants` | `{"grants": N, "exchanges": M}`: refreshes, exchanges |
//! | `GET /_sandbox/user_codes` | the user codes that nobody has decided on, the newest last |
//! | `POST /_sandbox/issue` | mints a credential of Anthropic's |
//! | `POST /_sandbox/issue_github` | `{"domain": "github.com"}` to `{"token": "ghu_..."}` |
//! | `POST /_sandbox/issue_copilot` | `{"domain": "github.com"}` to what a login stores |
//! | `POST /_sandbox/revoke` | `{"token": "..."}` to `{"revoked": true}`, if there was such a token |
//! | `POST /_sandbox/revoke_all` | revokes every token |
//! | `POST /_sandbox/check` | says `{"valid": true}` or false of one token, see below |
//!
//! To check a token: `{"access": "..."}` or `{"refresh": "..."}`, which are Anthropic's, or
//! `{"github": {"domain": "github.com", "token": "..."}}`, or the same with `copilot`.
//!
//! The endpoints are those of [`Endpoint`]: `token`, `messages`, `device_authorization`,
//! `device_poll`, `copilot_token`, `models`, `policy`, `chat`. A setting inside another, as in
//! `{"github": {"interval_s": 1}}`, changes alone.
//!
//! A request it cannot read is answered with 400 and the reason as text.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::arrival::Arrival;
use super::config::Settings;
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::github::{CopilotCredential, PendingUserCode};
use super::log::{Entry, Kind};
use super::state::{Shared, State};
use super::tokens::Credential;

type Unreadable = (StatusCode, String);

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/_sandbox/providers", get(providers))
        .route("/_sandbox/settings", get(settings).patch(change_settings))
        .route("/_sandbox/faults", get(faults).post(queue_faults).delete(clear_all_faults))
        .route("/_sandbox/faults/{endpoint}", get(faults).post(queue_faults).delete(clear_faults))
        .route("/_sandbox/log", get(log))
        .route("/_sandbox/grants", get(grants))
        .route("/_sandbox/user_codes", get(user_codes))
        .route("/_sandbox/issue", post(issue))
        .route("/_sandbox/issue_github", post(issue_github))
        .route("/_sandbox/issue_copilot", post(issue_copilot))
        .route("/_sandbox/revoke", post(revoke))
        .route("/_sandbox/revoke_all", post(revoke_all))
        .route("/_sandbox/check", post(check))
}

async fn providers(Extract(state): Shared) -> Json<Value> {
    Json(state.providers())
}

async fn settings(Extract(state): Shared) -> Json<Settings> {
    Json(state.settings())
}

async fn change_settings(
    Extract(state): Shared,
    arrival: Arrival,
) -> Result<Json<Settings>, Unreadable> {
    let changes: Value = read(&arrival)?;
    if !changes.is_object() {
        return Err(unreadable("the body is not a JSON object"));
    }
    let mut live = state.live.lock();
    let mut document = serde_json::to_value(&*live).map_err(unreadable)?;
    merge(&mut document, changes);
    *live = serde_json::from_value(document).map_err(unreadable)?;
    Ok(Json(live.clone()))
}

/// Objects are merged name by name; everything else is replaced.
fn merge(target: &mut Value, changes: Value) {
    match (target, changes) {
        (Value::Object(target), Value::Object(changes)) => {
            for (name, value) in changes {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
        (target, value) => *target = value,
    }
}

/// The endpoint that the path names; without one, Anthropic's token endpoint.
type At = Option<Path<Endpoint>>;

fn endpoint(at: &At) -> Endpoint {
    at.as_ref().map_or(Endpoint::Token, |Path(endpoint)| *endpoint)
}

async fn faults(Extract(state): Shared, at: At) -> Json<Vec<Fault>> {
    Json(state.faults.lock().pending(endpoint(&at)))
}

async fn queue_faults(
    Extract(state): Shared,
    at: At,
    arrival: Arrival,
) -> Result<Json<Vec<Fault>>, Unreadable> {
    let document: Value = read(&arrival)?;
    let list = if document.is_array() { document } else { json!([document]) };
    let new: Vec<Fault> = serde_json::from_value(list).map_err(unreadable)?;
    state.faults.lock().queue(endpoint(&at), new);
    Ok(faults(Extract(state), at).await)
}

async fn clear_faults(Extract(state): Shared, Path(endpoint): Path<Endpoint>) -> StatusCode {
    state.faults.lock().clear(endpoint);
    StatusCode::NO_CONTENT
}

async fn clear_all_faults(Extract(state): Shared) -> StatusCode {
    state.faults.lock().clear_all();
    StatusCode::NO_CONTENT
}

async fn log(Extract(state): Shared, arrival: Arrival) -> Result<Json<Vec<Entry>>, Unreadable> {
    let after = arrival.received.fields.get("after").map_or("0", String::as_str);
    Ok(Json(state.log.after(after.parse().map_err(unreadable)?)))
}

async fn grants(Extract(state): Shared) -> Json<Value> {
    Json(json!({
        "grants": state.log.count(&Kind::Refreshed),
        "exchanges": state.log.count(&Kind::CopilotExchanged),
    }))
}

async fn user_codes(Extract(state): Shared) -> Json<Vec<PendingUserCode>> {
    Json(state.pending_user_codes())
}

async fn issue(Extract(state): Shared) -> Json<Credential> {
    Json(state.issue())
}

/// Where a login is to have been.
#[derive(Deserialize)]
struct Login {
    domain: String,
}

async fn issue_github(Extract(state): Shared, arrival: Arrival) -> Result<Json<Value>, Unreadable> {
    let login: Login = read(&arrival)?;
    Ok(Json(json!({ "token": state.issue_github(&login.domain) })))
}

async fn issue_copilot(
    Extract(state): Shared,
    arrival: Arrival,
) -> Result<Json<CopilotCredential>, Unreadable> {
    let login: Login = read(&arrival)?;
    Ok(Json(state.issue_copilot(&login.domain)))
}

/// A token to be revoked.
#[derive(Deserialize)]
struct Revoked {
    token: String,
}

async fn revoke(Extract(state): Shared, arrival: Arrival) -> Result<Json<Value>, Unreadable> {
    let revoked: Revoked = read(&arrival)?;
    Ok(Json(json!({ "revoked": state.revoke(&revoked.token) })))
}

async fn revoke_all(Extract(state): Shared) -> StatusCode {
    state.revoke_all();
    StatusCode::NO_CONTENT
}

/// A token to be checked.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Token {
    Access(String),
    Refresh(String),
    Github { domain: String, token: String },
    Copilot { domain: String, token: String },
}

async fn check(Extract(state): Shared, arrival: Arrival) -> Result<Json<Value>, Unreadable> {
    let token = read(&arrival)?;
    let (ledger, now) = (state.ledger.lock(), Instant::now());
    let (tokens, github) = (&ledger.tokens, &ledger.github.tokens);
    let valid = match token {
        Token::Access(token) => tokens.is_valid_access(&token, now),
        Token::Refresh(token) => tokens.is_valid_refresh(&token),
        Token::Github { domain, token } => github.is_valid_github(&domain, &token),
        Token::Copilot { domain, token } => github.is_valid_copilot(&domain, &token, now),
    };
    Ok(Json(json!({ "valid": valid })))
}

fn read<T: DeserializeOwned>(arrival: &Arrival) -> Result<T, Unreadable> {
    serde_json::from_slice(&arrival.body).map_err(unreadable)
}

fn unreadable(error: impl ToString) -> Unreadable {
    (StatusCode::BAD_REQUEST, error.to_string())
}
