//! What happened, in order.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::arrival::Received;
use super::refusal::Refusal;

/// One thing that happened, and the request that made it happen. A request may have several
/// entries: the fault it met and the grant it got anyway. They share `request.id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3, ... in the order in which things happened.
    pub number: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
    /// The request.
    #[serde(flatten)]
    pub request: Received,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// The page that asks the person was shown.
    AuthorizePage,
    /// The person pressed Authorize.
    Approved,
    /// The person pressed Deny.
    Denied,
    /// The page that shows `code#state` was shown.
    CodePage,
    /// An authorization code was exchanged for tokens.
    CodeExchanged,
    /// A refresh was granted.
    Refreshed,
    /// Anthropic's messages answered.
    MessageAnswered,
    /// A device was given a device code and a user code.
    DeviceAuthorized {
        /// What the person is to enter.
        user_code: String,
    },
    /// The page that asks for a user code, or whether to let its device in, was shown.
    DevicePage,
    /// A device polled with a device code that is known. Another entry says what it got.
    Polled(Poll),
    /// A device was given a GitHub token.
    DeviceGranted,
    /// A GitHub token was exchanged for a Copilot token.
    CopilotExchanged,
    /// Copilot's models were listed.
    ModelsListed,
    /// The policy of a model was accepted.
    PolicyEnabled {
        /// The id of the model.
        model: String,
    },
    /// A request to accept a policy came while another was not answered yet.
    PolicyOverlap,
    /// Copilot's chat completions answered.
    ChatAnswered,
    /// The request was refused.
    Refused {
        /// The error code (RFC 6749 section 5.2), or what stands for one where the provider has
        /// none: `not_found`, `unauthorized`.
        error: String,
        /// What was wrong, for people.
        description: String,
    },
    /// Every token of one login was revoked, because a token or a code was used twice.
    Revoked {
        /// What was used twice.
        reason: String,
    },
    /// The request met a fault.
    Fault {
        /// Its name.
        name: String,
    },
}

/// How a poll of a device kept to the interval (RFC 8628 section 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// How long after the last poll it came, or after the device code, in milliseconds.
    pub waited_ms: u64,
    /// The interval in force when it came, in seconds.
    pub interval_s: u64,
    /// True if it came earlier than that.
    pub too_early: bool,
}

impl Entry {
    /// A query or body field of the request.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.request.fields.get(name).map(String::as_str)
    }

    /// A header of the request; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name).map(String::as_str)
    }

    /// The request's `User-Agent`.
    pub fn user_agent(&self) -> Option<&str> {
        self.header("user-agent")
    }

    /// The request's `Content-Type`.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }
}

/// One line, for a person who watches.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Received { at_ms, method, path, .. } = &self.request;
        let at = format!("{}.{:03}s", at_ms / 1000, at_ms % 1000);
        write!(f, "{at:>9}  {method:<4} {path:<22} ")?;
        match &self.kind {
            Kind::AuthorizePage => f.write_str("asked the person"),
            Kind::Approved => f.write_str("approved"),
            Kind::Denied => f.write_str("denied"),
            Kind::CodePage => f.write_str("showed the code page"),
            Kind::CodeExchanged => f.write_str("code exchanged"),
            Kind::Refreshed => f.write_str("refreshed"),
            Kind::MessageAnswered => f.write_str("message answered"),
            Kind::DeviceAuthorized { user_code } => write!(f, "device told to show {user_code}"),
            Kind::DevicePage => f.write_str("showed the device page"),
            Kind::Polled(Poll { waited_ms, interval_s, too_early }) => {
                let verdict = if *too_early { ", too early" } else { "" };
                write!(f, "polled after {waited_ms} ms of {interval_s} s{verdict}")
            }
            Kind::DeviceGranted => f.write_str("device let in"),
            Kind::CopilotExchanged => f.write_str("exchanged for a Copilot token"),
            Kind::ModelsListed => f.write_str("models listed"),
            Kind::PolicyEnabled { model } => write!(f, "policy of {model} accepted"),
            Kind::PolicyOverlap => f.write_str("came before the last one was answered"),
            Kind::ChatAnswered => f.write_str("chat answered"),
            Kind::Refused { error, description } => write!(f, "refused, {error}: {description}"),
            Kind::Revoked { reason } => write!(f, "login revoked: {reason}"),
            Kind::Fault { name } => write!(f, "fault: {name}"),
        }
    }
}

/// The log itself: it only grows.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Mutex<Vec<Entry>>,
    grown: Condvar,
}

impl Log {
    pub(super) fn record(&self, kind: Kind, request: &Received) {
        let mut entries = self.entries();
        let number = entries.len() as u64 + 1;
        entries.push(Entry { number, kind, request: request.clone() });
        self.grown.notify_all();
    }

    /// Records a refusal, and first the revocation that it brought about, if any.
    pub(super) fn record_refusal(&self, refusal: &Refusal, request: &Received) {
        let Refusal { error, description, revoked } = refusal;
        if *revoked {
            self.record(Kind::Revoked { reason: description.clone() }, request);
        }
        let (error, description) = ((*error).to_owned(), description.clone());
        self.record(Kind::Refused { error, description }, request);
    }

    pub(super) fn after(&self, number: u64) -> Vec<Entry> {
        self.entries().iter().filter(|entry| entry.number > number).cloned().collect()
    }

    pub(super) fn wait_after(&self, number: u64, patience: Duration) -> Vec<Entry> {
        let deadline = Instant::now() + patience;
        let mut entries = self.entries();
        while entries.len() as u64 <= number {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.grown.wait_timeout(entries, left);
            entries = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        entries.iter().filter(|entry| entry.number > number).cloned().collect()
    }

    /// How often this happened.
    pub(super) fn count(&self, kind: &Kind) -> usize {
        self.entries().iter().filter(|entry| entry.kind == *kind).count()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
