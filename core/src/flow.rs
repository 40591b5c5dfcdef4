//! Flows: each job as a state machine with one outstanding effect.
//!
//! The whole protocol is in here, the credential file's included (read, decide, lock, read again,
//! refresh, write), so that no two hosts can differ in it.
//!
//! What a host promises:
//! - It performs each [`Effect`] and answers with one [`Event`]; [`Event::Cancelled`] is an answer
//!   to any of them, except while [`Flow::is_critical`]: then the answer must be waited for.
//! - It holds the lock that [`Effect::LockStore`] took until the flow ends (`Done`, `Failed`, or the
//!   flow is dropped). There is no effect to release it, and so none to forget.

pub mod login;
pub mod logout;
mod read;
mod save;
pub mod status;
pub mod token;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::error::{Error, StoreFailure, plain};
use crate::http;
use crate::http::query_value;
use crate::provider::{BadOverrides, Label, Table};
use crate::resolve::Key;
use crate::secret::{self, Secret};

/// What is to be done.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Request {
    /// Log in to a provider and store the credential.
    Login(login::Request),
    /// Get a key that can be sent now, refreshed if need be.
    Token(token::Request),
    /// Take stored logins out of the file.
    Logout(logout::Request),
    /// Tell who is logged in, and until when.
    Status(status::Request),
}

/// What a host is asked to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// Send an HTTP request. Answer: [`Event::Response`] or [`Event::TransportFailed`].
    Http {
        /// What to send.
        request: http::Request,
        /// What it is for, in plain words, to show when it takes over a second.
        activity: String,
    },
    /// Read the overrides file. Answer: [`Event::OverridesRead`] or [`Event::OverridesFailed`].
    ReadOverrides,
    /// Read the credential file. Answer: [`Event::StoreRead`] or [`Event::StoreFailed`].
    ReadStore,
    /// Prove that the credential file can be replaced (make its directory, take the lock, make a
    /// temporary file beside it, and let go of both) and read it under that lock.
    /// Answer: as for `ReadStore`, or [`Event::LockTimedOut`].
    ProbeStore,
    /// Take the credential file's lock, and make sure that there is room to write it: what comes
    /// next may not be repeatable. Taking a lock that is already held succeeds at once.
    /// Answer: [`Event::Locked`], [`Event::LockTimedOut`] or [`Event::StoreFailed`].
    LockStore,
    /// Replace the credential file, whole or not at all, and durably.
    /// Answer: [`Event::Written`], [`Event::LockLost`] or [`Event::StoreFailed`].
    WriteStore {
        /// The new contents.
        #[serde(serialize_with = "secret::expose")]
        contents: Secret,
        /// Whether to write although the lock could not be had: the last resort for a token that
        /// exists nowhere else. Otherwise a host whose lock was taken over writes nothing and
        /// answers [`Event::LockLost`].
        unlocked: bool,
    },
    /// Read one environment variable. Answer: [`Event::Variable`].
    ReadVariable {
        /// Its name.
        name: String,
    },
    /// Bind a callback server on 127.0.0.1, for GET requests of exactly this path.
    /// Answer: [`Event::Listening`] or [`Event::ListenFailed`].
    Listen {
        /// The port to try first, then any free one; 0 is any.
        preferred_port: u16,
        /// The path, beginning with a slash.
        path: String,
    },
    /// Show the URL, and take what comes first: the callback, or a pasted text.
    /// Answer: [`Event::Callback`], [`Event::Pasted`] or [`Event::InputEnded`].
    Authorize(Authorize),
    /// Have the person pick one. Answer: [`Event::Chosen`] or [`Event::InputEnded`].
    Select {
        /// The question.
        message: String,
        /// What there is to pick from; never empty.
        options: Vec<Label>,
        /// A line below the options that cannot be picked.
        remark: Option<String>,
    },
    /// Ask a yes-or-no question. Answer: [`Event::Confirmed`] or [`Event::InputEnded`].
    Confirm {
        /// The question.
        message: String,
    },
    /// Sleep until then, in epoch milliseconds. Answer: [`Event::Woke`].
    WaitUntil {
        /// When.
        at_ms: u64,
    },
    /// The job is done. Nothing more comes.
    Done {
        /// What came of it.
        output: Output,
    },
    /// The job failed. Nothing more comes.
    Failed {
        /// Why.
        error: Error,
    },
}

