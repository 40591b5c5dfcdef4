//! State machines, from which every flow is made.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::panic::{RefUnwindSafe, UnwindSafe};

use super::{Effect, Event, Output};
use crate::error::{Error, StoreFailure};
use crate::provider::BadOverrides;
use crate::text::plain;

/// A job: where it stands, and what it makes of events.
pub(super) trait Machine: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// The first turn: most jobs need the providers.
    fn start(&mut self) -> StepResult {
        ask(Effect::ReadOverrides)
    }

    /// The turn after an event.
    fn step(&mut self, event: &Event, now_ms: u64) -> StepResult;

    /// See [`Flow::is_critical`].
    fn is_critical(&self) -> bool {
        false
    }
}

/// Nothing is left to be done.
pub(super) struct Ended;

impl Machine for Ended {
    fn step(&mut self, event: &Event, _: u64) -> StepResult {
        fail(Error::Protocol { event: event.name() })
    }
}

/// What a machine makes of an event: what it is for, or why it is not there yet.
///
/// A part of a job (reading the file, say) is such a machine of its own, which ends with a `T` for
/// the job to go on with. Until then, the job hands the pause on to the host, and the state stays
/// where it is: the next event goes the same way down. Where a part ends with much, its turn is
/// matched: `?` would copy that once more, and the module is to be small.
pub(super) type StepResult<T = Output> = Result<T, Yield>;

/// The reason why a step produced no output yet. It is small, since it is handed up through all
/// of them.
#[derive(Debug)]
pub(super) enum Yield {
    /// This has to be performed first.
    Ask(Box<Effect>),
    /// It never will.
    Failed(Box<Error>),
}

impl From<Error> for Yield {
    fn from(error: Error) -> Self {
        Yield::Failed(Box::new(error))
    }
}

impl From<Box<Error>> for Yield {
    fn from(error: Box<Error>) -> Self {
        Yield::Failed(error)
    }
}

pub(super) fn ask<T>(effect: Effect) -> StepResult<T> {
    Err(Yield::Ask(Box::new(effect)))
}

pub(super) fn fail<T>(error: Error) -> StepResult<T> {
    Err(error.into())
}

/// What an event means to a state that has no use for it. `attempt` names what was tried with the
/// credential file: `read`, `lock` or `write`.
pub(super) fn unexpected(event: &Event, attempt: &'static str) -> Box<Error> {
    Box::new(match event {
        Event::Cancelled | Event::InputEnded => Error::Cancelled,
        Event::StoreFailed { path, failure } => store_error(path, attempt, failure),
        Event::LockTimedOut { path, alive, owner } => {
            Error::LockTimedOut { path: path.clone(), alive: *alive, owner: *owner }
        }
        Event::OverridesFailed { path, failure } => {
            let problem = BadOverrides { key: String::new(), problem: plain(&failure.to_string()) };
            Error::Overrides { path: path.clone(), problem }
        }
        event => Error::Protocol { event: event.name() },
    })
}

/// Bytes that are no text make a file corrupt, as bytes that are no JSON do.
fn store_error(path: &str, attempt: &'static str, failure: &StoreFailure) -> Error {
    let path = path.to_string();
    match failure {
        StoreFailure::NotUtf8 => Error::StoreCorrupt { path, reason: failure.to_string() },
        StoreFailure::Other(text) => {
            Error::Store { path, attempt, failure: StoreFailure::Other(plain(text)) }
        }
        failure => Error::Store { path, attempt, failure: failure.clone() },
    }
}
