//! Letting go of the locks, one system call at a time: the directory first, then the kernel's.

use std::fmt;

use crate::disk::{Mtime, Pid};
use crate::mind::Mind;
use crate::mutation::Mutation;
use crate::op::Op;
use crate::process::{End, Held};
use crate::told::Told;
use crate::world::World;

/// What comes after letting go.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Then {
    Tell(Told),
    End(End),
}

/// Letting go of the lock.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Releasing {
    held: Held,
    then: Then,
    step: ReleaseStep,
}

#[derive(Clone, Copy, Debug, Hash)]
enum ReleaseStep {
    /// The temporary file goes, then: is the directory ours?
    Look,
    Remove,
    Kernel,
}

impl fmt::Display for Releasing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.step)
    }
}

impl Releasing {
    pub(crate) fn new(held: Held, then: Then) -> Self {
        Releasing { held, then, step: ReleaseStep::Look }
    }

    pub(crate) fn directory(&self) -> Option<Mtime> {
        self.held.directory
    }

    /// Returns whether the directory was found to be ours, and goes next.
    pub(crate) fn has_looked(&self) -> bool {
        matches!(self.step, ReleaseStep::Remove)
    }
}

impl<M: Mind> World<M> {
    /// Begins with letting go of the lock, if it is held.
    pub(crate) fn let_go(&mut self, pid: usize, then: Then) {
        self.processes[pid].holds_spares = false;
        match self.processes[pid].held.take() {
            Some(held) => self.go(pid, Op::Release(Releasing::new(held, then))),
            None => self.go_on(pid, then),
        }
    }

    /// One step of letting go.
    pub(crate) fn step_release(&mut self, pid: usize, mut releasing: Releasing) {
        let (id, held) = (pid as Pid, &releasing.held);
        match releasing.step {
            ReleaseStep::Look => {
                if held.has_room {
                    self.disk.remove_temporary(id);
                }
                let is_ours = held.directory.is_some()
                    && (self.disk.directory == held.directory
                        || self.is(Mutation::ReleaseOthersLock));
                releasing.step = match is_ours {
                    true => ReleaseStep::Remove,
                    false => ReleaseStep::Kernel,
                };
                self.go(pid, Op::Release(releasing));
            }
            ReleaseStep::Remove => {
                if let Some(removed) = self.disk.directory.take() {
                    self.removed(id, removed);
                }
                releasing.step = ReleaseStep::Kernel;
                self.go(pid, Op::Release(releasing));
            }
            ReleaseStep::Kernel => {
                if self.disk.kernel == Some(id) {
                    self.disk.kernel = None;
                }
                self.go_on(pid, releasing.then);
            }
        }
    }

    /// The lock is let go, or never was held.
    fn go_on(&mut self, pid: usize, then: Then) {
        match then {
            Then::Tell(told) => self.tell(pid, told),
            Then::End(end) => self.end(pid, end),
        }
    }
}
