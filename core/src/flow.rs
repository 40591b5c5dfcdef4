//! Flows: each job as a state machine with one outstanding effect.
//!
//! The whole protocol is in here, the credential file's included (read, decide, lock, read again,
//! refresh, write), so that no two hosts can differ in it.
//!
//! What a host promises:
//! - It performs each [`Effect`] and answers with one [`Event`]; [`Event::Cancelled`] is an answer
//!   to any of them, except while [`Flow::is_critical`]: then the answer must be waited for.
//! - It holds the lock that [`Effect::LockStore`] took until the flow ends (`Done`, `Failed`, or
//!   the flow is dropped), or says so with [`Effect::UnlockStore`] because what follows takes its
//!   time.

pub mod credential;
mod discovery;
mod effect;
pub mod endpoints;
mod event;
mod files;
pub mod headers;
pub mod login;
pub mod logout;
mod machine;
mod open;
mod read;
mod save;
pub mod status;
pub mod token;
mod witness;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::json::{Raw, tagged_by_type};
use crate::key::Key;
use crate::provider::Label;
use crate::secret::exposed;
use machine::{Ended, Machine, StepResult, Yield};

pub use effect::{Authorize, Countdown, Effect, LOCK_ACTIVITY, OneTime, ShowCode, is_answered_by};
pub use event::Event;
pub use witness::{Objection, Witness};

/// A job, with its parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(tag = "type", rename_all = "snake_case"))]
#[non_exhaustive]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Request {
    /// Log in to a provider and store the credential.
    Login(login::LoginRequest),
    /// Get a key that can be sent now, refreshed if need be.
    Token(token::TokenRequest),
    /// Get the headers that carry such a key, and where to send them.
    Headers(headers::HeadersRequest),
    /// Take stored logins out of the file.
    Logout(logout::LogoutRequest),
    /// Tell who is logged in, and until when.
    Status(status::StatusRequest),
    /// Read the stored login of a provider.
    ReadCredential(credential::ReadCredentialRequest),
    /// Store a login that the caller has.
    WriteCredential(credential::WriteCredentialRequest),
}

/// The result of a job.
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

    /// Returns whether the outstanding effect stands between a request that the provider may act
    /// upon only once and the file: a host must not cancel it, nor let its process end, before the
    /// flow does.
    pub fn is_critical(&self) -> bool {
        self.0.is_critical()
    }

    fn take(&mut self, turn: StepResult) -> Effect {
        let end = match turn {
            Err(Yield::Ask(effect)) => return *effect,
            Err(Yield::Failed(error)) => Effect::Failed { error: *error },
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
