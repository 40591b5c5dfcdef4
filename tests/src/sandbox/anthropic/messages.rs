//! The messages, which check what a request carries and say one sentence.

use std::time::Instant;

use axum::Json;
use axum::extract::State as Extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::sandbox::arrival::Arrival;
use crate::sandbox::endpoint::Endpoint;
use crate::sandbox::log::Kind;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::{Shared, State};
use crate::sandbox::{REPLY, sse};

const VERSION: &str = "2023-06-01";

/// What a request with an OAuth token has to say in `anthropic-beta`, among other things perhaps.
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// POST: the next message of a conversation.
pub(super) async fn answer(Extract(state): Shared, arrival: Arrival) -> Response {
    let message = || match read(&state, &arrival) {
        Ok(request) => {
            state.log.record(Kind::MessageAnswered, &arrival.received);
            if request["stream"] == true { stream(&request) } else { whole(&request) }
        }
        Err(refusal) => {
            state.log.record_refusal(&refusal, &arrival.received);
            refuse(&refusal)
        }
    };
    state.serve(Endpoint::Messages, &arrival, message).await
}

fn read(state: &State, arrival: &Arrival) -> Result<Value, Refusal> {
    authenticate(state, arrival)?;
    if arrival.header("anthropic-version") != Some(VERSION) {
        return Err(invalid(format!("anthropic-version must be {VERSION}")));
    }
    let request: Value = serde_json::from_slice(&arrival.body).unwrap_or_default();
    let messages = request["messages"].as_array().is_some_and(|messages| !messages.is_empty());
    if !messages || !request["model"].is_string() || !request["max_tokens"].is_u64() {
        return Err(invalid("the body must be JSON with a model, max_tokens and messages"));
    }
    Ok(request)
}

/// An OAuth token comes as Bearer, an API key as `x-api-key`; neither is taken for the other.
fn authenticate(state: &State, arrival: &Arrival) -> Result<(), Refusal> {
    let unauthenticated = |why: &str| Err(Refusal::new("authentication_error", why));
    if let Some(authorization) = arrival.header("authorization") {
        let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
        if !state.ledger.lock().tokens.is_valid_access(token, Instant::now()) {
            return unauthenticated("invalid bearer token");
        }
        let betas = arrival.header("anthropic-beta").unwrap_or_default();
        if !betas.split(',').any(|beta| beta.trim() == OAUTH_BETA) {
            return unauthenticated("OAuth authentication is currently not supported.");
        }
        return Ok(());
    }
    match arrival.header("x-api-key") {
        Some(key) if key == state.api_key => Ok(()),
        Some(_) => unauthenticated("invalid x-api-key"),
        None => unauthenticated("x-api-key header is required"),
    }
}

fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new("invalid_request_error", why)
}

fn refuse(refusal: &Refusal) -> Response {
    let status = match refusal.error {
        "authentication_error" => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    };
    let document = json!({
        "type": "error",
        "error": { "type": refusal.error, "message": refusal.description },
    });
    (status, Json(document)).into_response()
}

fn whole(request: &Value) -> Response {
    let mut message = begun(request);
    message["content"] = json!([{ "type": "text", "text": REPLY }]);
    message["stop_reason"] = json!("end_turn");
    Json(message).into_response()
}

fn stream(request: &Value) -> Response {
    let events = [
        json!({ "type": "message_start", "message": begun(request) }),
        json!({
            "type": "content_block_start",
            "index": 0,
            "content_block": { "type": "text", "text": "" },
        }),
        json!({
            "type": "content_block_delta",
            "index": 0,
            "delta": { "type": "text_delta", "text": REPLY },
        }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({
            "type": "message_delta",
            "delta": { "stop_reason": "end_turn", "stop_sequence": null },
            "usage": { "output_tokens": 1 },
        }),
        json!({ "type": "message_stop" }),
    ];
    let wire = |event: &Value| sse::event(event["type"].as_str(), &event.to_string());
    let body: String = events.iter().map(wire).collect();
    ([(header::CONTENT_TYPE, sse::MEDIA_TYPE)], body).into_response()
}

/// A message that has no content yet.
fn begun(request: &Value) -> Value {
    json!({
        "id": "msg_sandbox",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": { "input_tokens": 1, "output_tokens": 1 },
    })
}
