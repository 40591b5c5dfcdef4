//! Taking the locks of our host, one system call at a time, in the order of
//! `host/src/store/lock.rs`: the kernel lock, then the agent's directory, then the room for a new
//! file.

use std::fmt;

use pi_auth_core::store::lock::{
    FOREIGN_WATCHED_FOR_MS, PATIENCE_MS, STALE_AFTER_MS, TOUCH_EVERY_MS, WATCHED_FOR_MS,
};
use pi_auth_core::store::migration::LOOKS;

use crate::agent;
use crate::clock::Ms;
use crate::disk::{Mtime, Name, Pid};
use crate::disk_fault::DiskFault;
use crate::mind::Mind;
use crate::mutation::Mutation;
use crate::op::Op;
use crate::process::Held;
use crate::release::{Releasing, Then};
use crate::told::Told;
use crate::world::World;

/// What a lock is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    Lock,
    /// To read under it, and let go.
    Probe,
}

/// Taking the locks.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Locking {
    purpose: Purpose,
    /// When the waiting began.
    since: Ms,
    directory: Option<Mtime>,
    /// True if it was held, and lost: then the kernel's half still is.
    regains: bool,
    /// What was seen of somebody else's directory, and since when.
    watch: Option<(Mtime, Ms)>,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// Is the lock that is held still ours?
    Current,
    /// Room for a new file, at the place where the file is now. Without it the lock is kept all the
    /// same.
    Aim,
    Kernel,
    Directory,
    /// The directory that looked so is renamed away.
    Bury(Mtime),
    /// What was caught, and what was seen.
    Grave(Mtime, Mtime),
    Room,
    /// Looks for the file, for so many more times.
    Read(u8),
}

impl fmt::Display for Locking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.step)
    }
}

impl Locking {
    pub(crate) fn new(purpose: Purpose, since: Ms) -> Self {
        let (directory, regains, watch) = (None, false, None);
        Locking { purpose, since, directory, regains, watch, step: Step::Current }
    }

    pub(crate) fn directory(&self) -> Option<Mtime> {
        self.directory
    }

    /// Returns the failures of a disk that its next step can meet.
    pub(crate) fn disk_faults(&self) -> &'static [DiskFault] {
        match self.step {
            Step::Kernel | Step::Read(_) => DiskFault::OF_AN_OPEN,
            Step::Directory => DiskFault::OF_A_DIRECTORY,
            Step::Aim | Step::Room => DiskFault::OF_A_TRIAL,
            Step::Current | Step::Bury(_) | Step::Grave(..) => &[],
        }
    }

    /// Gives back what was taken so far.
    pub(crate) fn released(self, then: Then) -> Releasing {
        let (target, directory) = (Name::Auth, self.directory);
        let (has_room, is_lost) = (false, false);
        let held = Held { target, seen: None, has_room, directory, touch: None, is_lost };
        Releasing::new(held, then)
    }
}

impl<M: Mind> World<M> {
    /// Returns whether the lock is still held, on the file that is in use.
    pub(crate) fn is_current(&self, held: &Held) -> bool {
        let is_used = held.target == self.disk.name() || self.is(Mutation::IgnoreMove);
        is_used && self.has_directory(held)
    }

    fn has_directory(&self, held: &Held) -> bool {
        let is_ours = held.directory.is_none() || self.disk.directory == held.directory;
        (is_ours && !held.is_lost) || self.is(Mutation::NoLookAtTheLock)
    }

    /// When the next step of taking the lock may be made.
    pub(crate) fn lock_ready(&self, pid: usize, locking: &Locking) -> Ms {
        let deadline = match self.is(Mutation::WaitForEver) {
            true => Ms::MAX,
            false => locking.since + PATIENCE_MS,
        };
        match locking.step {
            Step::Kernel if self.kernel_is_taken() => deadline,
            Step::Directory => match self.foreign_directory() {
                Some(found) => deadline.min(self.dead_at(pid, locking, found)),
                None => 0,
            },
            _ => 0,
        }
    }

    fn kernel_is_taken(&self) -> bool {
        let is_used = !self.is(Mutation::NoLock) && !self.is(Mutation::NoKernelLock);
        is_used && self.disk.kernel.is_some()
    }

    fn foreign_directory(&self) -> Option<Mtime> {
        let is_used = !self.is(Mutation::NoLock) && !self.is(Mutation::NoDirectoryLock);
        self.disk.directory.filter(|_| is_used)
    }

