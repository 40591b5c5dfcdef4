//! Copilot's chat completions, which check what a request carries and say one sentence.

use axum::Json;
use axum::extract::{Path, State as Extract};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::headers::Denied;
use super::models::admit;
use crate::sandbox::arrival::Arrival;
use crate::sandbox::endpoint::Endpoint;
use crate::sandbox::log::Kind;
use crate::sandbox::state::{Shared, State};
use crate::sandbox::{REPLY, sse};

const INTENT: (&str, &str) = ("Openai-Intent", "conversation-edits");

/// POST: the next message of a conversation.
pub(super) async fn answer(
    Extract(state): Shared,
    Path(domain): Path<String>,
    arrival: Arrival,
) -> Response {
    let chat = || match read(&state, &domain, &arrival) {
        Ok(request) => {
            state.log.record(Kind::ChatAnswered, &arrival.received);
            if request["stream"] == true { stream(&request) } else { whole(&request) }
        }
        Err(denied) => denied.answer(&state, &arrival),
    };
    state.serve(Endpoint::Chat, &arrival, chat).await
}

fn read(state: &State, domain: &str, arrival: &Arrival) -> Result<Value, Denied> {
    admit(state, domain, arrival, &[INTENT])?;
    if !matches!(arrival.header("x-initiator"), Some("user" | "agent")) {
        return Err(Denied::bad_request("X-Initiator must be user or agent"));
    }
    let request: Value = serde_json::from_slice(&arrival.body).unwrap_or_default();
    let messages = request["messages"].as_array().filter(|messages| !messages.is_empty());
    let (Some(messages), true) = (messages, request["model"].is_string()) else {
        return Err(Denied::bad_request("the body must be JSON with a model and messages"));
    };
    match (arrival.header("copilot-vision-request"), messages.iter().any(has_image)) {
        (Some("true"), _) | (None, false) => Ok(request),
        (Some(_), _) => Err(Denied::bad_request("Copilot-Vision-Request must be true or absent")),
        (None, true) => Err(Denied::bad_request("an image needs Copilot-Vision-Request: true")),
    }
}

fn has_image(message: &Value) -> bool {
    message["content"].as_array().into_iter().flatten().any(|part| part["type"] == "image_url")
}

fn whole(request: &Value) -> Response {
    Json(json!({
        "id": "chatcmpl-sandbox",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": REPLY },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
    }))
    .into_response()
}

fn stream(request: &Value) -> Response {
    let chunk = |delta: Value, finish_reason: Value| {
        let document = json!({
            "id": "chatcmpl-sandbox",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": request["model"],
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish_reason }],
        });
        sse::event(None, &document.to_string())
    };
    let body = [
        chunk(json!({ "role": "assistant", "content": REPLY }), Value::Null),
        chunk(json!({}), json!("stop")),
        sse::event(None, "[DONE]"),
    ];
    ([(header::CONTENT_TYPE, sse::MEDIA_TYPE)], body.concat()).into_response()
}
