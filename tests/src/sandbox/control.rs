//! The control plane: what [`Sandbox`](super::Sandbox) offers to Rust, over HTTP and in JSON, for
//! tests in another process. Its own requests are not logged.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /_sandbox/providers` | the contents of the override file |
//! | `GET /_sandbox/settings` | the settings in force |
//! | `PATCH /_sandbox/settings` | changes those named: `{"rotate": false, "token_delay_ms": 50}` |
//! | `GET /_sandbox/faults` | the faults that no request has met yet |
//! | `POST /_sandbox/faults` | queues one fault, or a list of them |
//! | `DELETE /_sandbox/faults` | forgets them |
//! | `GET /_sandbox/log` | what happened; `?after=N` gives what came after entry N |
//! | `GET /_sandbox/grants` | `{"grants": N}`, the number of refreshes granted |
//! | `POST /_sandbox/issue` | mints a credential |
//! | `POST /_sandbox/revoke_all` | revokes every token |
//! | `POST /_sandbox/check` | `{"access": "..."}` or `{"refresh": "..."}` to `{"valid": true}` |
//!
//! A request it cannot read is answered with 400 and the reason as text.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::arrival::Arrival;
use super::config::Settings;
use super::fault::Fault;
use super::log::Entry;
use super::state::{Shared, State};
use super::tokens::Credential;

type Unreadable = (StatusCode, String);

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/_sandbox/providers", get(providers))
        .route("/_sandbox/settings", get(settings).patch(change_settings))
        .route("/_sandbox/faults", get(faults).post(queue_faults).delete(clear_faults))
        .route("/_sandbox/log", get(log))
        .route("/_sandbox/grants", get(grants))
        .route("/_sandbox/issue", post(issue))
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
    let Value::Object(changes) = read(&arrival)? else {
        return Err(unreadable("the body is not a JSON object"));
    };
    let mut live = state.live.lock();
    let mut document = serde_json::to_value(&*live).map_err(unreadable)?;
    for (name, value) in changes {
        document[name] = value;
    }
    *live = serde_json::from_value(document).map_err(unreadable)?;
    Ok(Json(live.clone()))
}

async fn faults(Extract(state): Shared) -> Json<Vec<Fault>> {
    Json(state.faults.lock().iter().cloned().collect())
}

async fn queue_faults(
    Extract(state): Shared,
    arrival: Arrival,
) -> Result<Json<Vec<Fault>>, Unreadable> {
    let document: Value = read(&arrival)?;
    let list = if document.is_array() { document } else { json!([document]) };
    let new: Vec<Fault> = serde_json::from_value(list).map_err(unreadable)?;
    state.faults.lock().extend(new);
    Ok(faults(Extract(state)).await)
}

async fn clear_faults(Extract(state): Shared) -> StatusCode {
    state.faults.lock().clear();
    StatusCode::NO_CONTENT
}

async fn log(Extract(state): Shared, arrival: Arrival) -> Result<Json<Vec<Entry>>, Unreadable> {
    let after = arrival.received.fields.get("after").map_or("0", String::as_str);
    Ok(Json(state.log.after(after.parse().map_err(unreadable)?)))
}

async fn grants(Extract(state): Shared) -> Json<Value> {
    Json(json!({ "grants": state.log.refreshes() }))
}

async fn issue(Extract(state): Shared) -> Json<Credential> {
    Json(state.issue())
}

async fn revoke_all(Extract(state): Shared) -> StatusCode {
    state.ledger.lock().tokens.revoke_all();
    StatusCode::NO_CONTENT
}

/// A token to be checked.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Token {
    Access(String),
    Refresh(String),
}

async fn check(Extract(state): Shared, arrival: Arrival) -> Result<Json<Value>, Unreadable> {
    let token = read(&arrival)?;
    let tokens = &state.ledger.lock().tokens;
    let valid = match token {
        Token::Access(token) => tokens.is_valid_access(&token, Instant::now()),
        Token::Refresh(token) => tokens.is_valid_refresh(&token),
    };
    Ok(Json(json!({ "valid": valid })))
}

fn read<T: DeserializeOwned>(arrival: &Arrival) -> Result<T, Unreadable> {
    serde_json::from_slice(&arrival.body).map_err(unreadable)
}

fn unreadable(error: impl ToString) -> Unreadable {
    (StatusCode::BAD_REQUEST, error.to_string())
}
