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

mod backoff;
pub mod credential;
mod discovery;
mod effect;
mod event;
pub mod headers;
pub mod login;
pub mod logout;
mod open;
mod read;
mod save;
pub mod status;
pub mod token;

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use crate::document::Document;
use crate::error::{Error, StoreFailure};
use crate::json::{Raw, tagged};
use crate::provider::{BadOverrides, Label, Provider, Table};
use crate::resolve::Key;
use crate::secret::Secret;
use crate::text::plain;

pub use effect::{Authorize, Countdown, Effect, ShowCode};
pub use event::Event;

/// What is to be done.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(tag = "type", rename_all = "snake_case"))]
#[non_exhaustive]
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

tagged! { Request, "type" {
    "status" => Status(request),
    "login" => Login(request),
    "token" => Token(request),
    "headers" => Headers(request),
    "logout" => Logout(request),
    "read_credential" => ReadCredential(request),
    "write_credential" => WriteCredential(request),
} }

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(tag = "type", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Output {
    /// The credential is stored.
    LoggedIn {
        /// The provider.
        provider: Label,
        /// The credential file.
        path: String,
        /// What the person should know although it worked; a sentence each.
        notes: Vec<String>,
    },
    /// A key that can be sent now.
    Token {
        /// The key.
        key: Key,
        /// What the person should know although it worked; a sentence each.
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
        /// As the file has it, fields of others included; `None` where there is no login.
        #[cfg_attr(test, ts(type = "StoredLogin | null"))]
        credential: Option<Raw>,
        /// The credential file.
        path: String,
    },
    /// The login is stored.
    CredentialWritten {
        /// The credential file.
        path: String,
    },
}

tagged! { Output, "type" {
    "credential_written" => CredentialWritten { path },
    "logged_in" => LoggedIn { provider, path, notes },
    "token" => Token { key, notes },
    "headers" => Headers(headers),
    "logged_out" => LoggedOut { providers, path, revocations, notes },
    "status" => Status(status),
    "credential" => Credential { credential: secret, path },
} }

/// One job under way.
///
/// `start` gives the first effect; then, for every effect that was performed, one `step`. Once an
/// effect is `Done` or `Failed` the flow has ended, and any further step fails with a protocol
/// error. No event makes it panic.
#[derive(Debug)]
pub struct Flow(Machine);

impl Flow {
    /// Begins a job.
    pub fn start(request: Request) -> (Flow, Effect) {
        let mut flow = Flow(Machine::Ended);
        let effect = match request {
            Request::Login(request) => flow.take(request.start().map(Machine::Login)),
            Request::Token(request) => flow.take(request.start().finished().map(Machine::Token)),
            Request::Headers(request) => flow.take(request.start().map(Machine::Headers)),
            Request::Logout(request) => flow.take(request.start().map(Machine::Logout)),
            Request::Status(request) => flow.take(request.start().map(Machine::Status)),
            Request::ReadCredential(request) => flow.take(request.start().map(Machine::Credential)),
            Request::WriteCredential(request) => {
                flow.take(request.start().map(Machine::Credential))
            }
        };
        (flow, effect)
    }

    /// Takes the answer to the last effect and gives the next. `now_ms` is the time in epoch
    /// milliseconds; it may jump either way.
    pub fn step(&mut self, event: Event, now_ms: u64) -> Effect {
        match mem::replace(&mut self.0, Machine::Ended) {
            Machine::Login(state) => self.take(state.step(event, now_ms).map(Machine::Login)),
            Machine::Token(state) => {
                self.take(state.step(event, now_ms).finished().map(Machine::Token))
            }
            Machine::Headers(state) => self.take(state.step(event, now_ms).map(Machine::Headers)),
            Machine::Logout(state) => self.take(state.step(event, now_ms).map(Machine::Logout)),
            Machine::Status(state) => self.take(state.step(event, now_ms).map(Machine::Status)),
            Machine::Credential(state) => {
                self.take(state.step(event, now_ms).map(Machine::Credential))
            }
            Machine::Ended => Effect::Failed { error: Error::Protocol { event: event.word() } },
        }
    }

    /// Whether the outstanding effect stands between a request that the provider may act upon only
    /// once and the file: a host must not cancel it, nor let its process end, before the flow does.
    pub fn is_critical(&self) -> bool {
        match &self.0 {
            Machine::Login(state) => state.is_critical(),
            Machine::Token(state) => state.is_critical(),
            Machine::Headers(state) => state.is_critical(),
            // Who gives a credential still has it.
            Machine::Credential(_) | Machine::Logout(_) | Machine::Status(_) | Machine::Ended => {
                false
            }
        }
    }

    fn take(&mut self, turn: Turn<Machine>) -> Effect {
        match turn {
            Turn::Ask(machine, effect) => {
                self.0 = machine;
                effect
            }
            Turn::Done(output) => Effect::Done { output },
            Turn::Failed(error) => Effect::Failed { error },
        }
    }
}

#[derive(Debug)]
enum Machine {
    Login(login::State),
    Token(token::State),
    Headers(headers::State),
    Logout(logout::State),
    Status(status::State),
    Credential(credential::State),
    Ended,
}

/// What a state makes of an event. States are taken by value, so that each holds just what it
/// needs and a finished one cannot be stepped.
///
/// A part of a job (reading the file, say) is such a machine of its own, which ends with a `T` for
/// the job to go on with.
#[derive(Debug)]
enum Turn<S, T = Output> {
    /// Go on in this state once this effect is performed.
    Ask(S, Effect),
    Done(T),
    Failed(Error),
}

impl<S, T> Turn<S, T> {
    fn map<U>(self, into: impl FnOnce(S) -> U) -> Turn<U, T> {
        match self {
            Turn::Ask(state, effect) => Turn::Ask(into(state), effect),
            Turn::Done(done) => Turn::Done(done),
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn unexpected(event: Event, attempt: &'static str) -> Self {
        Turn::Failed(unexpected(event, attempt))
    }
}

impl<S, T: Into<Output>> Turn<S, T> {
    fn finished(self) -> Turn<S> {
        match self {
            Turn::Ask(state, effect) => Turn::Ask(state, effect),
            Turn::Done(done) => Turn::Done(done.into()),
            Turn::Failed(error) => Turn::Failed(error),
        }
    }
}

/// What an event means to a state that has no use for it. `attempt` names what was tried with the
/// credential file: `read`, `lock` or `write`.
fn unexpected(event: Event, attempt: &'static str) -> Error {
    match event {
        Event::Cancelled | Event::InputEnded => Error::Cancelled,
        Event::StoreFailed { path, failure } => store_error(path, attempt, failure),
        Event::LockTimedOut { path, alive } => Error::LockTimedOut { path, alive },
        Event::OverridesFailed { path, failure } => {
            let problem = BadOverrides { key: String::new(), problem: plain(&failure.to_string()) };
            Error::Overrides { path, problem }
        }
        event => Error::Protocol { event: event.word() },
    }
}

/// Bytes that are no text make a file corrupt, as bytes that are no JSON do.
fn store_error(path: String, attempt: &'static str, failure: StoreFailure) -> Error {
    match failure {
        StoreFailure::NotUtf8 => Error::StoreCorrupt { path, reason: failure.to_string() },
        StoreFailure::Other(text) => {
            Error::Store { path, attempt, failure: StoreFailure::Other(plain(&text)) }
        }
        failure => Error::Store { path, attempt, failure },
    }
}

/// The credential file as it was read.
#[derive(Debug)]
struct Store {
    path: String,
    document: Document,
}

impl Store {
    fn parse(path: String, contents: Option<Secret>) -> Result<Self, Error> {
        match Document::parse(contents.as_ref().map(Secret::expose)) {
            Ok(document) => Ok(Store { path, document }),
            Err(corrupt) => Err(Error::StoreCorrupt { path, reason: corrupt.reason }),
        }
    }
}

fn table(path: String, contents: Option<Secret>) -> Result<Table, Error> {
    Table::with_overrides(contents.as_ref().map(Secret::expose))
        .map_err(|problem| Error::Overrides { path, problem })
}

/// The provider `id`, or the error that names those there are.
fn known<'a>(table: &'a Table, id: &str) -> Result<&'a Arc<Provider>, Error> {
    table.get(id).ok_or_else(|| {
        let ids: Vec<String> = table.labels().into_iter().map(|label| label.id).collect();
        Error::UnknownProvider { id: plain(id), known: ids.join(", ") }
    })
}
