//! A request as it arrived, read once for handlers and log alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded;

use super::state::State;
use crate::canary;

const MAX_BODY: usize = 1024 * 1024;

/// What the log keeps of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// 1, 2, 3, ... in the order of arrival.
    #[serde(rename = "request")]
    pub id: u64,
    /// When it arrived, in milliseconds since the sandbox started.
    pub at_ms: u64,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// Every header, its name in lower case; of a repeated one, the last.
    pub headers: BTreeMap<String, String>,
    /// The query's fields and the body's, be it JSON or a form; of a repeated one, the last. What
    /// is not a string in JSON is given as JSON.
    pub fields: BTreeMap<String, String>,
}

/// What a handler gets: the record for the log, and the parts it has to judge for itself.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) received: Received,
    /// The query as it came, repetitions included (RFC 6749 section 3.1 forbids them).
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The origin that the client called, where that is not the sandbox's own.
    pub(super) site: Option<String>,
}

/// Set on a request that was sent to another origin and led here: `https://github.com`.
#[derive(Debug, Clone)]
pub(super) struct Site(pub(super) String);

impl Arrival {
    /// A header; the name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.received.headers.get(name).map(String::as_str)
    }

    /// The media type of the body, without its parameters.
    pub(super) fn media_type(&self) -> String {
        media_type(&self.received.headers)
    }
}

impl FromRequest<Arc<State>> for Arrival {
    type Rejection = Response;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Response> {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY)
            .await
            .map_err(|error| (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).into_response())?;
        let query = pairs(head.uri.query().unwrap_or_default().as_bytes());
        let headers: BTreeMap<String, String> = head
            .headers
            .iter()
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let mut fields: BTreeMap<String, String> = query.iter().cloned().collect();
        fields.extend(body_fields(&media_type(&headers), &body));
        fields.iter().for_each(|(name, value)| canary::plant_member(name, value));
        let bearer = headers.get(header::AUTHORIZATION.as_str());
        bearer.and_then(|value| value.strip_prefix("Bearer ")).into_iter().for_each(canary::plant);
        let received = Received {
            id: state.next_request_id(),
            at_ms: u64::try_from(state.uptime().as_millis()).unwrap_or(u64::MAX),
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            headers,
            fields,
        };
        let site = head.extensions.get::<Site>().map(|site| site.0.clone());
        Ok(Self { received, query, body, site })
    }
}

fn media_type(headers: &BTreeMap<String, String>) -> String {
    let value = headers.get(header::CONTENT_TYPE.as_str()).map_or("", String::as_str);
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn body_fields(media_type: &str, body: &[u8]) -> Vec<(String, String)> {
    match media_type {
        "application/json" => match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => map.into_iter().map(|(k, v)| (k, text(v))).collect(),
            _ => Vec::new(),
        },
        "application/x-www-form-urlencoded" => pairs(body),
        _ => Vec::new(),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}
