//! Every way to misbehave, as data.
//!
//! A fault is met by one request to one [`Endpoint`](super::Endpoint). Most take the place of the
//! answer: the request is not looked at, nothing is granted, a code or a refresh token stays
//! unused. The three that spoil a grant instead say so.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::server::hang_up;

/// One way to misbehave. In JSON a fault is its name, or an object of its name and its details:
/// `"hang"`, `{"status": {"code": 429, "headers": {"Retry-After": "7"}}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Answers with this status: 429 with `Retry-After`, 500, 502.
    Status {
        /// The HTTP status.
        code: u16,
        /// Headers, `Content-Type` included if there is to be one.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// Answers 200 with a web page, as a captive portal does.
    #[serde(rename = "html_200")]
    Html200,
    /// Answers 200 with the first part of a JSON document, as a proxy that was cut off does.
    CutJson,
    /// Answers 200 with nothing.
    #[serde(rename = "empty_200")]
    Empty200,
    /// Answers 400 with this error (RFC 6749 section 5.2).
    OauthError {
        /// The `error`.
        error: String,
        /// The `error_description`; none when empty.
        #[serde(default)]
        description: String,
    },
    /// Answers 200 with this error, as GitHub does to a device that polls. A `slow_down` is meant:
    /// from then on the interval in force is `interval_s`, or five seconds longer than it was.
    GithubError {
        /// The `error`.
        error: String,
        /// The `interval` that the answer names, in seconds; none when absent.
        #[serde(default)]
        interval_s: Option<u64>,
    },
    /// Reads the request and never answers.
    Hang,
    /// Reads the request and closes the connection.
    Close,
    /// Grants what was asked, rotation included, and closes the connection without an answer.
    DropAfterGrant,
    /// Answers 200 with the right names and the wrong JSON types.
    WrongTypes,
    /// Answers 200 with a document that would be right, were it not for its size of over 1 MiB.
    Oversized,
    /// Answers 307, which asks for the same body to be sent elsewhere, credentials and all.
    Redirect {
        /// Where to.
        location: String,
    },
    /// Grants what was asked, but the answer lacks the refresh token; a refresh leaves the old one
    /// good. Where there is none to lack, it spoils nothing.
    NoRefreshToken,
    /// Grants what was asked, rotation included, and answers with this text in place of its own. A
    /// `$` and the name of a member of that answer stand for the member's value, as in
    /// `{"access_token":"$access_token","token_type":5}`. An answer that grants nothing is given as
    /// it is.
    OddAnswer {
        /// The text.
        body: String,
    },
}

impl Fault {
    /// A status with an empty body.
    pub fn status(code: u16) -> Self {
        Self::Status { code, headers: BTreeMap::new(), body: String::new() }
    }

    /// Too many requests, come back in this many seconds.
    pub fn rate_limited(retry_after_s: u64) -> Self {
        let headers = BTreeMap::from([("Retry-After".to_owned(), retry_after_s.to_string())]);
        Self::Status { code: 429, headers, body: String::new() }
    }

    /// GitHub's answer to a device that polls with a code that it will not grant now.
    pub fn github_error(error: &str) -> Self {
        Self::GithubError { error: error.to_owned(), interval_s: None }
    }

    /// GitHub's answer to a device that is to poll less often, with the `interval` it may name.
    pub fn slow_down(interval_s: Option<u64>) -> Self {
        Self::GithubError { error: "slow_down".to_owned(), interval_s }
    }

