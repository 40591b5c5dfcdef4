//! Answers of a host.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::error::StoreFailure;
use crate::http;
use crate::json::{or_default, tagged_by_type};
use crate::secret::{Secret, exposed};
use crate::store::access::Access;

/// The answer of a host to an effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(tag = "type", rename_all = "snake_case"))]
#[non_exhaustive]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Event {
    /// A response came, whatever its status.
    Response(http::HttpResponse),
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
        #[serde(serialize_with = "exposed")]
        contents: Option<Secret>,
        /// Its owners and modes; `None` where there is no file, or the system cannot tell.
        #[cfg_attr(test, ts(optional))]
        #[serde(skip_serializing_if = "Option::is_none")]
        access: Option<Access>,
    },
    /// The credential file was read.
    StoreRead {
        /// Where it is or would be, as it is shown to people.
        path: String,
        /// Its text; `None` where there is no such file.
        #[serde(serialize_with = "exposed")]
        contents: Option<Secret>,
        /// Its owners and modes. A host may leave it out of a file that its mode closes to
        /// everybody but its owner, and where it has told the same of it before.
        #[cfg_attr(test, ts(optional))]
        #[serde(skip_serializing_if = "Option::is_none")]
        access: Option<Access>,
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
        /// True if its holder is certainly alive, as that of a kernel lock is.
        #[cfg_attr(test, ts(as = "Option<_>", optional))]
        #[serde(default, deserialize_with = "or_default")]
        alive: bool,
        /// The id of its owner, where that is neither the caller nor the directory's owner.
        #[cfg_attr(test, ts(optional))]
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<u32>,
    },
    /// The lock is no longer held.
    Unlocked,
    /// The file was replaced.
    Written,
    /// It has to be read again before it is written: somebody took the lock over or wrote without
    /// it, or another file is in use by now.
    LockLost,
    /// The memory of failed refreshes was read.
    BackoffRead {
        /// Its text; `None` where there is none, or none that can be read.
        #[serde(serialize_with = "exposed")]
        contents: Option<Secret>,
    },
    /// The memory of failed refreshes was written, or could not be.
    BackoffWritten,
    /// The variable was read.
    Variable {
        /// Its value, if it is set.
        #[serde(serialize_with = "exposed")]
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
        #[serde(serialize_with = "exposed")]
        query: Secret,
    },
    /// The person pasted something.
    Pasted {
        /// As it came.
        #[serde(serialize_with = "exposed")]
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
    /// The person typed a line.
    Answered {
        /// As it came.
        text: String,
    },
    /// The code was shown.
    Shown,
    /// It is time.
    Woke,
    /// There is nobody left to answer: standard input has ended.
    InputEnded,
    /// The person stopped it.
    Cancelled,
}

tagged_by_type!(Event);

impl Event {
    /// Returns the `type` of the event in JSON.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Event::Response(_) => "response",
            Event::TransportFailed { .. } => "transport_failed",
            Event::OverridesRead { .. } => "overrides_read",
            Event::StoreRead { .. } => "store_read",
            Event::OverridesFailed { .. } => "overrides_failed",
            Event::StoreFailed { .. } => "store_failed",
            Event::Locked => "locked",
            Event::LockTimedOut { .. } => "lock_timed_out",
            Event::Unlocked => "unlocked",
            Event::Written => "written",
            Event::LockLost => "lock_lost",
            Event::BackoffRead { .. } => "backoff_read",
            Event::BackoffWritten => "backoff_written",
            Event::Variable { .. } => "variable",
            Event::Listening { .. } => "listening",
            Event::ListenFailed => "listen_failed",
            Event::Callback { .. } => "callback",
            Event::Pasted { .. } => "pasted",
            Event::Chosen { .. } => "chosen",
            Event::Confirmed { .. } => "confirmed",
            Event::Answered { .. } => "answered",
            Event::Shown => "shown",
            Event::Woke => "woke",
            Event::InputEnded => "input_ended",
            Event::Cancelled => "cancelled",
        }
    }

    /// Returns what a person has to be told of a credential file that others could have changed.
    pub(super) fn warning(&self) -> Option<String> {
        let Event::StoreRead { path, access: Some(access), .. } = self else { return None };
        Some(access.credentials_fault()?.credentials_note(path))
    }
}
