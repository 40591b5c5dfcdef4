//! What must hold in every world, whatever happens:
//!
//! - A refresh token is sent once, unless the answer to it was lost, and never twice at the same time.
//! - What others have in the file, and other logins, never change; a corrupt file is not overwritten.
//! - A login disappears by a logout only, and what was logged out does not come back.
//! - An answer that a living process got is in the file when it ends.
//! - Who asks for a token ends with one that is valid, or with an error that something accounts for.
//! - No lock is waited for past its bound, none is taken from a living process, and nobody asks again
//!   before a failure is over.
//! - Whoever comes later finds a login that works; where the answer was lost for good, one clean
//!   `login_required`.

use pi_auth_core::flow::Effect;
use serde_json::{Map, Value};

use crate::agent;
use crate::clock::Ms;
use crate::disk::{Mtime, Name, Pid};
use crate::lock::PATIENCE;
use crate::mind::Mind;
use crate::process::End;
use crate::provider::{Answer, Ask, Refresh, Rotation};
use crate::setup::{Account, Errand, Job};
use crate::world::World;

/// What has happened, as far as it matters for what may happen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Checks {
    sent: Vec<Sent>,
    /// Logins whose last answer nobody has any more.
    lost: Vec<usize>,
    /// Why nothing better can be had: somebody who is not ours, or was stopped, did it.
    pub(crate) excuse: Option<&'static str>,
    /// Whether anything went wrong, or slowly, at all.
    pub(crate) is_disturbed: bool,
    /// Whether the login was ever ended.
    was_logged_out: bool,
    /// Until when nobody is to ask again with a token, and who found that out.
    quiet: Vec<(Refresh, Ms, Pid)>,
    pub(crate) disk_failed: Vec<Pid>,
}

/// A request that asked for tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sent {
    message: u32,
    by: Pid,
    ask: Ask,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// On its way; its sender may have stopped to wait for it.
    Flying { is_awaited: bool },
    /// The provider has granted this; its answer is on its way.
    Granted(Refresh),
    /// The sender has it.
    Delivered(Refresh),
    /// It was in the file.
    Stored(Refresh),
    /// Nothing came of it.
    Over,
}

impl Checks {
    /// Nothing has happened yet.
    pub(crate) fn of(is_disturbed: bool) -> Self {
        Checks { is_disturbed, ..Checks::default() }
    }

    /// Something was done to us that no program can make good.
    pub(crate) fn excuse(&mut self, why: &'static str) {
        self.excuse.get_or_insert(why);
    }

    /// The answer to this is with nobody any more.
    fn lose(&mut self, at: usize, granted: Refresh) {
        let ask = self.sent[at].ask;
        self.sent[at].state = State::Over;
        // The same token as before is none to lose.
        if ask != Ask::Refresh(granted) && ask != Ask::Code {
            self.lost.push(granted.family);
        }
    }

    fn position(&self, message: u32) -> Option<usize> {
        self.sent.iter().position(|sent| sent.message == message)
    }

    /// A request has arrived.
    pub(crate) fn arrived(&mut self, message: u32, granted: Option<Refresh>) {
        let Some(at) = self.position(message) else { return };
        match (self.sent[at].state, granted) {
            (State::Flying { is_awaited: true }, Some(granted)) => {
                self.sent[at].state = State::Granted(granted);
            }
            (State::Flying { is_awaited: false }, Some(granted)) => self.lose(at, granted),
            _ => self.sent[at].state = State::Over,
        }
    }

