//! Flows: each job as a state machine with one outstanding effect.
//!
//! The whole protocol is in here, the credential file's included (read, decide, lock, read again,
//! refresh, write), so that no two hosts can differ in it.
//!
//! What a host promises:
//! - It performs each [`Effect`] and answers with one [`Event`]; [`Event::Cancelled`] is an answer
//!   to any of them, except while [`Flow::is_critical`]: then the answer must be waited for.
//! - It holds the lock that [`Effect::LockStore`] took until the flow ends (`Done`, `Failed`, or the
//!   flow is dropped), or says so with [`Effect::UnlockStore`] because what follows takes its time.

pub mod credential;
mod discovery;
mod effect;
pub mod endpoints;
mod event;
pub mod headers;
pub mod login;
pub mod logout;
mod open;
mod read;
mod save;
pub mod status;
pub mod token;
mod witness;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

use serde::{Deserialize, Serialize};

use crate::error::{Error, StoreFailure};
use crate::json::{Raw, tagged_by_type};
use crate::key::Key;
use crate::provider::{BadOverrides, Label, Provider, Table};
use crate::secret::{Secret, exposed};
use crate::store::access::Access;
use crate::store::document::{Document, is_blank};
use crate::text::plain;

pub use effect::{Authorize, Countdown, Effect, LOCK_ACTIVITY, OneTime, ShowCode, is_answered_by};
pub use event::Event;
pub use witness::{Objection, Witness};

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(tag = "type", rename_all = "snake_case"))]
#[non_exhaustive]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Request {
    /// Log in to a provider and store the credential.
    Login(login::Request),
    /// Get a key that can be sent now, refreshed if need be.
    Token(token::Request),
    /// Get the headers that carry such a key, and where to send them.
    Headers(headers::Request),
    /// Take stored logins out of the file.
    Logout(logout::Request),
    /// Tell who is logged in, and until when.
    Status(status::Request),
    /// Read the stored login of a provider.
    ReadCredential(credential::ReadRequest),
    /// Store a login that the caller has.
    WriteCredential(credential::WriteRequest),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(tag = "type", rename_all = "snake_case"))]
#[non_exhaustive]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Output {
    /// The credential is stored.
    LoggedIn {
        /// The provider.
        provider: Label,
        /// The credential file.
        path: String,
        /// Notes for the person on a job that worked; a sentence each.
        notes: Vec<String>,
    },
    /// A key that can be sent now.
    Token {
        /// The key.
        key: Key,
        /// Notes for the person on a job that worked; a sentence each.
        notes: Vec<String>,
    },
    /// The headers that carry a key, and where to send them.
    Headers(headers::Headers),
    /// These logins are gone from the file; none, where there was nothing to do.
    LoggedOut {
        /// The providers.
        providers: Vec<Label>,
        /// The credential file.
        path: String,
        /// What the providers that can be told said to it.
        revocations: Vec<logout::Revocation>,
        /// What the person should know; a sentence each.
        notes: Vec<String>,
    },
    /// Who is logged in.
    Status(status::Status),
    /// The stored login of a provider.
    Credential {
        /// As the file has it, fields of others included; `None` where there is no login, or one
        /// that lacks what belongs to it.
        #[cfg_attr(test, ts(type = "StoredLogin | null"))]
        #[serde(serialize_with = "exposed")]
        credential: Option<Raw>,
        /// The credential file.
        path: String,
        /// Notes for the person on a job that worked; a sentence each.
        notes: Vec<String>,
    },
    /// The login is stored.
    CredentialWritten {
        /// The credential file.
        path: String,
        /// Notes for the person on a job that worked; a sentence each.
        notes: Vec<String>,
    },
}

tagged_by_type!(Request, Output);

/// One job under way.
///
/// `start` gives the first effect; then, for every effect that was performed, one `step`. Once an
/// effect is `Done` or `Failed` the flow has ended, and any further step fails with a protocol
/// error. No event makes it panic.
pub struct Flow(Box<dyn Machine>);

impl Flow {
    /// Begins a job.
    pub fn start(request: Request) -> (Flow, Effect) {
        let mut machine: Box<dyn Machine> = match request {
            Request::Login(request) => Box::new(login::State::new(request)),
            Request::Token(request) => Box::new(token::State::new(request)),
            Request::Headers(request) => Box::new(headers::State::new(request)),
            Request::Logout(request) => Box::new(logout::State::new(request)),
            Request::Status(request) => Box::new(status::State::new(request)),
            Request::ReadCredential(request) => Box::new(credential::State::from(request)),
            Request::WriteCredential(request) => Box::new(credential::State::from(request)),
        };
        let turn = machine.start();
        let mut flow = Flow(machine);
        let effect = flow.take(turn);
        (flow, effect)
    }

    /// Takes the answer to the last effect and gives the next. `now_ms` is the time in epoch
    /// milliseconds; it may jump either way.
    pub fn step(&mut self, event: Event, now_ms: u64) -> Effect {
        let turn = self.0.step(&event, now_ms);
        self.take(turn)
    }

