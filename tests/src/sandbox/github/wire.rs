//! How GitHub's login endpoints read and write: a form in, and out JSON for a client that asks for
//! it, or else another form. An error is a 200 like everything else.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::sandbox::arrival::Arrival;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::State;

/// The fields of a form that comes from the registered client.
pub(super) fn form(arrival: &Arrival, state: &State) -> Result<BTreeMap<String, String>, Refusal> {
    let media_type = arrival.media_type();
    if media_type != "application/x-www-form-urlencoded" {
        let why =
            format!("Content-Type must be application/x-www-form-urlencoded, not {media_type:?}");
        return Err(Refusal::invalid_request(why));
    }
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(&arrival.body).into_owned() {
        if fields.insert(name.clone(), value).is_some() {
            return Err(Refusal::invalid_request(format!("{name} is given more than once")));
        }
    }
    if fields.get("client_id").map(String::as_str) != Some(&state.github_client_id) {
        let why = "The client_id and/or client_secret passed are incorrect.";
        return Err(Refusal::new("incorrect_client_credentials", why));
    }
    Ok(fields)
}

/// An error as a document.
pub(super) fn error(refusal: &Refusal) -> Value {
    json!({
        "error": refusal.error,
        "error_description": refusal.description,
        "error_uri": "https://docs.github.com/apps/oauth-device-flow",
    })
}

/// A flat document, in the encoding that the client asked for.
pub(super) fn answer(arrival: &Arrival, document: Value) -> Response {
    let mut response = if wants_json(arrival) {
        Json(document).into_response()
    } else {
        let fields = document.as_object().into_iter().flatten().map(|(name, value)| match value {
            Value::String(text) => (name.as_str(), text.clone()),
            other => (name.as_str(), other.to_string()),
        });
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let media_type = "application/x-www-form-urlencoded; charset=utf-8";
        ([(header::CONTENT_TYPE, media_type)], form).into_response()
    };
    // RFC 6749 section 5.1.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn wants_json(arrival: &Arrival) -> bool {
    let accept = arrival.received.headers.get(header::ACCEPT.as_str()).map_or("", String::as_str);
    let media_type = |range: &str| range.split(';').next().unwrap_or_default().trim().to_owned();
    accept.split(',').any(|range| media_type(range).eq_ignore_ascii_case("application/json"))
}
