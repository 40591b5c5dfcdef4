//! What must hold in every world, whatever happens:
//!
//! - No token is spent where the disk is known to refuse what its answer needs.
//! - A refresh token is sent once, unless the answer to it was lost, and never twice at the same
//!   time.
//! - What others have in the file, and other logins, never change; a corrupt file is not
//!   overwritten.
//! - A login disappears by a logout only, and what was logged out does not come back.
//! - An answer that a living process got is in the file when it ends.
//! - Who asks for a token ends with one that is valid, or with an error that something accounts
//!   for.
//! - No lock is waited for past its bound, none is taken from a living process, and nobody asks
//!   again before a failure is over.
//! - Whoever comes later finds a login that works; where the answer was lost for good, one clean
//!   `login_required`.

use pi_auth_core::flow::Effect;
use pi_auth_core::store::lock::PATIENCE_MS;
use serde_json::{Map, Value};

use crate::agent;
use crate::clock::Ms;
use crate::disk::{Mtime, Name, Pid};
use crate::disk_fault::CUT_UNSYNCED;
use crate::ledger::{Sent, State};
use crate::mind::Mind;
use crate::process::End;
use crate::provider::{Ask, Refresh, Rotation};
use crate::setup::{Account, Errand, Job};
use crate::world::World;

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

/// Compares two files to the byte, but for what is in the braces of this entry. No text in the
/// entry holds a brace.
fn differ_in_entry_only(before: &str, after: &str, account: &str) -> bool {
    let parts = |text: &'_ str| {
        let key = text.find(&format!("\"{account}\""))?;
        let open = key + text[key..].find('{')?;
        let mut depth = 0;
        let length = text[open..].find(|it| {
            depth += i32::from(it == '{') - i32::from(it == '}');
            depth == 0
        })?;
        Some((text[..open].to_owned(), text[open + length..].to_owned()))
    };
    parts(before) == parts(after)
}

fn refresh_of(login: Option<&Value>) -> Option<Refresh> {
    Refresh::parse(login?.get("refresh")?.as_str()?)
}

