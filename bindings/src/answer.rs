//! Answers as JSON.

use alloc::format;
use alloc::string::String;

use pi_auth_core::flow::Effect;
use serde::Serialize;

/// What is wrong with a call. None of its words come from what was sent.
#[derive(Serialize)]
pub(crate) struct Problem {
    code: &'static str,
    message: String,
    advice: &'static str,
}

impl Problem {
    /// JSON that is none, or does not say what it should. `what` is what it should be.
    pub(crate) fn json(what: &str, error: &serde_json::Error) -> Self {
        // Its own words may repeat a secret.
        let (line, column) = (error.line(), error.column());
        let message = format!("This is not {what}, as line {line}, column {column} tells.");
        Problem { code: "bad_input", message, advice: "Mend the program that made it." }
    }

    pub(crate) fn handle(handle: u32) -> Self {
        let message = format!("There is no flow {handle}: it has ended, or never began.");
        Problem { code: "bad_input", message, advice: "Start a new one." }
    }

    pub(crate) fn buffer() -> Self {
        let message = "This is no buffer that was lent, or it is no UTF-8.".into();
        Problem { code: "bad_input", message, advice: "Ask for one with raw_alloc." }
    }
}

/// What `start` and `step` answer.
pub(crate) fn turn(handle: Option<u32>, critical: bool, effect: &Effect) -> String {
    #[derive(Serialize)]
    struct Turn<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        handle: Option<u32>,
        critical: bool,
        effect: &'a Effect,
    }
    json(&Turn { handle, critical, effect })
}

/// What `call` answers.
pub(crate) fn value(value: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Answer<'a, T> {
        value: &'a T,
    }
    json(&Answer { value })
}

/// What anything answers to a call that is wrong.
pub(crate) fn problem(error: &Problem) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        error: &'a Problem,
    }
    json(&Answer { error })
}

fn json(value: &impl Serialize) -> String {
    // It fails only for maps whose keys are no strings.
    serde_json::to_string(value).unwrap_or_default()
}
