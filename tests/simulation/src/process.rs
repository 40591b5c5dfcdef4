//! A process of ours: a real flow, and a host that performs its effects one system call at a time,
//! in the order of `host/src/store.rs` and `host/src/driver.rs`.

use std::rc::Rc;

use pi_auth_core::flow::{Effect, Output};
use pi_auth_core::store::migration::{self, LOOK_EVERY_MS, LOOKS};

use crate::clock::Ms;
use crate::disk::{Mtime, Name, Pid};
use crate::disk_fault::DiskFault;
use crate::lock::{Locking, Purpose};
use crate::mind::Mind;
use crate::mutation::Mutation;
use crate::op::Op;
use crate::provider::{Answer, Ask};
use crate::release::Then;
use crate::setup::Job;
use crate::told::Told;
use crate::world::World;
use crate::write::Writing;

/// How long a host waits for an answer, in milliseconds.
pub(crate) const DEADLINE: Ms = 30_000;

/// A process.
#[derive(Clone, Hash)]
pub(crate) struct Process<M> {
    pub(crate) job: Job,
    pub(crate) mind: M,
    pub(crate) op: Op,
    pub(crate) held: Option<Held>,
    /// When its next step may be made.
    pub(crate) ready: Ms,
    /// True if a signal has come that it has not obeyed yet.
    pub(crate) is_signalled: bool,
    /// True if a signal ever came.
    pub(crate) was_signalled: bool,
    /// True if it ever stood still.
    pub(crate) was_stalled: bool,
    pub(crate) end: Option<End>,
    /// What it read first, and last under the lock: for hosts that are broken on purpose.
    pub(crate) first_read: Option<Told>,
    pub(crate) last_read: Option<Told>,
    /// True if it has sent a request.
    pub(crate) has_sent: bool,
    /// True if it has written the file.
    pub(crate) has_written: bool,
    /// True if there was no login of Anthropic's when it last read the file.
    pub(crate) found_none: bool,
    /// Set once no descriptor is left to it.
    pub(crate) is_out_of_descriptors: bool,
    /// Set while it holds spare descriptors, which it gives back when the save needs them.
    pub(crate) holds_spares: bool,
    /// The disk's breakdowns when it was last tried.
    pub(crate) breakdowns_seen: u32,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// Killed.
    Crashed,
    /// With this token, if it was to get one.
    Done(Option<String>),
    /// With this code and message.
    Failed(&'static str, String),
}

/// The lock, with the room for a new file.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Held {
    pub(crate) target: Name,
    /// What the file was when it was last read under this lock.
    pub(crate) seen: Option<Option<u32>>,
    pub(crate) has_room: bool,
    pub(crate) directory: Option<Mtime>,
    /// When it is touched next; `None` once it was found to be another's.
    pub(crate) touch: Option<Ms>,
    /// True if the directory was lost and could not be had again.
    pub(crate) is_lost: bool,
}

impl<M: Mind> Process<M> {
    pub(crate) fn new(job: Job, mind: M, ready: Ms) -> Self {
        Process {
            job,
            mind,
            op: Op::Start,
            held: None,
            ready,
            is_signalled: false,
            was_signalled: false,
            was_stalled: false,
            end: None,
            first_read: None,
            last_read: None,
            has_sent: false,
            has_written: false,
            found_none: false,
            is_out_of_descriptors: false,
            holds_spares: false,
            breakdowns_seen: 0,
        }
    }
}

impl<M> Process<M> {
    /// Returns whether it has looked at the lock, and acts on that next.
    pub(crate) fn is_about_to_write(&self) -> bool {
        match &self.op {
            Op::Write(writing) => writing.has_looked(),
            Op::Release(releasing) => releasing.has_looked(),
            _ => false,
        }
    }

    /// Returns whether it has compared the file for the last time, and replaces it next.
    pub(crate) fn is_about_to_replace(&self) -> bool {
        matches!(&self.op, Op::Write(writing) if writing.has_compared())
    }

    /// Returns whether it is in the middle of a write in place.
    pub(crate) fn is_overwriting(&self) -> bool {
        matches!(&self.op, Op::Write(writing) if writing.is_overwriting())
    }

    /// The lock directory that it has, or is about to let go.
    pub(crate) fn directory(&self) -> Option<Mtime> {
        match (&self.held, &self.op) {
            (Some(held), _) => held.directory,
            (None, Op::Release(releasing)) => releasing.directory(),
            (None, Op::Lock(locking)) => locking.directory(),
            (None, _) => None,
        }
    }
}

