//! What can happen next, and to whom.

use std::fmt;

use crate::disk_fault::DiskFault;
use crate::provider::Trouble;

/// Whoever can do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Process(usize),
    /// The thread that touches the lock of a process.
    Touch(usize),
    Agent(usize),
    /// The timer that touches the lock of an agent.
    AgentTouch(usize),
    /// A request that arrives.
    Message(u32),
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Step(Actor),
    /// A request meets trouble.
    Trouble(u32, Trouble),
    /// The step of a process that uses the disk fails.
    FailDisk(usize, DiskFault),
    Crash(usize),
    Stall(Actor),
    Signal(usize),
    Jump(i64),
    /// The power is gone; what was not synced yet is kept, or not.
    Cut {
        kept: bool,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Step(Actor::Process(pid)) => write!(f, "process {pid}"),
            Action::Step(Actor::Touch(pid)) => write!(f, "process {pid} touches its lock"),
            Action::Step(Actor::Agent(n)) => write!(f, "agent {n}"),
            Action::Step(Actor::AgentTouch(n)) => write!(f, "agent {n} touches its lock"),
            Action::Step(Actor::Message(id)) => write!(f, "request {id} arrives"),
            Action::Trouble(id, trouble) => write!(f, "request {id} meets {trouble:?}"),
            Action::FailDisk(pid, fault) => write!(f, "process {pid} meets {fault:?}"),
            Action::Crash(pid) => write!(f, "process {pid} is killed"),
            Action::Stall(actor) => write!(f, "{actor:?} is stopped for a minute"),
            Action::Signal(pid) => write!(f, "process {pid} gets a signal"),
            Action::Jump(ms) => write!(f, "the clock jumps by {} min", ms / 60_000),
            Action::Cut { kept } => write!(f, "the power is gone (unsynced names kept: {kept})"),
        }
    }
}
