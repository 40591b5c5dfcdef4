//! `pi login --json`: one JSON event a line on standard output, answers as lines.
//!
//! Events: `authorize` (a question: answer with the code, unless a browser brings it), `prompt` (a
//! question: answer with a line, empty for the default), `rejected` (the answer was not taken: give
//! another), `show_code` (for the person to enter), `progress`, and as the last one `logged_in` or
//! `error`.

use std::io::Write;
use std::time::Duration;

use pi_auth::{Answer, Authorize, Error, Interaction, LoggedIn, ShowCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::lines::Lines;
use crate::output;

/// A program that reads events and writes lines.
#[derive(Default)]
pub(crate) struct Json {
    lines: Lines,
    /// What was last said to be waited for.
    told: Option<String>,
}

/// The last event of a login that worked.
pub(crate) fn logged_in(logged_in: &LoggedIn) {
    let event = json!({
        "type": "logged_in",
        "provider": value(&logged_in.provider),
        "path": logged_in.path,
        "notes": logged_in.notes,
    });
    output::result(&format!("{event}\n"));
}

/// The last event of a login that failed.
pub(crate) fn failed(error: &Error) {
    output::result(&format!("{}\n", json!({ "type": "error", "error": value(error) })));
}

/// What the core writes, as a value of serde_json's.
pub(crate) fn value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// An event on the way. That nobody reads it must not end a login between the provider's answer
/// and the file; the last event will tell.
fn emit(event: &Value) {
    let _ = writeln!(std::io::stdout().lock(), "{event}");
}

/// Nobody picks or confirms: `--json` needs PROVIDER, and only a logout confirms.
impl Interaction for Json {
    fn can_answer(&self) -> bool {
        true
    }

    fn is_gone(&self) -> bool {
        output::is_broken(std::io::stdout())
    }

    async fn prompt(&mut self, message: &str, problem: Option<&str>) -> Answer<String> {
        emit(&match problem {
            None => json!({ "type": "prompt", "prompt": message }),
            Some(problem) => json!({ "type": "rejected", "message": problem, "prompt": message }),
        });
        self.lines.next().await
    }

    fn show_code(&mut self, code: &ShowCode) -> bool {
        emit(&json!({
            "type": "show_code",
            "user_code": code.user_code,
            "verification_uri": code.verification_uri,
            "url": code.url,
            "opens_browser": code.open_browser,
            "expires_ms": code.expires_ms,
            "message": code.message,
            "warning": code.warning,
        }));
        true
    }

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

    fn browser_failed(&mut self, _: &str) {
        emit(&json!({ "type": "progress", "message": "No browser could be opened" }));
    }

    async fn paste(&mut self, _: &Authorize) -> Answer<String> {
        self.lines.next().await
    }

    fn waiting(&mut self, activity: Option<&str>) {
        if let Some(activity) = activity {
            emit(&json!({ "type": "progress", "message": activity }));
        }
    }

    fn counting_down(&mut self, waiting: Option<(&str, Duration)>) {
        let message = waiting.map(|(message, _)| message.to_owned());
        if let Some(message) = message.as_ref().filter(|_| message != self.told) {
            emit(&json!({ "type": "progress", "message": message }));
        }
        self.told = message;
    }
}