impl<M: Mind> World<M> {
    /// When the next step of a process may be made, if ever.
    pub(crate) fn process_ready(&self, pid: usize) -> Option<Ms> {
        let process = &self.processes[pid];
        if process.is_signalled && self.can_stop(pid) {
            return Some(process.ready);
        }
        let at = match &process.op {
            Op::Over => return None,
            Op::Wait(until, _) => *until,
            Op::Await(id, deadline) => match self.message(*id).and_then(|it| it.answer.as_ref()) {
                Some((_, at)) => *at.min(deadline),
                None => *deadline,
            },
            Op::Lock(locking) => self.lock_ready(pid, locking),
            _ => 0,
        };
        Some(at.max(process.ready))
    }

    /// Returns whether the host obeys a signal now.
    fn can_stop(&self, pid: usize) -> bool {
        let process = &self.processes[pid];
        let is_done = matches!(process.op, Op::Over | Op::Release(_));
        !is_done
            && !process.is_overwriting()
            && (!process.mind.is_critical() || self.is(Mutation::StopAtOnce))
    }

    /// One step of a process, which may meet a failure of the disk.
    pub(crate) fn step_process(&mut self, pid: usize, fault: Option<DiskFault>) {
        let id = pid as Pid;
        if self.processes[pid].is_signalled && self.can_stop(pid) {
            return self.stop(pid);
        }
        match std::mem::replace(&mut self.processes[pid].op, Op::Over) {
            Op::Over => {}
            Op::Start => self.perform(pid),
            Op::Wait(_, told) => self.tell(pid, told),
            Op::Read(_) if !self.can_open(pid) => self.tell(pid, Told::DiskFailed),
            Op::Read(looks) => match self.find(pid, looks) {
                Some(told) => self.tell(pid, told),
                None if self.processes[pid].held.is_some() => {
                    self.look_again(pid, Op::Identify(looks - 1));
                }
                None => self.look_again(pid, Op::Read(looks - 1)),
            },
            Op::Identify(looks) => {
                if let Some(held) = &mut self.processes[pid].held {
                    held.seen = Some(self.disk.version(held.target));
                }
                self.go(pid, Op::Read(looks));
            }
            Op::Lock(locking) => self.step_lock(pid, locking, fault),
            Op::Release(releasing) => self.step_release(pid, releasing),
            Op::Write(writing) => self.step_write(pid, writing, fault),
            Op::ReadBackoff => {
                let text = self.disk.backoff.clone();
                let is_read =
                    !self.is(Mutation::NoBackoff) && !self.processes[pid].is_out_of_descriptors;
                let text = text.filter(|_| is_read);
                self.tell(pid, Told::Backoff(text));
            }
            Op::RemoveBackoff(text) => {
                self.disk.backoff = None;
                self.go(pid, Op::WriteBackoff(text));
            }
            Op::WriteBackoff(text) => {
                let fails = fault.is_some() || !self.can_open(pid);
                self.disk.backoff = (!fails).then_some(text);
                if fails {
                    // What others had found out was in the file that is gone.
                    self.ledger.forget_all_quiet();
                }
                self.ledger.backoff_written(id);
                self.tell(pid, Told::BackoffWritten);
            }
            Op::Send(_) if self.processes[pid].is_out_of_descriptors => {
                self.tell(pid, Told::Answer(Answer::NoConnection));
            }
            Op::Send(ask) => {
                self.processes[pid].has_sent = true;
                let message = self.send(id, ask);
                self.go(pid, Op::Await(message, self.now + DEADLINE));
            }
            Op::Await(message, _) => {
                let answer = self.receive(message);
                self.tell(pid, answer.map_or(Told::NoAnswer, Told::Answer));
            }
        }
    }

    /// `Store::read`: `auth.json`, else `oauth.json`, else a little later,
    /// where the agent has just taken the one away to make the other.
    pub(crate) fn find(&self, pid: usize, looks: u8) -> Option<Told> {
        let name = self.disk.name();
        let text = self.disk.text(name);
        let is_nothing = text.as_ref().is_none_or(|text| text.is_empty());
        match is_nothing && looks > 0 && self.has_just_moved(pid) {
            true => None,
            false => Some(Told::Read(name, text)),
        }
    }

    /// Returns whether the agent has just renamed `oauth.json` away, and may not have written
    /// `auth.json` yet.
    pub(crate) fn has_just_moved(&self, pid: usize) -> bool {
        let now = self.clock(pid).at(self.now);
        let is_under_way = self.disk.migrated.is_some_and(|at| migration::is_under_way(at, now));
        is_under_way && !self.is(Mutation::IgnoreMove)
    }

    /// Looks again a little later.
    pub(crate) fn look_again(&mut self, pid: usize, op: Op) {
        self.processes[pid].ready = self.now + LOOK_EVERY_MS;
        self.go(pid, op);
    }

