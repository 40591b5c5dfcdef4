//! A Copilot token for a GitHub token. It lives for half an hour, so this is what a refresh is.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::headers::{self, Denied, bearer};
use super::settings::CopilotAccess;
use crate::sandbox::arrival::Arrival;
use crate::sandbox::endpoint::Endpoint;
use crate::sandbox::log::Kind;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::{Shared, State};

/// How long before its end a client is told to exchange anew, in seconds.
const EARLY_S: u64 = 300;

/// GET: a new Copilot token.
pub(super) async fn answer(
    Extract(state): Shared,
    Path(domain): Path<String>,
    arrival: Arrival,
) -> Response {
    let exchange = || exchange(&state, &domain, &arrival);
    state.serve(Endpoint::CopilotToken, &arrival, exchange).await
}

fn exchange(state: &State, domain: &str, arrival: &Arrival) -> Response {
    if let Err(denied) = headers::demand(arrival, &[]) {
        return denied.answer(state, arrival);
    }
    let settings = state.settings().github;
    let mut ledger = state.ledger.lock();
    let known = ledger.github.tokens.is_valid_github(domain, bearer(arrival));
    match settings.copilot_access {
        CopilotAccess::Granted if known => {}
        CopilotAccess::NoSubscription if known => return no_subscription(state, arrival),
        CopilotAccess::NotFound => {
            return Denied::new(StatusCode::NOT_FOUND, "not_found", "Not Found")
                .answer(state, arrival);
        }
        CopilotAccess::Granted | CopilotAccess::NoSubscription | CopilotAccess::Unauthorized => {
            return Denied::unauthorized("Bad credentials").answer(state, arrival);
        }
    }
    let exchanged = ledger.github.tokens.exchange(domain, &settings, Instant::now());
    drop(ledger);
    state.log.record(Kind::CopilotExchanged, &arrival.received);
    Json(json!({
        "token": exchanged.token,
        "expires_at": exchanged.expires_at,
        "refresh_in": settings.copilot_lifetime_s.saturating_sub(EARLY_S),
        "sku": "monthly_subscriber",
        "chat_enabled": true,
        "individual": domain == "github.com",
        "endpoints": endpoints(domain),
    }))
    .into_response()
}

/// 403, with an explanation that is meant for the person.
fn no_subscription(state: &State, arrival: &Arrival) -> Response {
    let message = "This account has no access to GitHub Copilot.";
    state.log.record_refusal(&Refusal::new("no_subscription", message), &arrival.received);
    let document = json!({
        "can_signup_for_limited": false,
        "error_details": {
            "message": message,
            "notification_id": "no_copilot_access",
            "title": "Sign up for GitHub Copilot",
            "url": "https://github.com/settings/copilot",
        },
        "message": "Resource not accessible by integration",
    });
    (StatusCode::FORBIDDEN, Json(document)).into_response()
}

fn endpoints(domain: &str) -> Value {
    match domain {
        "github.com" => json!({ "api": "https://api.individual.githubcopilot.com" }),
        _ => json!({ "api": format!("https://copilot-api.{domain}") }),
    }
}