    /// An answer was taken, or is waited for no longer.
    pub(crate) fn delivered(&mut self, message: u32, answer: Option<&Answer>, now: Ms) {
        let Some(at) = self.position(message) else { return };
        let body = match answer {
            Some(Answer::Http { status: 200, body, .. }) => body,
            _ => "",
        };
        let is_whole = serde_json::from_str::<Value>(body).is_ok();
        match self.sent[at].state {
            State::Granted(granted) if is_whole => self.sent[at].state = State::Delivered(granted),
            State::Granted(granted) => self.lose(at, granted),
            State::Flying { .. } => self.sent[at].state = State::Flying { is_awaited: false },
            State::Delivered(_) | State::Stored(_) | State::Over => {}
        }
        let (by, ask) = (self.sent[at].by, self.sent[at].ask);
        let quiet_ms = match answer {
            Some(Answer::Http { retry_after_s: Some(s), .. }) => s * 1000,
            Some(Answer::Http { .. }) if is_whole => return,
            Some(Answer::NoConnection) => return,
            _ => 10_000,
        };
        // The agent remembers nothing.
        if let (Ask::Refresh(refresh), true) = (ask, by < agent::FIRST) {
            self.quiet.push((refresh, now + quiet_ms, by));
        }
    }

    /// The others know by now what a process was told.
    pub(crate) fn backoff_written(&mut self, by: Pid) {
        for quiet in self.quiet.iter_mut().filter(|quiet| quiet.2 == by) {
            quiet.2 = Pid::MAX;
        }
    }

    /// What a process was told stays with it.
    pub(crate) fn forget_quiet(&mut self, by: Pid) {
        self.quiet.retain(|quiet| quiet.2 != by);
    }

    /// The memory is gone, or a clock that jumped makes all of it doubtful.
    pub(crate) fn forget_all_quiet(&mut self) {
        self.quiet.clear();
    }

    /// The lock could not be had. Who has an answer in hand had it and lost it, and now cannot keep others
    /// from sending what it has sent.
    pub(crate) fn lock_denied(&mut self, by: Pid) {
        let in_hand = |it: &Sent| {
            it.by == by && it.ask != Ask::Code && matches!(it.state, State::Delivered(_))
        };
        if self.sent.iter().any(in_hand) {
            self.excuse("the lock was lost with an answer in hand, and could not be had again");
        }
    }

    /// A process is gone.
    pub(crate) fn crashed(&mut self, by: Pid) {
        self.forget_quiet(by);
        for at in 0..self.sent.len() {
            match self.sent[at].state {
                _ if self.sent[at].by != by => {}
                State::Flying { .. } => self.sent[at].state = State::Flying { is_awaited: false },
                State::Granted(granted) | State::Delivered(granted) => self.lose(at, granted),
                State::Stored(_) | State::Over => {}
            }
        }
    }

    /// These tokens are in the file.
    pub(crate) fn stored(&mut self, granted: Option<Refresh>) {
        for sent in &mut self.sent {
            match sent.state {
                State::Delivered(it) if Some(it) == granted => sent.state = State::Stored(it),
                _ => {}
            }
        }
    }

    /// The power was cut, and this is what is left in the file.
    pub(crate) fn left(&mut self, text: &str) {
        for at in 0..self.sent.len() {
            match self.sent[at].state {
                State::Stored(granted) if !text.contains(&granted.text()) => self.lose(at, granted),
                _ => {}
            }
        }
    }
}

/// The members of a file, if it is whole.
fn members(text: Option<&str>) -> Option<Map<String, Value>> {
    match text {
        None => Some(Map::new()),
        Some(text) => match serde_json::from_str(text) {
            Ok(Value::Object(members)) => Some(members),
            _ => None,
        },
    }
}

fn refresh_of(login: Option<&Value>) -> Option<Refresh> {
    Refresh::parse(login?.get("refresh")?.as_str()?)
}

