//! What a process is doing: the system call that is next.

use std::fmt;
use std::rc::Rc;

use crate::clock::Ms;
use crate::disk_fault::DiskFault;
use crate::lock::Locking;
use crate::provider::Ask;
use crate::release::Releasing;
use crate::told::Told;
use crate::write::Writing;

/// What a process is doing.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Op {
    Start,
    /// Looks for the file, for so many more times.
    Read(u8),
    /// Under the lock, notes what the file is that is read next, for so many more times.
    Identify(u8),
    Lock(Locking),
    Release(Releasing),
    Write(Writing),
    ReadBackoff,
    RemoveBackoff(Rc<str>),
    WriteBackoff(Rc<str>),
    Send(Ask),
    /// Waits for the answer to a message.
    Await(u32, Ms),
    /// Is told this at that time.
    Wait(Ms, Told),
    Over,
}

/// What the next step is, for the trace.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Start => f.write_str("begins"),
            Op::Read(_) => f.write_str("reads the file"),
            Op::Identify(_) => f.write_str("looks which file it is"),
            Op::Lock(locking) => write!(f, "takes the lock: {locking}"),
            Op::Release(releasing) => write!(f, "lets the lock go: {releasing}"),
            Op::Write(writing) => write!(f, "writes: {writing}"),
            Op::ReadBackoff => f.write_str("reads the memory of failures"),
            Op::RemoveBackoff(_) => f.write_str("removes the memory of failures"),
            Op::WriteBackoff(_) => f.write_str("writes the memory of failures"),
            Op::Send(ask) => write!(f, "sends {ask:?}"),
            Op::Await(..) => f.write_str("takes the answer"),
            Op::Wait(..) => f.write_str("goes on"),
            Op::Over => f.write_str("is over"),
        }
    }
}

impl Op {
    /// Returns the failures of a disk that its next step can meet.
    pub(crate) fn disk_faults(&self) -> &'static [DiskFault] {
        match self {
            Op::Lock(locking) => locking.disk_faults(),
            Op::Write(writing) => writing.disk_faults(),
            Op::WriteBackoff(_) => DiskFault::OF_A_CREATION,
            Op::Read(_) | Op::ReadBackoff | Op::Send(_) => DiskFault::OF_AN_OPEN,
            _ => &[],
        }
    }
}