impl<M: Mind> World<M> {
    /// A request is sent.
    pub(crate) fn check_send(&mut self, message: u32, by: Pid, ask: Ask) {
        if by < agent::FIRST && ask != Ask::Code {
            self.check_trial(by as usize);
        }
        if let (Ask::Refresh(refresh), None) = (ask, self.ledger.excuse) {
            let is_copilot =
                self.provider.families.get(refresh.family).is_some_and(|it| it.is_copilot);
            let rotates = self.provider.rotation == Rotation::Rotates && !is_copilot;
            let earlier = self.ledger.sent.iter().find_map(|sent| match sent.state {
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
                && let Some((_, until, _)) = self.ledger.quiet.iter().find(is_too_early)
            {
                self.fail(format!("{by} asks again before {until} ms"));
            }
        }
        let state = State::Flying { is_awaited: true };
        self.ledger.sent.push(Sent { message, by, ask, state });
    }

    /// A process is about to replace the file.
    pub(crate) fn check_write(&mut self, pid: usize, target: Name, after: &str, is_locked: bool) {
        let job = self.processes[pid].job;
        if job == Job::Logout {
            self.ledger.was_logged_out = true;
        }
        // The agent has moved the file meanwhile: nobody reads this for long, and it counts for
        // nothing.
        if target == Name::OAuth && self.disk.migrated.is_some() {
            return;
        }
        let account = job.account().id();
        let before = self.disk.text(target);
        let Some(old) = members(before.as_deref()) else {
            if self.ledger.excuse.is_none() {
                self.fail(format!("{pid} overwrites a file that is corrupt"));
            }
            return;
        };
        let Some(new) = members(Some(after)) else {
            return self.fail(format!("{pid} writes what is no credential file"));
        };
        let granted = refresh_of(new.get(account));
        if self.ledger.excuse.is_none() {
            if is_locked
                && let Some(lock) = self.disk.directory
                && lock.by != pid as Pid
                && self.holds(lock)
            {
                self.fail(format!("{pid} writes while {} has the lock", lock.by));
            }
            self.check_members(pid, job, &old, &new);
            let before = before.unwrap_or_default();
            if job.wants_token() && !differ_in_entry_only(&before, after, account) {
                self.fail(format!("{pid} changes bytes that are not its own"));
            }
        }
        match job {
            Job::Logout => self.ledger.is_logged_out = true,
            Job::Login | Job::Store => self.ledger.is_logged_out = false,
            Job::Token(_) | Job::LongToken => {}
        }
        self.ledger.stored(granted);
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
            self.ledger.sent.iter().rfind(mine).is_some_and(|it| it.ask == Ask::Refresh(refresh))
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

    /// A lock was removed as dead. Of one that is alive, that is what must not be, unless its
    /// holder stood still, or the clock that tells how old it is was wrong.
    pub(crate) fn taken_over(&mut self, by: Pid, caught: Mtime) {
        if !self.holds(caught) {
            return;
        }
        self.note(|| format!("{by} takes the lock of {} over", caught.by));
        self.ledger.is_disturbed = true;
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
            // The one that writes at once takes a lock for dead that the one that refreshes touches
            // in time.
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
            Some(why) => self.ledger.excuse(why),
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
            self.ledger.excuse("written past a lock whose holder stood still");
        }
    }

    /// In the moment between a look at a dead lock and its removal, another was made, and is set
    /// aside until that is seen: whoever comes just then finds none.
    pub(crate) fn set_aside(&mut self, caught: Mtime) {
        if self.holds(caught) {
            self.ledger.excuse("a lock that was alive was set aside for a moment");
        }
    }

    /// A lock was put back that was not the dead one. Whoever let it go in just that moment has
    /// left it there now, and others wait for it to die.
    pub(crate) fn put_back(&mut self, caught: Mtime) {
        self.ledger.is_disturbed |= !self.holds(caught);
    }

    /// A lock was let go.
    pub(crate) fn removed(&mut self, by: Pid, removed: Mtime) {
        if removed.by != by && self.holds(removed) && self.ledger.excuse.is_none() {
            self.fail(format!("{by} removes the lock of {}", removed.by));
        }
    }

    /// A lock was waited for since then.
    pub(crate) fn waited(&mut self, pid: usize, since: Ms) {
        let waited = self.now - since;
        if waited > PATIENCE_MS + 2 * self.setup.slack && !self.processes[pid].was_stalled {
            self.fail(format!("{pid} has waited {waited} ms for a lock"));
        }
    }

    /// A process has ended.
    pub(crate) fn check_end(&mut self, pid: usize) {
        let id = pid as Pid;
        self.ledger.backoff_written(id);
        let delivered = self.ledger.sent.iter().position(|sent| {
            sent.by == id && matches!(sent.state, State::Delivered(_) | State::Granted(_))
        });
        if let Some(at) = delivered
            && let State::Delivered(granted) | State::Granted(granted) = self.ledger.sent[at].state
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
        let ask = self.ledger.sent[at].ask;
        // Somebody has logged out, or in anew: then it is of no use to anybody.
        let is_superseded = job.wants_token() && stored.map(Ask::Refresh) != Some(ask);
        let is_new = ask != Ask::Refresh(granted);
        // It is tried three times more.
        let failures = self.ledger.disk_failed.iter().filter(|it| **it == pid as Pid).count();
        let has_failed = failures > 3;
        if is_new && !is_superseded && !has_failed && self.ledger.excuse.is_none() {
            self.fail(format!("{pid} ends with an answer that is nowhere"));
        }
        self.ledger.lose(at, granted);
    }

    /// Returns whether this login may have been lost, or ended, by now. A GitHub token stays as it
    /// is, and nobody logs out of it here.
    fn may_need_login(&self, account: Account) -> bool {
        let checks = &self.ledger;
        let may = checks.was_logged_out || !checks.lost.is_empty() || checks.excuse.is_some();
        // Where nothing was synced, a power cut leaves a blank file.
        (may && account == Account::Anthropic) || checks.excuse == Some(CUT_UNSYNCED)
    }

    /// Returns whether a lock may have been waited for in vain.
    fn is_disturbed(&self) -> bool {
        let dead = self.ledger.crashes + u32::from(self.setup.dead_lock);
        self.ledger.is_disturbed || dead > 1
    }

    fn wrong_end(&self, pid: usize) -> Option<String> {
        let process = &self.processes[pid];
        let is_accounted_for = match self.end_of(pid)? {
            End::Crashed => true,
            End::Done(None) => match process.job {
                Job::Login | Job::Store => process.has_written,
                Job::Logout => process.has_written || process.found_none,
                Job::Token(_) | Job::LongToken => false,
            },
            End::Done(Some(token)) => {
                // Its time began when the provider answered, and is known from when the answer
                // came.
                let on_its_way = self.setup.latency + self.setup.slack;
                self.provider.is_valid(token, self.now.saturating_sub(on_its_way))
                    || process.was_stalled
                    || !self.has_true_clocks()
                    || !self.ledger.lost.is_empty()
                    || self.ledger.excuse.is_some()
            }
            End::Failed("cancelled", _) => process.was_signalled,
            End::Failed("login_required", _) => self.may_need_login(process.job.account()),
            End::Failed("retry_later" | "network" | "provider_error" | "store_unavailable", _) => {
                self.is_disturbed()
            }
            // Half of a write in place was seen, the agent's or ours, and the lock that excludes
            // the writer could not be had, or was lost by another holder.
            End::Failed("store_corrupt", _) => {
                let may_be_half = !self.agents.is_empty() || self.ledger.was_overwritten;
                let is_troubled = self.ledger.is_disturbed || self.ledger.crashes > 0;
                (may_be_half && is_troubled) || self.ledger.excuse.is_some()
            }
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
            if self.ledger.excuse.is_none() {
                self.fail("the file is not whole".into());
            }
            return;
        };
        let stored = refresh_of(file.get(account.id()));
        let is_lost = stored.is_some_and(|it| self.ledger.lost.contains(&it.family));
        let is_excused = is_lost || self.ledger.excuse.is_some() || !self.has_true_clocks();
        let is_allowed = match (self.end_of(pid), stored) {
            (Some(End::Done(Some(token))), _) if self.provider.is_valid(token, self.now) => true,
            (Some(End::Done(_)), Some(_)) => is_excused,
            (Some(End::Failed("login_required", _)), Some(_)) => is_excused,
            (Some(End::Failed("login_required", _)), None) => {
                account == Account::Anthropic && self.ledger.was_logged_out
            }
            _ => false,
        };
        let is_back =
            account == Account::Anthropic && self.ledger.is_logged_out && stored.is_some();
        if is_back && self.ledger.excuse.is_none() {
            self.fail("a login is back that was ended".into());
        }
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
