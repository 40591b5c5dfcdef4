//! Copilot's models: which there are, and the acceptance of a policy that some of them need.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::headers::{self, Denied, bearer};
use super::settings::{Model, Policy};
use crate::sandbox::arrival::Arrival;
use crate::sandbox::endpoint::Endpoint;
use crate::sandbox::log::Kind;
use crate::sandbox::state::{Shared, State};

const API_VERSION: (&str, &str) = ("X-GitHub-Api-Version", "2026-06-01");

/// How long a request to accept a policy is looked at, at least: long enough to see another one
/// that does not wait for its answer.
const ATTENTION: Duration = Duration::from_millis(20);

/// GET: the models.
pub(super) async fn list(
    Extract(state): Shared,
    Path(domain): Path<String>,
    arrival: Arrival,
) -> Response {
    let list = || {
        if let Err(denied) = admit(&state, &domain, &arrival, &[API_VERSION]) {
            return denied.answer(&state, &arrival);
        }
        state.log.record(Kind::ModelsListed, &arrival.received);
        let models: Vec<Value> = state.settings().github.models.iter().map(describe).collect();
        Json(json!({ "object": "list", "data": models })).into_response()
    };
    state.serve(Endpoint::Models, &arrival, list).await
}

/// POST: accepts the policy of one model.
pub(super) async fn accept_policy(
    Extract(state): Shared,
    Path((domain, model)): Path<(String, String)>,
    arrival: Arrival,
) -> Response {
    let (_present, others) = state.policy_overlap.enter();
    if others > 0 {
        state.log.record(Kind::PolicyOverlap, &arrival.received);
    }
    tokio::time::sleep(ATTENTION).await;
    let accept = || match accept(&state, &domain, &model, &arrival) {
        Ok(()) => {
            state.log.record(Kind::PolicyEnabled { model: model.clone() }, &arrival.received);
            Json(json!({ "state": Policy::Enabled })).into_response()
        }
        Err(denied) => denied.answer(&state, &arrival),
    };
    state.serve(Endpoint::Policy, &arrival, accept).await
}

fn accept(state: &State, domain: &str, id: &str, arrival: &Arrival) -> Result<(), Denied> {
    let intent = [("Openai-Intent", "chat-policy"), ("X-Interaction-Type", "chat-policy")];
    admit(state, domain, arrival, &intent)?;
    let wanted: Value = serde_json::from_slice(&arrival.body).unwrap_or_default();
    if arrival.media_type() != "application/json" || wanted != json!({ "state": "enabled" }) {
        return Err(Denied::bad_request("the body must be the JSON {\"state\":\"enabled\"}"));
    }
    let mut live = state.live.lock();
    let Some(model) = live.github.models.iter_mut().find(|model| model.id == id) else {
        return Err(Denied::new(StatusCode::NOT_FOUND, "not_found", "there is no such model"));
    };
    match model.policy {
        Some(Policy::Enabled | Policy::Unconfigured) => {
            model.policy = Some(Policy::Enabled);
            Ok(())
        }
        Some(Policy::Disabled) => {
            let why = "an administrator has disabled this model";
            Err(Denied::new(StatusCode::FORBIDDEN, "forbidden", why))
        }
        None => Err(Denied::bad_request("this model has no policy")),
    }
}

/// Returns whether a request to Copilot's API comes from an editor with a Copilot token of this
/// domain.
pub(super) fn admit(
    state: &State,
    domain: &str,
    arrival: &Arrival,
    more: &[(&'static str, &'static str)],
) -> Result<(), Denied> {
    let ledger = state.ledger.lock();
    if !ledger.github.tokens.is_valid_copilot(domain, bearer(arrival), Instant::now()) {
        return Err(Denied::unauthorized("the token is expired, revoked or unknown"));
    }
    headers::demand(arrival, more)
}

fn describe(model: &Model) -> Value {
    let mut document = json!({
        "id": model.id,
        "name": model.name,
        "object": "model",
        "model_picker_enabled": model.model_picker_enabled,
        "capabilities": { "supports": { "tool_calls": model.tool_calls } },
    });
    if let Some(policy) = model.policy {
        document["policy"] = json!({ "state": policy });
    }
    document
}

/// Counts the requests that are being answered at this moment.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Overlap(AtomicUsize);

impl Overlap {
    /// One more, until what this gives is dropped; and how many others there are.
    fn enter(&self) -> (Present<'_>, usize) {
        let others = self.0.fetch_add(1, Ordering::SeqCst);
        (Present(self), others)
    }
}

/// A request that is being answered; or was given up, which ends it as well.
struct Present<'a>(&'a Overlap);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
