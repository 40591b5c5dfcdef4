//! The token endpoint (RFC 6749 section 3.2), which at Anthropic takes JSON and nothing else.

use std::time::Instant;

use axum::Json;
use axum::extract::State as Extract;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::sandbox::arrival::Arrival;
use crate::sandbox::codes::{Presented, Rejected};
use crate::sandbox::config::Settings;
use crate::sandbox::endpoint::Endpoint;
use crate::sandbox::fault::Fault;
use crate::sandbox::log::Kind;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::{Shared, State};
use crate::sandbox::tokens::Credential;

/// POST: meets the next fault, if one is queued, or grants what the request deserves.
pub(super) async fn answer(Extract(state): Shared, arrival: Arrival) -> Response {
    let fault = state.meet_fault(Endpoint::Token, &arrival);
    let untold = fault == Some(Fault::NoRefreshToken);
    state.serve_into(fault, Endpoint::Token, || grant_or_refuse(&state, &arrival, untold)).await
}

/// With `untold`, the answer lacks the refresh token whatever the settings say.
fn grant_or_refuse(state: &State, arrival: &Arrival, untold: bool) -> Response {
    let mut settings = state.settings();
    settings.send_refresh_token &= !untold;
    let granted = grant(state, &settings, arrival)
        .map(|granted| Granted { tell_refresh: granted.tell_refresh && !untold, ..granted });
    match &granted {
        Ok(Granted { kind, .. }) => state.log.record(kind.clone(), &arrival.received),
        Err(refusal) => state.log.record_refusal(refusal, &arrival.received),
    }
    let mut response = granted.map_or_else(Refusal::into_response, Granted::into_response);
    // RFC 6749 section 5.1.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn grant(state: &State, settings: &Settings, arrival: &Arrival) -> Result<Granted, Refusal> {
    let media_type = arrival.media_type();
    if media_type != "application/json" {
        let why = format!("Content-Type must be application/json, not {media_type:?}");
        return Err(Refusal::invalid_request(why));
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(&arrival.body) else {
        return Err(Refusal::invalid_request("the body is not a JSON object"));
    };
    let client_id = required(&body, "client_id")?;
    if client_id != state.client_id {
        return Err(Refusal::new("invalid_client", "no client is registered with this client_id"));
    }
    match required(&body, "grant_type")? {
        "authorization_code" => exchange(state, settings, client_id, &body),
        "refresh_token" => refresh(state, settings, &body),
        other => Err(Refusal::new("unsupported_grant_type", format!("not offered: {other}"))),
    }
}

/// RFC 6749 section 4.1.3.
fn exchange(
    state: &State,
    settings: &Settings,
    client_id: &str,
    body: &Map<String, Value>,
) -> Result<Granted, Refusal> {
    let presented = Presented {
        client_id,
        code: required(body, "code")?,
        state: required(body, "state")?,
        redirect_uri: required(body, "redirect_uri")?,
        code_verifier: required(body, "code_verifier")?,
    };
    let now = Instant::now();
    let mut ledger = state.ledger.lock();
    match ledger.codes.redeem(&presented, now) {
        Ok(scope) => {
            let (family, credential) = ledger.tokens.begin(&scope, now, settings.access_lifetime_s);
            ledger.codes.exchanged(presented.code, family);
            Ok(Granted { kind: Kind::CodeExchanged, credential, tell_refresh: true })
        }
        Err(Rejected::Replayed(family)) => {
            let refusal = Refusal::invalid_grant("the code was used before");
            match family {
                Some(family) => {
                    ledger.tokens.revoke(family);
                    Err(refusal.and_revoked())
                }
                None => Err(refusal),
            }
        }
        Err(Rejected::Refused(refusal)) => Err(refusal),
    }
}

/// RFC 6749 section 6. A `scope` would be allowed there; Anthropic answers it with `invalid_scope`.
fn refresh(
    state: &State,
    settings: &Settings,
    body: &Map<String, Value>,
) -> Result<Granted, Refusal> {
    if body.contains_key("scope") {
        return Err(Refusal::new("invalid_scope", "a refresh takes no scope"));
    }
    let presented = required(body, "refresh_token")?;
    // Nobody can move on to a token that is never told.
    let tell_refresh = settings.send_refresh_token;
    let rotate = settings.rotate && tell_refresh;
    let mut ledger = state.ledger.lock();
    let credential =
        ledger.tokens.refresh(presented, rotate, Instant::now(), settings.access_lifetime_s)?;
    Ok(Granted { kind: Kind::Refreshed, credential, tell_refresh })
}

fn required<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refusal> {
    match body.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) | None => {
            Err(Refusal::invalid_request(format!("{name} is missing")))
        }
        Some(_) => Err(Refusal::invalid_request(format!("{name} is not a string"))),
    }
}

/// What was granted; as a response, RFC 6749 section 5.1.
struct Granted {
    kind: Kind,
    credential: Credential,
    tell_refresh: bool,
}

impl IntoResponse for Granted {
    fn into_response(self) -> Response {
        let Credential { access, refresh, expires_in, scope } = self.credential;
        let mut document = json!({
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": expires_in,
            "scope": scope,
            "account": {
                "uuid": "00000000-0000-4000-8000-000000000001",
                "email_address": "person@sandbox.invalid",
            },
        });
        if self.tell_refresh {
            document["refresh_token"] = json!(refresh);
        }
        Json(document).into_response()
    }
}