impl<M: Mind> World<M> {
    /// A request is sent.
    pub(crate) fn check_send(&mut self, message: u32, by: Pid, ask: Ask) {
        if let (Ask::Refresh(refresh), None) = (ask, self.checks.excuse) {
            let is_copilot =
                self.provider.families.get(refresh.family).is_some_and(|it| it.is_copilot);
            let rotates = self.provider.rotation == Rotation::Rotates && !is_copilot;
            let earlier = self.checks.sent.iter().find_map(|sent| match sent.state {
                _ if sent.ask != ask => None,
                State::Flying { is_awaited: true } | State::Granted(_) => {
                    Some("while another is sent")
                }
                State::Delivered(_) if rotates => Some("whose answer somebody has"),
                State::Stored(_) if rotates => Some("that was replaced"),
                _ => None,
            });
            if let Some(earlier) = earlier {
                self.fail(format!("{by} sends a refresh token {earlier}: {}", refresh.text()));
            }
            let is_too_early = |it: &&(Refresh, Ms, Pid)| it.0 == refresh && self.now < it.1;
            if by < agent::FIRST
                && self.has_true_clocks()
                && let Some((_, until, _)) = self.checks.quiet.iter().find(is_too_early)
            {
                self.fail(format!("{by} asks again before {until} ms"));
            }
        }
        let state = State::Flying { is_awaited: true };
        self.checks.sent.push(Sent { message, by, ask, state });
    }

    /// A process is about to replace the file.
    pub(crate) fn check_write(&mut self, pid: usize, target: Name, after: &str, is_locked: bool) {
        let job = self.processes[pid].job;
        if job == Job::Logout {
            self.checks.was_logged_out = true;
        }
        // The agent has moved the file meanwhile: nobody reads this for long, and it counts for nothing.
        if target == Name::OAuth && self.disk.migrated.is_some() {
            return;
        }
        let account = job.account().id();
        let before = self.disk.text(target);
        let Some(before) = members(before.as_deref()) else {
            if self.checks.excuse.is_none() {
                self.fail(format!("{pid} overwrites a file that is corrupt"));
            }
            return;
        };
        let Some(after) = members(Some(after)) else {
            return self.fail(format!("{pid} writes what is no credential file"));
        };
        let granted = refresh_of(after.get(account));
        if self.checks.excuse.is_none() {
            if is_locked
                && let Some(lock) = self.disk.directory
                && lock.by != pid as Pid
                && self.holds(lock)
            {
                self.fail(format!("{pid} writes while {} has the lock", lock.by));
            }
            self.check_members(pid, job, &before, &after);
        }
        self.checks.stored(granted);
    }

    fn check_members(
        &mut self,
        pid: usize,
        job: Job,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) {
        let account = job.account().id();
        let others = |members: &Map<String, Value>| {
            let mut members = members.clone();
            members.remove(account);
            members
        };
        if others(before) != others(after) {
            self.fail(format!("{pid} changes what is not its own"));
        }
        let (old, new) = (before.get(account), after.get(account));
        let is_sent = |refresh| {
            let mine = |sent: &&Sent| sent.by == pid as Pid;
            self.checks.sent.iter().rfind(mine).is_some_and(|it| it.ask == Ask::Refresh(refresh))
        };
        let wrong = match job {
            Job::Token(_) | Job::LongToken => match (refresh_of(old), refresh_of(new)) {
                (None, Some(_)) => Some("brings back a login that was ended"),
                (Some(_), None) => Some("takes a login out"),
                (Some(old), Some(_)) if !is_sent(old) => {
                    Some("overwrites a login of somebody else")
                }
                _ if old.and_then(|it| it.get("note")) != new.and_then(|it| it.get("note")) => {
                    Some("loses a field of the login")
                }
                _ => None,
            },
            Job::Logout => new.map(|_| "logs out, and leaves the login there"),
            Job::Login | Job::Store => match refresh_of(new) {
                None => Some("logs in, and stores no login"),
                Some(_) => None,
            },
        };
        if let Some(wrong) = wrong {
            self.fail(format!("{pid} {wrong}"));
        }
    }