    /// Its name in JSON, which is its name in the log.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(serde_json::Value::Object(map)) => map.into_iter().map(|(name, _)| name).collect(),
            _ => String::new(),
        }
    }

    /// Body sent in place of the answer to a grant.
    pub(super) async fn spoil(&self, granted: Response) -> Response {
        match self {
            Self::DropAfterGrant => hang_up(),
            Self::OddAnswer { body } => odd(body, granted).await,
            _ => granted,
        }
    }

    /// What the client gets in place of an answer; `None` for a fault that spoils a grant.
    pub(super) async fn in_place_of_answer(&self) -> Option<Response> {
        Some(match self {
            Self::DropAfterGrant | Self::NoRefreshToken | Self::OddAnswer { .. } => return None,
            Self::Status { code, headers, body } => status(*code, headers, body),
            Self::Html200 => {
                let page = "<!doctype html><title>Welcome</title><h1>Sign in to this network</h1>";
                ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
            }
            Self::CutJson => {
                let cut =
                    r#"{"token_type":"Bearer","expires_in":28800,"access_token":"sk-ant-oat01-cu"#;
                ([(header::CONTENT_TYPE, "application/json")], cut).into_response()
            }
            Self::Empty200 => StatusCode::OK.into_response(),
            Self::OauthError { error, description } => {
                let mut document = json!({ "error": error });
                if !description.is_empty() {
                    document["error_description"] = json!(description);
                }
                (StatusCode::BAD_REQUEST, Json(document)).into_response()
            }
            Self::GithubError { error, interval_s } => {
                let mut document = json!({ "error": error });
                if let Some(seconds) = interval_s {
                    document["interval"] = json!(seconds);
                }
                Json(document).into_response()
            }
            Self::Hang => std::future::pending().await,
            Self::Close => hang_up(),
            Self::WrongTypes => Json(wrong_types()).into_response(),
            Self::Oversized => Json(oversized()).into_response(),
            Self::Redirect { location } => {
                status(307, &BTreeMap::from([("Location".to_owned(), location.clone())]), "")
            }
        })
    }
}

/// Every name that an answer of some endpoint has, and no value that it may have.
fn wrong_types() -> Value {
    json!({
        "token_type": ["Bearer"],
        "access_token": 12345,
        "refresh_token": { "value": "sk-ant-ort01-wrong" },
        "expires_in": "soon",
        "scope": null,
        "device_code": 12345,
        "user_code": ["ABCD", "1234"],
        "verification_uri": false,
        "interval": "often",
        "token": 12345,
        "expires_at": "soon",
        "refresh_in": {},
        "data": "none",
    })
}

/// Right for every endpoint, but for its size.
fn oversized() -> Value {
    json!({
        "token_type": "Bearer",
        "access_token": "sk-ant-oat01-oversized",
        "refresh_token": "sk-ant-ort01-oversized",
        "expires_in": 28_800,
        "device_code": "oversized",
        "user_code": "OVER-SIZE",
        "verification_uri": "http://127.0.0.1:9/login/device",
        "interval": 5,
        "token": "tid=oversized",
        "expires_at": 4_102_444_800_u64,
        "refresh_in": 1500,
        "data": [],
        "padding": "x".repeat(1024 * 1024),
    })
}

/// A grant in the words of `body`.
async fn odd(body: &str, granted: Response) -> Response {
    let (parts, sent) = granted.into_parts();
    let sent = axum::body::to_bytes(sent, usize::MAX).await.unwrap_or_default();
    let members = match serde_json::from_slice::<Value>(&sent) {
        Ok(Value::Object(members)) if !members.contains_key("error") => members,
        _ => return Response::from_parts(parts, Body::from(sent)),
    };
    // The longest name first: one may begin with another.
    let mut members: Vec<(String, Value)> = members.into_iter().collect();
    members.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let text = members.into_iter().fold(body.to_owned(), |text, (name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.replace(&format!("${name}"), &value)
    });
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// An answer made of what a test wrote; a test that wrote nonsense is told so.
fn status(code: u16, headers: &BTreeMap<String, String>, body: &str) -> Response {
    let mut response = Response::builder().status(code);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body.to_owned())).unwrap_or_else(|error| {
        let why = format!("this fault is not HTTP: {error}");
        (StatusCode::INTERNAL_SERVER_ERROR, why).into_response()
    })
}