    /// Whether the outstanding effect stands between a request that the provider may act upon only
    /// once and the file: a host must not cancel it, nor let its process end, before the flow does.
    pub fn is_critical(&self) -> bool {
        self.0.is_critical()
    }

    fn take(&mut self, turn: Turn) -> Effect {
        let end = match turn {
            Err(Pause::Ask(effect)) => return *effect,
            Err(Pause::Failed(error)) => Effect::Failed { error: *error },
            Ok(output) => Effect::Done { output },
        };
        self.0 = Box::new(Ended);
        end
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").finish_non_exhaustive()
    }
}

/// A job: where it stands, and what it makes of events.
trait Machine: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// The first turn: most jobs need the providers.
    fn start(&mut self) -> Turn {
        ask(Effect::ReadOverrides)
    }

    /// The turn after an event.
    fn step(&mut self, event: &Event, now_ms: u64) -> Turn;

    /// See [`Flow::is_critical`].
    fn is_critical(&self) -> bool {
        false
    }
}

/// Nothing is left to be done.
struct Ended;

impl Machine for Ended {
    fn step(&mut self, event: &Event, _: u64) -> Turn {
        fail(Error::Protocol { event: event.name() })
    }
}

/// What a machine makes of an event: what it is for, or why it is not there yet.
///
/// A part of a job (reading the file, say) is such a machine of its own, which ends with a `T` for
/// the job to go on with. Until then, the job hands the pause on to the host, and the state stays
/// where it is: the next event goes the same way down. Where a part ends with much, its turn is
/// matched: `?` would copy that once more, and the module is to be small.
type Turn<T = Output> = Result<T, Pause>;

/// The reason why a step produced no output yet. It is small, since it is handed up through all
/// of them.
#[derive(Debug)]
enum Pause {
    /// This has to be performed first.
    Ask(Box<Effect>),
    /// It never will.
    Failed(Box<Error>),
}

impl From<Error> for Pause {
    fn from(error: Error) -> Self {
        Pause::Failed(Box::new(error))
    }
}

impl From<Box<Error>> for Pause {
    fn from(error: Box<Error>) -> Self {
        Pause::Failed(error)
    }
}

fn ask<T>(effect: Effect) -> Turn<T> {
    Err(Pause::Ask(Box::new(effect)))
}

fn fail<T>(error: Error) -> Turn<T> {
    Err(error.into())
}

/// What an event means to a state that has no use for it. `attempt` names what was tried with the
/// credential file: `read`, `lock` or `write`.
fn unexpected(event: &Event, attempt: &'static str) -> Box<Error> {
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

/// The lock was lost too often.
fn contended(path: &str) -> Error {
    let failure = StoreFailure::Other("others keep writing it".into());
    Error::Store { path: path.into(), attempt: "write", failure }
}

/// The credential file as it was read.
#[derive(Debug)]
struct Store {
    path: String,
    document: Document,
    /// True if the file is there and blank.
    is_blank: bool,
}

impl Store {
    /// The file that an event brings, or what the event means otherwise.
    fn of(event: &Event, attempt: &'static str) -> Result<Self, Box<Error>> {
        let Event::StoreRead { path, contents, .. } = event else {
            return Err(unexpected(event, attempt));
        };
        let path = path.clone();
        let text = contents.as_ref().map(Secret::expose);
        match Document::parse(text) {
            Ok(document) => Ok(Store { path, document, is_blank: text.is_some_and(is_blank) }),
            Err(corrupt) => Err(Box::new(Error::StoreCorrupt { path, reason: corrupt.reason })),
        }
    }
}

/// A file that is blank although it held a login a moment ago.
fn blank(path: String) -> Box<Error> {
    Box::new(Error::StoreCorrupt { path, reason: "it is empty by now".into() })
}

/// The providers by the overrides file that an event brings, or what the event means otherwise.
fn table(event: &Event) -> Result<Table, Box<Error>> {
    let Event::OverridesRead { path, contents, access } = event else {
        return Err(unexpected(event, "read"));
    };
    if let Some(fault) = access.as_ref().and_then(Access::overrides_fault) {
        return Err(Box::new(Error::UntrustedOverrides { path: path.clone(), fault }));
    }
    Table::with_overrides(contents.as_ref().map(Secret::expose))
        .map(|table| table.read_from(path))
        .map_err(|problem| Box::new(Error::Overrides { path: path.clone(), problem }))
}

/// The provider `id`, or the error that names those there are.
fn known<'a>(table: &'a Table, id: &str) -> Result<&'a Arc<Provider>, Box<Error>> {
    table.get(id).ok_or_else(|| {
        let ids: Vec<String> = table.labels().iter().map(|label| label.id.clone()).collect();
        Box::new(Error::UnknownProvider { id: plain(id), known: ids.join(", ") })
    })
}
