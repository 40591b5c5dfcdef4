//! What a process is told: the events of the core, as plain values that can be compared.

use std::fmt;
use std::rc::Rc;

use pi_auth_core::error::StoreFailure;
use pi_auth_core::flow::Event;

use crate::disk::Name;
use crate::provider::Answer;

/// An event on its way to a flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    NoOverrides,
    Read(Name, Option<Rc<str>>),
    Locked,
    TimedOut { alive: bool },
    DiskFailed,
    Unlocked,
    Written,
    Lost,
    Backoff(Option<Rc<str>>),
    BackoffWritten,
    Answer(Answer),
    NoAnswer,
    Pasted(Rc<str>),
    Woke,
    Cancelled,
}

/// For the trace: of a file, no more than its login.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told::Read(name, Some(text)) = self else { return write!(f, "{self:?}") };
        match text.split_once("\"anthropic\":").and_then(|(_, rest)| rest.split_once('}')) {
            Some((login, _)) => write!(f, "{name:?}: {}", login.trim()),
            None => write!(f, "{name:?}: {} bytes without the login", text.len()),
        }
    }
}

impl From<Told> for Event {
    fn from(told: Told) -> Self {
        use pi_auth_core::http::TransportFailure::Timeout;
        let path = String::from("~/.pi/agent/auth.json");
        match told {
            Told::NoOverrides => Event::OverridesRead { path, contents: None, access: None },
            Told::Read(name, text) => Event::StoreRead {
                path: match name {
                    Name::Auth => path,
                    Name::OAuth => "~/.pi/agent/oauth.json".into(),
                },
                contents: text.map(|text| (&*text).into()),
                access: None,
            },
            Told::Locked => Event::Locked,
            Told::TimedOut { alive } => Event::LockTimedOut { path, alive, owner: None },
            Told::DiskFailed => Event::StoreFailed { path, failure: StoreFailure::NoSpace },
            Told::Unlocked => Event::Unlocked,
            Told::Written => Event::Written,
            Told::Lost => Event::LockLost,
            Told::Backoff(text) => {
                Event::BackoffRead { contents: text.map(|text| (&*text).into()) }
            }
            Told::BackoffWritten => Event::BackoffWritten,
            Told::Answer(answer) => match answer.response() {
                Ok(response) => Event::Response(response),
                Err(failure) => Event::TransportFailed { failure },
            },
            Told::NoAnswer => Event::TransportFailed { failure: Timeout },
            Told::Pasted(text) => Event::Pasted { text: (&*text).into() },
            Told::Woke => Event::Woke,
            Told::Cancelled => Event::Cancelled,
        }
    }
}
