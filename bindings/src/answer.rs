//! Answers as JSON.

use alloc::format;
use alloc::string::String;

use pi_auth_core::flow::Effect;
use pi_auth_core::json::{Unreadable, to_string};
use serde::Serialize;

/// The error of a call that cannot be carried out. Holds nothing of what was sent but names.
#[derive(Serialize)]
pub(crate) struct Problem {
    code: &'static str,
    message: String,
    advice: &'static str,
}

impl Problem {
    fn new(message: String, advice: &'static str) -> Self {
        Problem { code: "bad_input", message, advice }
    }

    /// Text that is not the JSON of `what`.
    pub(crate) fn json(what: &str, error: &Unreadable) -> Self {
        let message = format!("This is not {what}: {error}.");
        Self::new(message, "Fix the program that made it.")
    }

    /// A handle that names no flow.
    pub(crate) fn handle(handle: u32) -> Self {
        let message = format!("There is no flow {handle}: it has ended, or never began.");
        Self::new(message, "Start a new one.")
    }

    /// A buffer that was not lent, or does not hold UTF-8.
    pub(crate) fn buffer() -> Self {
        let message = "This is not a buffer that was lent, or it does not hold UTF-8.".into();
        Self::new(message, "Ask for one with raw_alloc.")
    }
}

/// Answers `start` and `step`.
pub(crate) fn step(handle: Option<u32>, critical: bool, effect: &Effect) -> String {
    #[derive(Serialize)]
    struct Step<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        handle: Option<u32>,
        critical: bool,
        effect: &'a Effect,
    }

    to_string(&Step { handle, critical, effect })
}

/// Answers `call`.
pub(crate) fn value<T: Serialize>(value: T) -> String {
    #[derive(Serialize)]
    struct Answer<T> {
        value: T,
    }

    to_string(&Answer { value })
}

/// Answers a call that cannot be carried out.
pub(crate) fn problem(error: &Problem) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        error: &'a Problem,
    }

    to_string(&Answer { error })
}
