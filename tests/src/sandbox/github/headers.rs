//! The headers that all of Copilot demands: an editor's, and a token.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::sandbox::arrival::Arrival;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::State;

/// A header, and how its value has to begin; a `/` at the end of that is followed by a version.
type Demand = (&'static str, &'static str);

/// What says which editor it is.
const EDITOR: [Demand; 4] = [
    ("User-Agent", "GitHubCopilotChat/"),
    ("Editor-Version", "vscode/"),
    ("Editor-Plugin-Version", "copilot-chat/"),
    ("Copilot-Integration-Id", "vscode-chat"),
];

/// Demands the editor's headers and these.
pub(super) fn demand(arrival: &Arrival, more: &[Demand]) -> Result<(), Denied> {
    let wrong: Vec<&str> =
        EDITOR.iter().chain(more).filter_map(|demand| unmet(arrival, demand)).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Denied::bad_request(format!("missing or wrong: {}", wrong.join(", "))))
}

fn unmet(arrival: &Arrival, (name, start): &Demand) -> Option<&'static str> {
    let value = arrival.header(&name.to_ascii_lowercase());
    let met = value.is_some_and(|value| match start.strip_suffix('/') {
        Some(_) => value.strip_prefix(start).is_some_and(is_version),
        None => value == *start,
    });
    (!met).then_some(*name)
}

/// Numbers between dots.
fn is_version(text: &str) -> bool {
    text.split('.').all(|part| part.parse::<u32>().is_ok())
}

/// The token of `Authorization: Bearer ...`; empty when there is none.
pub(super) fn bearer(arrival: &Arrival) -> &str {
    arrival.header("authorization").and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default()
}

/// A request to an API that is not served.
#[derive(Debug)]
pub(super) struct Denied {
    pub(super) status: StatusCode,
    pub(super) refusal: Refusal,
}

impl Denied {
    pub(super) fn new(status: StatusCode, error: &'static str, why: impl Into<String>) -> Self {
        Self { status, refusal: Refusal::new(error, why) }
    }

    pub(super) fn bad_request(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", why)
    }

    pub(super) fn unauthorized(why: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", why)
    }

    /// Logs it, and answers as GitHub's APIs do.
    pub(super) fn answer(self, state: &State, arrival: &Arrival) -> Response {
        state.log.record_refusal(&self.refusal, &arrival.received);
        let document = json!({
            "message": self.refusal.description,
            "status": self.status.as_u16().to_string(),
        });
        (self.status, Json(document)).into_response()
    }
}
