//! Replacing the credential file, one system call at a time, in the order of `host/src/store/replace.rs`.

use std::fmt;
use std::rc::Rc;

use pi_auth_core::migration::LOOKS;

use crate::disk::{Name, Pid};
use crate::mind::Mind;
use crate::mutation::Mutation;
use crate::op::Op;
use crate::told::Told;
use crate::world::World;

/// A write under way.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Writing {
    contents: Rc<str>,
    /// Whether it is to be written although the lock could not be had.
    unlocked: bool,
    /// The name that was in use when it began.
    path: Name,
    /// Whether the lock was good when it began.
    is_held: bool,
    step: Step,
}

#[derive(Clone, Copy, Debug, Hash)]
enum Step {
    /// Is the lock still good?
    Current,
    /// The new file is written and synced.
    Fill,
    /// Is the lock still good, now that only one system call is left?
    Ask,
    /// Is the file still the one that was read?
    Compare,
    Rename,
    Sync,
    /// Is it still the file that is in use? So often it is looked whether the agent is just moving it.
    Look(u8),
}

impl fmt::Display for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.step)
    }
}

impl Writing {
    pub(crate) fn new(contents: Rc<str>, unlocked: bool) -> Self {
        let (path, is_held, step) = (Name::Auth, false, Step::Current);
        Writing { contents, unlocked, path, is_held, step }
    }

    /// Whether the lock was looked at for the last time.
    pub(crate) fn has_looked(&self) -> bool {
        matches!(self.step, Step::Compare | Step::Rename)
    }

    /// Whether the file was compared for the last time, and is replaced next.
    pub(crate) fn has_compared(&self) -> bool {
        matches!(self.step, Step::Rename)
    }

    /// Whether its next step makes something.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.step, Step::Fill | Step::Rename)
    }
}

impl<M: Mind> World<M> {
    /// One step of a write; the disk fails it if `fails`.
    pub(crate) fn step_write(&mut self, pid: usize, mut writing: Writing, fails: bool) {
        let id = pid as Pid;
        let unlocked = writing.unlocked;
        let is_current = |world: &Self| {
            world.processes[pid].held.as_ref().is_some_and(|it| world.is_current(it))
        };
        match writing.step {
            Step::Current => {
                writing.path = self.disk.name();
                writing.is_held = is_current(self);
                if !writing.is_held && !unlocked {
                    return self.lost_lock(pid);
                }
                writing.step = Step::Fill;
            }
            Step::Fill => {
                self.take_room(pid, writing.is_held);
                if fails {
                    return self.failed_write(pid);
                }
                if self.is(Mutation::WriteInPlace) {
                    self.disk.replace(self.target(pid, &writing), "".into(), true);
                }
                writing.step = Step::Ask;
            }
            Step::Ask => {
                let may_replace = unlocked || (writing.is_held && is_current(self));
                if !may_replace {
                    self.disk.remove_temporary(id);
                    return self.lost_lock(pid);
                }
                writing.step = Step::Compare;
            }
            Step::Compare => {
                let held = self.processes[pid].held.as_ref();
                let is_changed = |it: &crate::process::Held| {
                    it.seen.is_some_and(|seen| seen != self.disk.version(it.target))
                };
                let compares = !self.is(Mutation::WriteInPlace) && !self.is(Mutation::NoCompare);
                if !unlocked && held.is_some_and(is_changed) && compares {
                    self.disk.remove_temporary(id);
                    return self.lost_lock(pid);
                }
                writing.step = Step::Rename;
            }
            Step::Rename => {
                self.disk.remove_temporary(id);
                if fails {
                    return self.failed_write(pid);
                }
                let (target, contents) = (self.target(pid, &writing), writing.contents.clone());
                let is_locked = writing.is_held && !unlocked;
                if unlocked {
                    self.written_past_the_lock(id);
                }
                self.processes[pid].has_written = true;
                self.check_write(pid, target, &contents, is_locked);
                self.disk.replace(target, contents, !self.is(Mutation::NoSync));
                writing.step = Step::Sync;
            }
            Step::Sync => {
                self.disk.sync();
                writing.step = Step::Look(LOOKS);
            }
            Step::Look(looks) => {
                let may_move = self.disk.name() == Name::OAuth && self.has_just_moved(pid);
                if looks > 0 && may_move && !self.is(Mutation::NoLookForTheMove) {
                    writing.step = Step::Look(looks - 1);
                    return self.look_again(pid, Op::Write(writing));
                }
                let is_used = self.disk.name() == writing.path || self.is(Mutation::IgnoreMove);
                return match is_used {
                    true => self.tell(pid, Told::Written),
                    false => self.lost_lock(pid),
                };
            }
        }
        self.go(pid, Op::Write(writing));
    }

    /// The room that was taken with the lock, or room of its own.
    fn take_room(&mut self, pid: usize, is_held: bool) {
        match &mut self.processes[pid].held {
            Some(held) if is_held && held.has_room => held.has_room = false,
            _ => self.disk.temporary.push(pid as Pid),
        }
    }

    fn target(&self, pid: usize, writing: &Writing) -> Name {
        match &self.processes[pid].held {
            Some(held) if writing.is_held => held.target,
            _ => writing.path,
        }
    }

    fn lost_lock(&mut self, pid: usize) {
        match self.is(Mutation::GiveUpLostLock) {
            true => self.give_up(pid),
            false => self.tell(pid, Told::Lost),
        }
    }

    fn failed_write(&mut self, pid: usize) {
        self.disk.remove_temporary(pid as Pid);
        match self.is(Mutation::GiveUpFailedWrite) {
            true => self.give_up(pid),
            false => self.tell(pid, Told::DiskFailed),
        }
    }
}
