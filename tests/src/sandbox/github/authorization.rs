//! The device authorization endpoint (RFC 8628 section 3.1).

use std::time::Instant;

use axum::extract::{Path, State as Extract};
use axum::response::Response;
use serde_json::{Value, json};

use super::{SCOPE, site, wire};
use crate::sandbox::arrival::Arrival;
use crate::sandbox::endpoint::Endpoint;
use crate::sandbox::log::Kind;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::{Shared, State};

/// POST: a device asks to be let in.
pub(super) async fn answer(
    Extract(state): Shared,
    Path(domain): Path<String>,
    arrival: Arrival,
) -> Response {
    let authorize = || {
        let document = authorize(&state, &domain, &arrival).unwrap_or_else(|refusal| {
            state.log.record_refusal(&refusal, &arrival.received);
            wire::error(&refusal)
        });
        wire::answer(&arrival, document)
    };
    state.serve(Endpoint::DeviceAuthorization, &arrival, authorize).await
}

/// RFC 8628 section 3.2.
fn authorize(state: &State, domain: &str, arrival: &Arrival) -> Result<Value, Refusal> {
    let fields = wire::form(arrival, state)?;
    let settings = state.settings().github;
    if !settings.device_flow {
        let why = "Device Flow must be explicitly enabled for this App.";
        return Err(Refusal::new("device_flow_disabled", why));
    }
    let scope = fields.get("scope").map_or("", String::as_str);
    if scope != SCOPE {
        let why = format!("scope must be {SCOPE}, not {scope:?}");
        return Err(Refusal::new("invalid_scope", why));
    }
    let verification_uri = format!("{}/login/device", site(state, domain, arrival));
    let mut ledger = state.ledger.lock();
    let device = ledger.github.devices.ask(domain, &settings, Instant::now());
    let user_code = device.user_code.clone();
    let mut document = json!({
        "device_code": device.device_code,
        "user_code": user_code,
        "verification_uri": verification_uri,
        "expires_in": settings.code_lifetime_s,
    });
    if settings.send_interval {
        document["interval"] = json!(settings.interval_s);
    }
    if settings.send_verification_uri_complete {
        let complete = format!("{verification_uri}?user_code={user_code}");
        document["verification_uri_complete"] = json!(complete);
    }
    drop(ledger);
    state.log.record(Kind::DeviceAuthorized { user_code }, &arrival.received);
    Ok(document)
}
