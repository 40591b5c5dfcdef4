//! `pi login --json`: one JSON event a line on standard output, answers as lines.
//!
//! Events: `authorize` (a question: answer with the code, unless a browser brings it), `rejected`
//! (the answer was not taken: give another), `progress`, and as the last one `logged_in` or
//! `error`.

use std::io::Write;

use pi_auth::{Answer, Authorize, Error, Interaction, LoggedIn};
use serde_json::{Value, json};

use crate::lines::Lines;
use crate::output;

/// A program that reads events and writes lines.
#[derive(Default)]
pub(crate) struct Json(Lines);

/// The last event of a login that worked.
pub(crate) fn logged_in(logged_in: &LoggedIn) {
    let (provider, path) = (&logged_in.provider, &logged_in.path);
    let event = json!({ "type": "logged_in", "provider": provider, "path": path });
    output::result(&format!("{event}\n"));
}

/// The last event of a login that failed.
pub(crate) fn failed(error: &Error) {
    output::result(&format!("{}\n", json!({ "type": "error", "error": error })));
}

/// An event on the way. That nobody reads it must not end a login between the provider's answer
/// and the file; the last event will tell.
fn emit(event: &Value) {
    let _ = writeln!(std::io::stdout().lock(), "{event}");
}

/// Nobody picks or confirms: `--json` needs PROVIDER, and only a logout confirms.
impl Interaction for Json {
    fn show(&mut self, page: &Authorize) {
        if let Some(problem) = &page.problem {
            let (message, prompt) = (problem, &page.prompt);
            return emit(&json!({ "type": "rejected", "message": message, "prompt": prompt }));
        }
        emit(&json!({
            "type": "authorize",
            "url": page.url,
            "opens_browser": page.open_browser,
            "callback": page.callback,
            "message": page.message,
            "prompt": page.prompt,
        }));
    }

    fn browser_failed(&mut self, _: &Authorize) {
        emit(&json!({ "type": "progress", "message": "No browser could be opened" }));
    }

    async fn paste(&mut self, _: &Authorize) -> Answer<String> {
        self.0.next().await
    }

    fn waiting(&mut self, activity: Option<&str>) {
        if let Some(activity) = activity {
            emit(&json!({ "type": "progress", "message": activity }));
        }
    }
}
