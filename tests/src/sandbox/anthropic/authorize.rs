//! The authorization endpoint (RFC 6749 section 3.1): asks the person, sends the browser back.
//!
//! A bad request never redirects, whatever is wrong with it: RFC 6749 section 4.1.2.1 forbids it
//! for a bad client or redirect URI, and Anthropic's page does not do it for the rest either.

use std::time::Instant;

use axum::extract::State as Extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::{AUTHORIZE, request};
use crate::sandbox::arrival::{Arrival, Received};
use crate::sandbox::codes::AuthorizationRequest;
use crate::sandbox::log::Kind;
use crate::sandbox::page::{self, escape};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::{Shared, State};

/// GET: the page that asks.
pub(super) async fn ask(Extract(state): Shared, arrival: Arrival) -> Response {
    match request::read(&arrival, &state) {
        Ok(request) => {
            let body = question(&request, &state.client_name);
            let id = state.ledger.lock().codes.ask(request);
            state.log.record(Kind::AuthorizePage, &arrival.received);
            page::show(StatusCode::OK, "Sign in", &body.replace("{request_id}", &id), None)
        }
        Err(refusal) => refuse(&state, &arrival.received, refusal),
    }
}

/// POST: the button that was pressed.
pub(super) async fn decide(Extract(state): Shared, mut arrival: Arrival) -> Response {
    let field = |name: &str| arrival.received.fields.get(name).cloned().unwrap_or_default();
    let (id, decision) = (field("request_id"), field("decision"));
    if decision != "authorize" && decision != "deny" {
        let why = Refusal::invalid_request("decision must be authorize or deny");
        return refuse(&state, &arrival.received, why);
    }
    let Some(request) = state.ledger.lock().codes.decide(&id) else {
        let why = Refusal::invalid_request("this request was answered before, or never made");
        return refuse(&state, &arrival.received, why);
    };
    // The log shows what was decided on, not only that it was.
    let fields = &mut arrival.received.fields;
    fields.insert("redirect_uri".to_owned(), request.redirect_uri.clone());
    fields.insert("scope".to_owned(), request.scope.clone());
    fields.insert("state".to_owned(), request.state.clone());

    let (redirect_uri, request_state) = (request.redirect_uri.clone(), request.state.clone());
    if decision == "deny" {
        state.log.record(Kind::Denied, &arrival.received);
        return redirect(&redirect_uri, ("error", "access_denied"), &request_state);
    }
    let lifetime_s = state.settings().code_lifetime_s;
    let code = state.ledger.lock().codes.issue(request, Instant::now(), lifetime_s);
    state.log.record(Kind::Approved, &arrival.received);
    redirect(&redirect_uri, ("code", &code), &request_state)
}

/// RFC 6749 section 4.1.2. No registered redirect URI has a query of its own.
fn redirect(redirect_uri: &str, outcome: (&str, &str), state: &str) -> Response {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair(outcome.0, outcome.1)
        .append_pair("state", state)
        .finish();
    let location = format!("{redirect_uri}?{query}");
    (StatusCode::FOUND, [(header::LOCATION, location), (header::CACHE_CONTROL, no_store())])
        .into_response()
}

fn no_store() -> String {
    "no-store".to_owned()
}

fn refuse(state: &State, received: &Received, refusal: Refusal) -> Response {
    state.log.record_refusal(&refusal, received);
    let body = format!(
        "<h1>This sign-in request is not valid</h1>\
         <p id=\"error\">{}</p>\
         <p class=\"quiet\"><code>{}</code>. Nothing was sent to the application. Go back to it and start \
         again.</p>",
        escape(&refusal.description),
        escape(refusal.error),
    );
    page::show(StatusCode::BAD_REQUEST, "Not valid", &body, None)
}

fn question(request: &AuthorizationRequest, client_name: &str) -> String {
    let scopes: String = request
        .scope
        .split(' ')
        .map(|scope| {
            let (meaning, scope) = (escape(request::explain(scope)), escape(scope));
            format!("<li>{meaning} <code>{scope}</code></li>")
        })
        .collect();
    format!(
        "<h1>Let <strong>{name}</strong> use your account?</h1>\
         <p>If you authorize it, {name} will be able to:</p>\
         <ul>{scopes}</ul>\
         <form method=\"post\" action=\"{AUTHORIZE}\">\
         <input type=\"hidden\" name=\"request_id\" value=\"{{request_id}}\">\
         <button name=\"decision\" value=\"authorize\">Authorize</button>\
         <button name=\"decision\" value=\"deny\" class=\"second\">Deny</button>\
         </form>\
         <p class=\"quiet\">You will be sent to <code>{redirect_uri}</code>.</p>",
        name = escape(client_name),
        redirect_uri = escape(&request.redirect_uri),
    )
}