    /// When the directory is to be looked at again: at once if it is not the one that is watched.
    fn dead_at(&self, pid: usize, locking: &Locking, found: Mtime) -> Ms {
        let since = match locking.watch {
            Some((seen, since)) if seen == found => since,
            _ => return 0,
        };
        let patience = self.stale_after();
        let age = self.clock(pid).at(self.now).saturating_sub(found.at);
        let looks_dead = self.now + (patience + 1).saturating_sub(age);
        let is_watched = match self.is(Mutation::TakeOverUnwatched) {
            true => since,
            false => since + self.watched_for(found) + 1,
        };
        looks_dead.max(is_watched).min(since + patience + 1)
    }

    fn stale_after(&self) -> Ms {
        match self.setup.mutation {
            Some(Mutation::TakeOverEarly) => 5_000,
            Some(Mutation::TakeOverLate) => 60_000,
            _ => STALE_AFTER_MS,
        }
    }

    fn watched_for(&self, found: Mtime) -> Ms {
        let is_brief = self.is(Mutation::TakeOverEarly) || self.is(Mutation::WatchBriefly);
        let is_ours = found.by < agent::FIRST || is_brief;
        if is_ours { WATCHED_FOR_MS } else { FOREIGN_WATCHED_FOR_MS }
    }

    /// One step of taking the lock.
    pub(crate) fn step_lock(&mut self, pid: usize, mut locking: Locking, fault: Option<DiskFault>) {
        let id = pid as Pid;
        match locking.step {
            Step::Current => match self.processes[pid].held.take() {
                Some(held) if self.is_current(&held) => {
                    self.processes[pid].held = Some(held);
                    return self.tell(pid, Told::Locked);
                }
                // The file has moved, and the lock is ours: only the room is in the wrong place.
                Some(held) if self.has_directory(&held) => {
                    if held.has_room {
                        self.disk.remove_temporary(id);
                    }
                    let (target, seen, has_room) = (self.disk.name(), None, false);
                    self.processes[pid].held = Some(Held { target, seen, has_room, ..held });
                    locking.step = Step::Aim;
                }
                // The directory is another's. The kernel lock is kept: nobody of ours is to pass
                // meanwhile.
                Some(held) => {
                    if held.has_room {
                        self.disk.remove_temporary(id);
                    }
                    locking.regains = true;
                    locking.step = Step::Directory;
                    if self.is(Mutation::LetKernelLockGo) {
                        self.disk.kernel = None;
                        locking.step = Step::Kernel;
                    }
                }
                None => locking.step = Step::Kernel,
            },
            Step::Aim => {
                let has_room = self.prepare(pid, fault);
                if let Some(held) = &mut self.processes[pid].held {
                    held.has_room = has_room;
                }
                let is_locked = has_room || self.processes[pid].mind.is_critical();
                return self.tell(pid, if is_locked { Told::Locked } else { Told::DiskFailed });
            }
            Step::Kernel if !self.can_open(pid) => {
                return self.give_up_lock(pid, locking, Told::DiskFailed);
            }
            Step::Kernel if self.kernel_is_taken() => {
                return self.give_up_lock(pid, locking, Told::TimedOut { alive: true });
            }
            Step::Kernel => {
                if !self.is(Mutation::NoLock) && !self.is(Mutation::NoKernelLock) {
                    self.disk.kernel = Some(id);
                }
                locking.step = Step::Directory;
            }
            Step::Directory => match self.foreign_directory() {
                None if fault.is_some() => {
                    return self.give_up_lock(pid, locking, Told::DiskFailed);
                }
                None => {
                    if !self.is(Mutation::NoLock) && !self.is(Mutation::NoDirectoryLock) {
                        let touched = Mtime { at: self.clock(pid).at(self.now), by: id };
                        self.disk.directory = Some(touched);
                        locking.directory = Some(touched);
                    }
                    locking.step = Step::Room;
                }
                Some(found) => {
                    let is_over = self.now >= locking.since + PATIENCE_MS;
                    if is_over && !self.is(Mutation::WaitForEver) {
                        return self.give_up_lock(pid, locking, Told::TimedOut { alive: false });
                    }
                    if locking.watch.is_none_or(|(seen, _)| seen != found) {
                        locking.watch = Some((found, self.now));
                    }
                    if self.dead_at(pid, &locking, found) <= self.now {
                        locking.step = Step::Bury(found);
                    }
                }
            },
            Step::Bury(seen) => {
                let caught = self.disk.directory.take();
                locking.step = match caught {
                    Some(caught) if !self.is(Mutation::TakeOverWithoutRename) => {
                        Step::Grave(caught, seen)
                    }
                    _ => Step::Directory,
                };
                match (locking.step, caught) {
                    (Step::Directory, Some(caught)) => self.taken_over(id, caught),
                    (_, Some(caught)) if caught != seen => self.set_aside(caught),
                    _ => {}
                }
            }
            Step::Grave(caught, seen) => {
                if caught == seen {
                    self.taken_over(id, caught);
                } else if self.disk.directory.is_none() || self.is(Mutation::PutBackOverAnother) {
                    if let Some(other) = self.disk.directory.filter(|other| self.holds(*other)) {
                        self.fail(format!("{id} puts a lock back over that of {}", other.by));
                    }
                    self.disk.directory = Some(caught);
                    self.put_back(caught);
                }
                locking.step = Step::Directory;
            }
            Step::Room => {
                self.sweep();
                let has_room = self.prepare(pid, fault);
                let (target, directory) = (self.disk.name(), locking.directory);
                let is_touched = directory.is_some() && !self.is(Mutation::NoTouch);
                let touch = is_touched.then_some(self.now + TOUCH_EVERY_MS);
                let (seen, is_lost) = (None, false);
                let held = Held { target, seen, has_room, directory, touch, is_lost };
                self.waited(pid, locking.since);
                if !has_room && locking.purpose == Purpose::Probe {
                    let releasing = Releasing::new(held, Then::Tell(Told::DiskFailed));
                    return self.go(pid, Op::Release(releasing));
                }
                self.processes[pid].held = Some(held);
                if !has_room && !self.processes[pid].mind.is_critical() {
                    // The lock is kept, until the flow ends or tries again.
                    return self.tell(pid, Told::DiskFailed);
                }
                if locking.purpose == Purpose::Lock {
                    return self.tell(pid, Told::Locked);
                }
                locking.step = Step::Read(LOOKS);
            }
            Step::Read(looks) => {
                let Some(told) = self.find(pid, looks) else {
                    locking.step = Step::Read(looks - 1);
                    return self.look_again(pid, Op::Lock(locking));
                };
                self.let_go(pid, Then::Tell(told));
                // Of a probe the descriptors are kept, for the lock and the save.
                self.processes[pid].holds_spares = !self.is(Mutation::LetSparesOfAProbeGo);
                return;
            }
        }
        self.go(pid, Op::Lock(locking));
    }

