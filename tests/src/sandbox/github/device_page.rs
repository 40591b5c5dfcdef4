//! The page where a person enters the user code, and then says whether to let the device in (RFC
//! 8628 section 3.3). All of it is at one address; what is asked depends on what was answered.

use std::time::Instant;

use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::response::Response;

use super::SCOPE;
use crate::sandbox::arrival::Arrival;
use crate::sandbox::log::Kind;
use crate::sandbox::page::{self, escape};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::{Shared, State};

/// GET: asks for the user code. One that is in the address is entered already, and no more: the
/// person is to compare it with what the device shows.
pub(super) async fn show(
    Extract(state): Shared,
    Path(domain): Path<String>,
    arrival: Arrival,
) -> Response {
    state.log.record(Kind::DevicePage, &arrival.received);
    let user_code = field(&arrival, "user_code");
    page::show(StatusCode::OK, "Connect a device", &enter(&domain, user_code, None), None)
}

/// POST: a button was pressed.
pub(super) async fn press(
    Extract(state): Shared,
    Path(domain): Path<String>,
    arrival: Arrival,
) -> Response {
    match field(&arrival, "decision") {
        "continue" => entered(&state, &domain, &arrival),
        "authorize" => decided(&state, &domain, arrival, true),
        "deny" => decided(&state, &domain, arrival, false),
        _ => {
            let why = Refusal::invalid_request("decision must be continue, authorize or deny");
            refuse(&state, &domain, &arrival, &why)
        }
    }
}

fn entered(state: &State, domain: &str, arrival: &Arrival) -> Response {
    let typed = field(arrival, "user_code");
    let found = state.ledger.lock().github.devices.enter(domain, typed, Instant::now());
    match found {
        Some((user_code, request_id)) => {
            state.log.record(Kind::DevicePage, &arrival.received);
            let body = ask(state, domain, &user_code, &request_id);
            page::show(StatusCode::OK, "Authorize", &body, None)
        }
        None => {
            let why = Refusal::new("incorrect_user_code", "no device shows this code, or not now");
            refuse(state, domain, arrival, &why)
        }
    }
}

fn decided(state: &State, domain: &str, mut arrival: Arrival, authorized: bool) -> Response {
    let settings = state.settings().github;
    let decided = state.ledger.lock().github.devices.decide(
        domain,
        field(&arrival, "request_id"),
        authorized,
        &settings,
        Instant::now(),
    );
    let Some(user_code) = decided else {
        let why = Refusal::invalid_request("this was answered before, or is too old");
        return refuse(state, domain, &arrival, &why);
    };
    // The log shows what was decided on, not only that it was.
    arrival.received.fields.insert("user_code".to_owned(), user_code);
    let (kind, title, body) = if authorized {
        (Kind::Approved, "You are all set", "Your device is connected. You can close this page.")
    } else {
        (Kind::Denied, "Nothing was connected", "You have denied access. You can close this page.")
    };
    state.log.record(kind, &arrival.received);
    let body = format!("<h1>{title}</h1><p id=\"done\">{body}</p>");
    page::show(StatusCode::OK, title, &body, None)
}

fn refuse(state: &State, domain: &str, arrival: &Arrival, refusal: &Refusal) -> Response {
    state.log.record_refusal(refusal, &arrival.received);
    let body = enter(domain, field(arrival, "user_code"), Some(&refusal.description));
    page::show(StatusCode::BAD_REQUEST, "Connect a device", &body, None)
}

/// The address is relative, so that it holds wherever the browser found the page.
fn enter(domain: &str, user_code: &str, wrong: Option<&str>) -> String {
    let wrong = wrong
        .map_or(String::new(), |why| format!("<p id=\"error\" role=\"alert\">{}</p>", escape(why)));
    format!(
        "<h1>Connect a device to <strong>{domain}</strong></h1>\
         {wrong}\
         <form method=\"post\" action=\"device\">\
         <label for=\"user_code\">The code that your device shows</label>\
         <input id=\"user_code\" name=\"user_code\" value=\"{user_code}\" autofocus \
         autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" \
         placeholder=\"XXXX-XXXX\">\
         <button name=\"decision\" value=\"continue\" class=\"whole\">Continue</button>\
         </form>\
         <p class=\"quiet\">Never enter a code that somebody sent you.</p>",
        domain = escape(domain),
        user_code = escape(user_code),
    )
}

fn ask(state: &State, domain: &str, user_code: &str, request_id: &str) -> String {
    format!(
        "<h1>Let <strong>{name}</strong> use your account?</h1>\
         <p>It runs on a device that shows <code>{user_code}</code>. If you authorize it, it will \
         be able to:</p>\
         <ul><li>Read your profile at {domain} <code>{SCOPE}</code></li></ul>\
         <form method=\"post\" action=\"device\">\
         <input type=\"hidden\" name=\"request_id\" value=\"{request_id}\">\
         <button name=\"decision\" value=\"authorize\">Authorize</button>\
         <button name=\"decision\" value=\"deny\" class=\"second\">Deny</button>\
         </form>\
         <p class=\"quiet\">If you did not start this, deny it.</p>",
        name = escape(&state.client_name),
        domain = escape(domain),
    )
}

fn field<'a>(arrival: &'a Arrival, name: &str) -> &'a str {
    arrival.received.fields.get(name).map_or("", String::as_str)
}
