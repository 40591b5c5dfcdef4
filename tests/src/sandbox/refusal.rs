//! Why a request was refused: the error response of RFC 6749 section 5.2.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal, before anybody decided whether a person or a program reads it.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The `error` code.
    pub(super) error: &'static str,
    /// Exactly what is wrong.
    pub(super) description: String,
    /// True if finding this revoked a whole login.
    pub(super) revoked: bool,
}

impl Refusal {
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into(), revoked: false }
    }

    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    pub(super) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    pub(super) fn and_revoked(mut self) -> Self {
        self.revoked = true;
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let document = json!({ "error": self.error, "error_description": self.description });
        (StatusCode::BAD_REQUEST, Json(document)).into_response()
    }
}