    /// Removes what processes have left behind that are gone.
    fn sweep(&mut self) {
        if !self.is(Mutation::NoSweep) {
            let processes = &self.processes;
            let lives =
                |maker: &Pid| processes.get(*maker as usize).is_none_or(|it| it.end.is_none());
            self.disk.temporary.retain(lives);
        }
    }

    fn give_up_lock(&mut self, pid: usize, locking: Locking, told: Told) {
        self.waited(pid, locking.since);
        if locking.regains {
            // The kernel's half is kept: nobody of ours is to pass with an answer in hand here.
            let (target, directory) = (self.disk.name(), None);
            let (seen, has_room, touch, is_lost) = (None, false, None, true);
            self.processes[pid].held =
                Some(Held { target, seen, has_room, directory, touch, is_lost });
            return self.tell(pid, told);
        }
        let releasing = locking.released(Then::Tell(told));
        self.go(pid, Op::Release(releasing));
    }

    /// When the lock of a process is touched next.
    pub(crate) fn touch_ready(&self, pid: usize) -> Option<Ms> {
        let touch = self.processes[pid].held.as_ref()?.touch?;
        Some(touch.max(self.processes[pid].ready))
    }

    /// The thread that touches the lock, unless it is another's by now.
    pub(crate) fn touch(&mut self, pid: usize) {
        let touched = Mtime { at: self.clock(pid).at(self.now), by: pid as Pid };
        let Some(held) = &mut self.processes[pid].held else { return };
        if self.disk.directory == held.directory {
            self.disk.directory = Some(touched);
            held.directory = Some(touched);
            held.touch = Some(self.now + TOUCH_EVERY_MS);
        } else {
            held.touch = None;
        }
    }
}