    /// Tells a flow what came of its effect, and begins the next.
    pub(crate) fn tell(&mut self, pid: usize, told: Told) {
        let told = self.misheard(pid, told);
        if let Told::Read(_, text) = &told {
            let has_login = |text: &Rc<str>| text.contains(r#""anthropic""#);
            self.processes[pid].found_none = !text.as_ref().is_some_and(has_login);
        }
        self.note(|| format!("process {pid} is told {told}"));
        let now_ms = self.clock(pid).at(self.now);
        self.processes[pid].mind.step(told.into(), now_ms);
        self.perform(pid);
    }

    /// Begins with the effect that a flow asks for.
    pub(crate) fn perform(&mut self, pid: usize) {
        let effect = self.processes[pid].mind.effect();
        let op = match effect {
            Effect::ReadOverrides => return self.tell(pid, Told::NoOverrides),
            Effect::ReadStore if self.processes[pid].held.is_some() => Op::Identify(LOOKS),
            Effect::ReadStore => Op::Read(LOOKS),
            Effect::ProbeStore => {
                if let (true, Some(first)) =
                    (self.is(Mutation::BelieveHalfFile), self.processes[pid].first_read.clone())
                {
                    return self.tell(pid, first);
                }
                Op::Lock(Locking::new(Purpose::Probe, self.now))
            }
            Effect::LockStore => Op::Lock(Locking::new(Purpose::Lock, self.now)),
            Effect::UnlockStore => return self.let_go(pid, Then::Tell(Told::Unlocked)),
            Effect::WriteStore { contents, unlocked } => {
                let contents = self.miswritten(pid, contents.expose());
                let job = self.processes[pid].job;
                if self.is(Mutation::WriteNothing) && !job.wants_token() {
                    return self.tell(pid, Told::Written);
                }
                Op::Write(Writing::new(contents, unlocked))
            }
            Effect::ReadBackoff => Op::ReadBackoff,
            Effect::WriteBackoff { contents } => Op::RemoveBackoff(contents.expose().into()),
            Effect::Http { request, .. } => match Ask::of(&request) {
                Some(ask) => Op::Send(ask),
                None => return self.fail(format!("process {pid} sends no request known here")),
            },
            Effect::Authorize(page) => {
                let text = format!("code#{}", page.state.expose());
                Op::Wait(self.now + self.setup.person, Told::Pasted(text.into()))
            }
            Effect::WaitUntil { at_ms, .. } => {
                let left = at_ms.saturating_sub(self.clock(pid).at(self.now));
                Op::Wait(self.now + left, Told::Woke)
            }
            Effect::Done { output } => {
                let token = match output {
                    Output::Token { key, .. } => Some(key.value.expose().to_owned()),
                    _ => None,
                };
                return self.leave(pid, End::Done(token));
            }
            Effect::Failed { error } => {
                let end = End::Failed(error.code().as_str(), error.to_string());
                if self.is(Mutation::DeleteOnFailure) && error.code().as_str() == "login_required" {
                    self.delete_login(pid);
                }
                return self.leave(pid, end);
            }
            _ => return self.fail(format!("process {pid} asks for what nobody does here")),
        };
        self.go(pid, op);
    }

    /// Goes on with this.
    pub(crate) fn go(&mut self, pid: usize, op: Op) {
        self.processes[pid].op = op;
    }

    /// The flow has ended: lets go of the lock first.
    pub(crate) fn leave(&mut self, pid: usize, end: End) {
        self.let_go(pid, Then::End(end));
    }

    /// It is over.
    pub(crate) fn end(&mut self, pid: usize, end: End) {
        self.note(|| format!("process {pid} ends: {end:?}"));
        let process = &mut self.processes[pid];
        process.op = Op::Over;
        process.end = Some(end);
        self.check_end(pid);
    }

    /// A signal is obeyed: what was being done is given up, and the flow is told.
    fn stop(&mut self, pid: usize) {
        self.processes[pid].is_signalled = false;
        match self.processes[pid].op {
            Op::WriteBackoff(_) => self.ledger.forget_all_quiet(),
            _ => self.ledger.forget_quiet(pid as Pid),
        }
        if self.is(Mutation::StopAtOnce) {
            return self.end(pid, End::Failed("cancelled", String::new()));
        }
        match std::mem::replace(&mut self.processes[pid].op, Op::Over) {
            Op::Lock(locking) => {
                let releasing = locking.released(Then::Tell(Told::Cancelled));
                self.go(pid, Op::Release(releasing));
            }
            _ => self.tell(pid, Told::Cancelled),
        }
    }

    /// Killed: the kernel lets go of what is the kernel's, and all else stays as it is.
    pub(crate) fn crash(&mut self, pid: usize) {
        self.disk.kernel.take_if(|holder| *holder == pid as Pid);
        if matches!(self.processes[pid].op, Op::WriteBackoff(_)) {
            self.ledger.forget_all_quiet();
        }
        let process = &mut self.processes[pid];
        process.op = Op::Over;
        process.held = None;
        process.end = Some(End::Crashed);
        self.ledger.crashed(pid as Pid);
    }
}