    /// A lock was removed as dead. Of one that is alive, that is what must not be, unless its holder stood
    /// still, or the clock that tells how old it is was wrong.
    pub(crate) fn taken_over(&mut self, by: Pid, caught: Mtime) {
        if !self.holds(caught) {
            return;
        }
        self.note(|| format!("{by} takes the lock of {} over", caught.by));
        self.checks.is_disturbed = true;
        let robber = self.agents.iter().find(|agent| agent.pid == by);
        // It looks and removes in two steps: what it removes may be another lock than it saw.
        let has_seen_it = robber.is_some_and(|agent| agent.seen == Some(caught));
        let victim = self.agents.iter().find(|agent| agent.pid == caught.by);
        let has_stalled = match victim {
            Some(agent) => agent.was_stalled,
            None => self.processes[caught.by as usize].was_stalled,
        };
        let why = match (robber, victim) {
            (None, None) => None,
            // It is watched, so clocks do not matter.
            (None, Some(_)) => has_stalled.then_some("an agent stood still with the lock"),
            // The one that writes at once takes a lock for dead that the one that refreshes touches in time.
            (Some(_), Some(_)) => Some("the agents took each other's lock"),
            (Some(_), None) if has_seen_it && !has_stalled && self.has_true_clocks() => None,
            // Whoever of the agent's kind refreshes next sends what is sent already.
            _ if self.agents.iter().any(|agent| agent.errand == Errand::Refresh) => {
                Some("the agent took a lock that was alive, and refreshes")
            }
            (Some(_), None) if self.processes[caught.by as usize].is_about_to_write() => {
                Some("the agent took a lock in the moment between our look and what follows it")
            }
            // We must notice, and wait for it.
            (Some(_), None) => return,
        };
        match why {
            Some(why) => self.checks.excuse(why),
            None => self.fail(format!("{by} takes the lock of {}, which is alive", caught.by)),
        }
    }

    /// The last resort: what exists nowhere else is written though the lock could not be had.
    pub(crate) fn written_past_the_lock(&mut self, by: Pid) {
        let is_alive = |pid: Pid| {
            pid != by && self.processes.get(pid as usize).is_some_and(|it| it.end.is_none())
        };
        let holds_kernel = self.disk.kernel.is_some_and(is_alive);
        let holds_directory = self.disk.directory.is_some_and(|it| it.by != by && self.holds(it));
        if holds_kernel || holds_directory {
            self.checks.excuse("written past a lock whose holder stood still");
        }
    }

    /// A lock was put back that was not the dead one. Whoever let it go in just that moment has left it there
    /// now, and others wait for it to die.
    pub(crate) fn put_back(&mut self, caught: Mtime) {
        self.checks.is_disturbed |= !self.holds(caught);
    }

    /// A lock was let go.
    pub(crate) fn removed(&mut self, by: Pid, removed: Mtime) {
        if removed.by != by && self.holds(removed) && self.checks.excuse.is_none() {
            self.fail(format!("{by} removes the lock of {}", removed.by));
        }
    }

    /// A lock was waited for since then.
    pub(crate) fn waited(&mut self, pid: usize, since: Ms) {
        let waited = self.now - since;
        if waited > PATIENCE + 2 * self.setup.slack && !self.processes[pid].was_stalled {
            self.fail(format!("{pid} has waited {waited} ms for a lock"));
        }
    }

    /// A process has ended.
    pub(crate) fn check_end(&mut self, pid: usize) {
        let id = pid as Pid;
        self.checks.backoff_written(id);
        let delivered = self.checks.sent.iter().position(|sent| {
            sent.by == id && matches!(sent.state, State::Delivered(_) | State::Granted(_))
        });
        if let Some(at) = delivered
            && let State::Delivered(granted) | State::Granted(granted) = self.checks.sent[at].state
        {
            self.check_unsaved(pid, at, granted);
        }
        if let Some(problem) = self.wrong_end(pid) {
            self.fail(format!("{pid} {problem}"));
        }
    }