/// The page that a person is to open, and how its answer comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Authorize {
    /// The authorization URL.
    pub url: String,
    /// Whether to open it in a browser; otherwise it is only shown.
    pub open_browser: bool,
    /// Whether the callback server that was bound is waited for as well.
    pub callback: bool,
    /// The state that a callback must bring; see [`Authorize::is_answered_by`].
    #[serde(serialize_with = "secret::expose")]
    pub state: Secret,
    /// What to say, such as `Opening browser to authorize...`.
    pub message: String,
    /// What to ask for, such as `Paste the authorization code here:`.
    pub prompt: String,
    /// Why the last answer was not taken. With it the page is not opened again.
    pub problem: Option<String>,
}

impl Authorize {
    /// Whether the query of a callback answers this page. One with another state may come from
    /// another tab, or from a page that wants to plant its own login here (RFC 6749, 10.12): a host
    /// turns it away and goes on waiting, and the person's typing is not disturbed.
    pub fn is_answered_by(&self, query: &str) -> bool {
        query_value(query, "state").is_some_and(|state| self.state == state.into())
    }
}

/// What a host answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A response came, whatever its status.
    Response(http::Response),
    /// No response came.
    TransportFailed {
        /// Why.
        failure: http::TransportFailure,
    },
    /// The overrides file was read.
    OverridesRead {
        /// Where it is or would be, as it is shown to people.
        path: String,
        /// Its text; `None` where there is no such file.
        contents: Option<Secret>,
    },
    /// The credential file was read.
    StoreRead {
        /// Where it is or would be, as it is shown to people.
        path: String,
        /// Its text; `None` where there is no such file.
        contents: Option<Secret>,
    },
    /// The overrides file could not be read, or was named and is not there.
    OverridesFailed {
        /// The file, as it is shown to people.
        path: String,
        /// Why.
        failure: StoreFailure,
    },
    /// The credential file could not be read, locked or written.
    StoreFailed {
        /// The file, as it is shown to people.
        path: String,
        /// Why.
        failure: StoreFailure,
    },
    /// The lock is held from now on.
    Locked,
    /// Somebody else held the lock for too long.
    LockTimedOut {
        /// The lock, as it is shown to people.
        path: String,
        /// Whether its holder is certainly alive, as that of a kernel lock is.
        #[serde(default)]
        alive: bool,
    },
    /// The file was replaced.
    Written,
    /// It has to be read again before it is written: somebody took the lock over or wrote without
    /// it, or another file is in use by now.
    LockLost,
    /// The variable was read.
    Variable {
        /// Its value, if it is set.
        value: Option<Secret>,
    },
    /// The callback server waits.
    Listening {
        /// Its port.
        port: u16,
    },
    /// No callback server could be bound.
    ListenFailed,
    /// A browser came to the callback.
    Callback {
        /// The query, without the question mark.
        query: Secret,
    },
    /// The person pasted something.
    Pasted {
        /// As it came.
        text: Secret,
    },
    /// The person picked one.
    Chosen {
        /// Counted from 0.
        index: usize,
    },
    /// The person answered.
    Confirmed {
        /// Yes or no.
        yes: bool,
    },
    /// It is time.
    Woke,
    /// There is nobody left to answer: standard input has ended.
    InputEnded,
    /// The person stopped it.
    Cancelled,
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Response(_) => "response",
            Event::TransportFailed { .. } => "transport_failed",
            Event::OverridesRead { .. } => "overrides_read",
            Event::OverridesFailed { .. } => "overrides_failed",
            Event::StoreRead { .. } => "store_read",
            Event::StoreFailed { .. } => "store_failed",
            Event::Locked => "locked",
            Event::LockTimedOut { .. } => "lock_timed_out",
            Event::Written => "written",
            Event::LockLost => "lock_lost",
            Event::Variable { .. } => "variable",
            Event::Listening { .. } => "listening",
            Event::ListenFailed => "listen_failed",
            Event::Callback { .. } => "callback",
            Event::Pasted { .. } => "pasted",
            Event::Chosen { .. } => "chosen",
            Event::Confirmed { .. } => "confirmed",
            Event::Woke => "woke",
            Event::InputEnded => "input_ended",
            Event::Cancelled => "cancelled",
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Output {
    /// The credential is stored.
    LoggedIn {
        /// The provider.
        provider: Label,
        /// The credential file.
        path: String,
    },
    /// A key that can be sent now.
    Token {
        /// The key.
        key: Key,
        /// What the person should know although it worked; a sentence each.
        notes: Vec<String>,
    },
    /// These logins are gone from the file; none, where there was nothing to do.
    LoggedOut {
        /// The providers.
        providers: Vec<Label>,
        /// The credential file.
        path: String,
        /// What the person should know; a sentence each.
        notes: Vec<String>,
    },
    /// Who is logged in.
    Status(status::Status),
}

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
            Request::Token(request) => flow.take(request.start().map(Machine::Token)),
            Request::Logout(request) => flow.take(request.start().map(Machine::Logout)),
            Request::Status(request) => flow.take(request.start().map(Machine::Status)),
        };
        (flow, effect)
    }

    /// Takes the answer to the last effect and gives the next. `now_ms` is the time in epoch
    /// milliseconds; it may jump either way.
    pub fn step(&mut self, event: Event, now_ms: u64) -> Effect {
        match mem::replace(&mut self.0, Machine::Ended) {
            Machine::Login(state) => self.take(state.step(event, now_ms).map(Machine::Login)),
            Machine::Token(state) => self.take(state.step(event, now_ms).map(Machine::Token)),
            Machine::Logout(state) => self.take(state.step(event, now_ms).map(Machine::Logout)),
            Machine::Status(state) => self.take(state.step(event, now_ms).map(Machine::Status)),
            Machine::Ended => Effect::Failed { error: Error::Protocol { event: event.name() } },
        }
    }

    /// Whether the outstanding effect stands between a request that the provider may act upon only
    /// once and the file: a host must not cancel it, nor let its process end, before the flow does.
    pub fn is_critical(&self) -> bool {
        match &self.0 {
            Machine::Login(state) => state.is_critical(),
            Machine::Token(state) => state.is_critical(),
            Machine::Logout(_) | Machine::Status(_) | Machine::Ended => false,
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
    Logout(logout::State),
    Status(status::State),
    Ended,
}

/// What a state makes of an event. States are taken by value, so that each holds just what it
/// needs and a finished one cannot be stepped.
#[derive(Debug)]
enum Turn<S> {
    /// Go on in this state once this effect is performed.
    Ask(S, Effect),
    Done(Output),
    Failed(Error),
}

impl<S> Turn<S> {
    fn map<T>(self, into: impl FnOnce(S) -> T) -> Turn<T> {
        match self {
            Turn::Ask(state, effect) => Turn::Ask(into(state), effect),
            Turn::Done(output) => Turn::Done(output),
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn unexpected(event: Event, attempt: &'static str) -> Self {
        Turn::Failed(unexpected(event, attempt))
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
        event => Error::Protocol { event: event.name() },
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
fn known<'a>(table: &'a Table, id: &str) -> Result<&'a crate::provider::Provider, Error> {
    table.get(id).ok_or_else(|| {
        let ids: Vec<String> = table.labels().into_iter().map(|label| label.id).collect();
        Error::UnknownProvider { id: plain(id), known: ids.join(", ") }
    })
}
