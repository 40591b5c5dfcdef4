//! Replacing the credential file, one system call at a time, in the order of
//! `host/src/store/replace.rs`.

use std::fmt;
use std::rc::Rc;

use pi_auth_core::store::migration::LOOKS;

use crate::clock::Ms;
use crate::disk::{Name, Pid, Syncing};
use crate::disk_fault::DiskFault;
use crate::mind::Mind;
use crate::mutation::Mutation;
use crate::op::Op;
use crate::told::Told;
use crate::world::World;

/// Number of retries of a refused rename before the file is written in place.
const RETRIES: u8 = 3;
/// The pause before that, in milliseconds.
const RETRY_AFTER_MS: Ms = 50;

/// A write under way.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Writing {
    contents: Rc<str>,
    /// True if it is to be written although the lock could not be had.
    unlocked: bool,
    /// The name that was in use when it began.
    path: Name,
    /// True if the lock was good when it began.
    is_held: bool,
    /// Set if the new file was synced.
    is_synced: bool,
    /// Number of refusals of the rename.
    refusals: u8,
    step: Step,
}

#[derive(Clone, Copy, Debug, Hash)]
enum Step {
    /// Is the lock still good?
    Current,
    /// The new file is written and synced, if that works.
    Fill,
    /// Is the lock still good, now that only one system call is left?
    Ask,
    /// Is the file still the one that was read?
    Compare,
    /// The new file takes the place of the old one; after too many refusals, part of the old one is
    /// overwritten instead.
    Replace,
    /// The rest of the old one is, too, and synced.
    Overwrite,
    Sync,
    /// Is it still the file that is in use? So often it is looked whether the agent is just moving
    /// it.
    Look(u8),
}

impl fmt::Display for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.step)
    }
}

impl Writing {
    pub(crate) fn new(contents: Rc<str>, unlocked: bool) -> Self {
        let (path, is_held, is_synced) = (Name::Auth, false, false);
        let (refusals, step) = (0, Step::Current);
        Writing { contents, unlocked, path, is_held, is_synced, refusals, step }
    }

    /// Returns whether the lock was looked at for the last time.
    pub(crate) fn has_looked(&self) -> bool {
        matches!(self.step, Step::Compare | Step::Replace | Step::Overwrite)
    }

    /// Returns whether the file was compared for the last time, and is replaced next.
    pub(crate) fn has_compared(&self) -> bool {
        matches!(self.step, Step::Replace)
    }

    /// Returns whether it is in the middle of a write in place.
    pub(crate) fn is_overwriting(&self) -> bool {
        matches!(self.step, Step::Overwrite)
    }

    /// Returns the failures of a disk that its next step can meet.
    pub(crate) fn disk_faults(&self) -> &'static [DiskFault] {
        match self.step {
            Step::Fill => DiskFault::OF_A_FILL,
            Step::Replace if !self.is_in_place() => DiskFault::OF_A_RENAME,
            Step::Replace => DiskFault::OF_A_CREATION,
            Step::Current | Step::Ask | Step::Compare => &[],
            Step::Overwrite | Step::Sync | Step::Look(_) => &[],
        }
    }

    /// Returns whether the rename was refused too often.
    fn is_in_place(&self) -> bool {
        self.refusals > RETRIES
    }
}

impl<M: Mind> World<M> {
    /// One step of a write, which may meet a failure of the disk.
    pub(crate) fn step_write(
        &mut self,
        pid: usize,
        mut writing: Writing,
        fault: Option<DiskFault>,
    ) {
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
                writing.is_synced = self.disk.syncing == Syncing::Works;
                let gives_up = !writing.is_synced && self.is(Mutation::GiveUpFailedSync);
                let has_room = self.take_room(pid, writing.is_held);
                if !has_room || fault == Some(DiskFault::NoSpace) || gives_up {
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
                writing.step = Step::Replace;
            }
            Step::Replace if !writing.is_in_place() && self.is_rename_refused(fault) => {
                if self.is(Mutation::GiveUpRefusedRename) {
                    return self.failed_write(pid);
                }
                writing.refusals += 1;
                // The last refusal is followed by a write in place at once.
                if !writing.is_in_place() {
                    self.processes[pid].ready = self.now + RETRY_AFTER_MS;
                    writing.step = Step::Ask;
                }
            }
            Step::Replace => {
                // In place, room is made behind the old text before it is touched.
                let has_room = fault != Some(DiskFault::NoSpace);
                if !has_room || (writing.is_in_place() && !self.can_open(pid)) {
                    return self.failed_write(pid);
                }
                let (target, contents) = (self.target(pid, &writing), writing.contents.clone());
                let is_locked = writing.is_held && !unlocked;
                if unlocked {
                    self.written_past_the_lock(id);
                }
                self.processes[pid].has_written = true;
                self.check_write(pid, target, &contents, is_locked);
                if writing.is_in_place() {
                    let part = contents.get(..contents.len() / 2).unwrap_or_default();
                    self.ledger.was_overwritten = true;
                    self.disk.replace(target, part.into(), false);
                    writing.step = Step::Overwrite;
                } else {
                    self.disk.remove_temporary(id);
                    let is_synced = writing.is_synced && !self.is(Mutation::NoSync);
                    self.disk.replace(target, contents, is_synced);
                    writing.step = Step::Sync;
                }
            }
            Step::Overwrite => {
                let (target, contents) = (self.target(pid, &writing), writing.contents.clone());
                self.disk.replace(target, contents, self.disk.syncing == Syncing::Works);
                self.disk.remove_temporary(id);
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

    /// Uses the room that was taken with the lock, or takes room of its own. Nothing is tried with
    /// the latter, since an answer is in hand. Returns whether there is room.
    fn take_room(&mut self, pid: usize, is_held: bool) -> bool {
        let held = self.processes[pid].held.as_mut();
        if let Some(held) = held.filter(|held| is_held && held.has_room) {
            held.has_room = false;
            return true;
        }
        if self.can_open(pid) {
            self.disk.temporary.push(pid as Pid);
        }
        self.can_open(pid)
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