    /// A process ends with an answer that is not in the file.
    fn check_unsaved(&mut self, pid: usize, at: usize, granted: Refresh) {
        let job = self.processes[pid].job;
        let file = members(self.disk.text(self.disk.name()).as_deref()).unwrap_or_default();
        let stored = refresh_of(file.get(job.account().id()));
        let ask = self.checks.sent[at].ask;
        // Somebody has logged out, or in anew: then it is of no use to anybody.
        let is_superseded = job.wants_token() && stored.map(Ask::Refresh) != Some(ask);
        let is_new = ask != Ask::Refresh(granted);
        // It is tried three times more.
        let failures = self.checks.disk_failed.iter().filter(|it| **it == pid as Pid).count();
        let has_failed = failures > 3;
        if is_new && !is_superseded && !has_failed && self.checks.excuse.is_none() {
            self.fail(format!("{pid} ends with an answer that is nowhere"));
        }
        self.checks.lose(at, granted);
    }

    /// Whether a login may have been lost, or ended, by now.
    fn may_need_login(&self) -> bool {
        let checks = &self.checks;
        checks.was_logged_out || !checks.lost.is_empty() || checks.excuse.is_some()
    }

    fn wrong_end(&self, pid: usize) -> Option<String> {
        let process = &self.processes[pid];
        let is_accounted_for = match self.end_of(pid)? {
            End::Crashed => true,
            End::Done(None) => !process.job.wants_token(),
            End::Done(Some(token)) => {
                // Its time began when the provider answered, and is known from when the answer came.
                let on_its_way = self.setup.latency + self.setup.slack;
                self.provider.is_valid(token, self.now.saturating_sub(on_its_way))
                    || process.was_stalled
                    || !self.has_true_clocks()
                    || !self.checks.lost.is_empty()
                    || self.checks.excuse.is_some()
            }
            End::Failed("cancelled", _) => process.was_signalled,
            End::Failed("login_required", _) => self.may_need_login(),
            End::Failed("retry_later" | "network" | "provider_error" | "store_unavailable", _) => {
                self.checks.is_disturbed
            }
            // Half of what the agent is writing was seen, and the lock that tells could not be had.
            End::Failed("store_corrupt", _) => self.checks.is_disturbed && !self.agents.is_empty(),
            End::Failed(..) => false,
        };
        let end = self.end_of(pid);
        (!is_accounted_for).then(|| format!("ends for no reason: {end:?}"))
    }

    /// The end of a process that came when all was over.
    pub(crate) fn check_later(&mut self, pid: usize) {
        let account = self.processes[pid].job.account();
        let text = self.disk.text(self.disk.name());
        let Some(file) = members(text.as_deref()) else {
            if self.checks.excuse.is_none() {
                self.fail("the file is not whole".into());
            }
            return;
        };
        let stored = refresh_of(file.get(account.id()));
        let is_lost = stored.is_some_and(|it| self.checks.lost.contains(&it.family));
        let is_excused = is_lost || self.checks.excuse.is_some() || !self.has_true_clocks();
        let is_allowed = match (self.end_of(pid), stored) {
            (Some(End::Done(Some(token))), _) if self.provider.is_valid(token, self.now) => true,
            (Some(End::Done(_)), Some(_)) => is_excused,
            (Some(End::Failed("login_required", _)), Some(_)) => is_excused,
            (Some(End::Failed("login_required", _)), None) => {
                account == Account::Anthropic && self.checks.was_logged_out
            }
            _ => false,
        };
        if !is_allowed {
            let end = self.end_of(pid);
            self.fail(format!("whoever comes later to {account:?} finds {end:?}"));
        }
    }

    /// Nobody can do anything, and not all have ended.
    pub(crate) fn check_stuck(&mut self) {
        let waits = |pid: &usize| self.processes[*pid].end.is_none();
        let waiting: Vec<usize> = (0..self.processes.len()).filter(waits).collect();
        let effects: Vec<Effect> =
            waiting.iter().map(|pid| self.processes[*pid].mind.effect()).collect();
        self.fail(format!("{waiting:?} wait for ever, for {effects:?}"));
    }
}
