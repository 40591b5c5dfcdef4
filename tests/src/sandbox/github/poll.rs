//! The token endpoint (RFC 8628 section 3.4), which a device polls until the person has decided.

use std::time::Instant;

use axum::extract::{Path, State as Extract};
use axum::response::Response;
use serde_json::{Value, json};

use super::devices::NotNow;
use super::{SCOPE, wire};
use crate::sandbox::arrival::Arrival;
use crate::sandbox::endpoint::Endpoint;
use crate::sandbox::fault::Fault;
use crate::sandbox::log::{Kind, Poll};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::{Shared, State};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// POST: a device asks whether it is let in. That it polled is noted before anything else, so that
/// a poll that meets a fault is measured like any other.
pub(super) async fn answer(
    Extract(state): Shared,
    Path(domain): Path<String>,
    arrival: Arrival,
) -> Response {
    let now = Instant::now();
    let code = arrival.received.fields.get("device_code").map_or("", String::as_str);
    let poll = state.ledger.lock().github.devices.polled(&domain, code, now);
    if let Some(poll) = poll {
        state.log.record(Kind::Polled(poll), &arrival.received);
    }
    let fault = state.meet_fault(Endpoint::DevicePoll, &arrival);
    if let Some(Fault::GithubError { error, interval_s }) = &fault
        && error == "slow_down"
    {
        state.ledger.lock().github.devices.slow_down(&domain, code, *interval_s);
    }
    let grant = || wire::answer(&arrival, grant(&state, &domain, &arrival, poll, now));
    state.serve_into(fault, Endpoint::DevicePoll, grant).await
}

fn grant(
    state: &State,
    domain: &str,
    arrival: &Arrival,
    poll: Option<Poll>,
    now: Instant,
) -> Value {
    let mut ledger = state.ledger.lock();
    let granted = check(state, arrival).map_err(|refusal| (refusal, None)).and_then(|code| {
        ledger.github.devices.grant(domain, &code, poll, now).map_err(|reason| told(state, reason))
    });
    match granted {
        Ok(()) => {
            let token = ledger.github.tokens.grant(domain);
            drop(ledger);
            state.log.record(Kind::DeviceGranted, &arrival.received);
            json!({ "access_token": token, "token_type": "bearer", "scope": SCOPE })
        }
        Err((refusal, interval_s)) => {
            drop(ledger);
            state.log.record_refusal(&refusal, &arrival.received);
            let mut document = wire::error(&refusal);
            if let Some(seconds) = interval_s {
                document["interval"] = json!(seconds);
            }
            document
        }
    }
}

/// Gives the device code of a request that is well made.
fn check(state: &State, arrival: &Arrival) -> Result<String, Refusal> {
    let mut fields = wire::form(arrival, state)?;
    if fields.get("grant_type").map(String::as_str) != Some(GRANT_TYPE) {
        return Err(Refusal::new("unsupported_grant_type", format!("must be {GRANT_TYPE}")));
    }
    Ok(fields.remove("device_code").unwrap_or_default())
}

/// What the device is told, and the interval that goes with it, in seconds.
fn told(state: &State, reason: NotNow) -> (Refusal, Option<u64>) {
    let (error, description, interval_s) = match reason {
        NotNow::Pending => ("authorization_pending", "The person has not decided yet.", None),
        NotNow::SlowDown(interval_s) => {
            let named = state.settings().github.slow_down_sends_interval.then_some(interval_s);
            ("slow_down", "Too many requests have been made in the same timeframe.", named)
        }
        NotNow::Expired => ("expired_token", "This device_code has expired.", None),
        NotNow::Denied => ("access_denied", "The authorization request was denied.", None),
        NotNow::Incorrect => ("incorrect_device_code", "The device_code is not valid.", None),
    };
    (Refusal::new(error, description), interval_s)
}
