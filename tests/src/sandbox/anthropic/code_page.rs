//! The page that shows the authorization code, for a person to copy into the terminal.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::Response;

use crate::sandbox::arrival::Arrival;
use crate::sandbox::log::Kind;
use crate::sandbox::page::{self, escape};
use crate::sandbox::state::Shared;

/// Where the clipboard is out of reach, the code is selected instead: one key away from copied.
const COPY: &str = "\
const code = document.getElementById('code');
const button = document.getElementById('copy');
button.addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(code);
  }
});";

pub(super) async fn show(Extract(state): Shared, arrival: Arrival) -> Response {
    state.log.record(Kind::CodePage, &arrival.received);
    let field = |name: &str| arrival.received.fields.get(name).filter(|text| !text.is_empty());
    if let Some(error) = field("error") {
        let body = format!(
            "<h1>You are not signed in</h1><p id=\"error\">{}</p>\
             <p class=\"quiet\">You can close this page.</p>",
            escape(error)
        );
        return page::show(StatusCode::OK, "Not signed in", &body, None);
    }
    let (Some(code), Some(state)) = (field("code"), field("state")) else {
        let body = "<h1>There is no code here</h1><p id=\"error\">code or state is missing</p>";
        return page::show(StatusCode::BAD_REQUEST, "No code", body, None);
    };
    let body = format!(
        "<h1>Copy this code</h1>\
         <p>Paste it where you started to sign in.</p>\
         <output id=\"code\">{}#{}</output>\
         <button id=\"copy\" type=\"button\">Copy</button>",
        escape(code),
        escape(state)
    );
    page::show(StatusCode::OK, "Your code", &body, Some(COPY))
}
