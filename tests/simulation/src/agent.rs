//! The existing agent: proper-lockfile's rules, and a file that is written in place.
//!
//! It takes a directory that was not touched for `stale` away from whoever it belongs to, and does
//! so in two steps; it touches its own every half of that, and gives up its work when it finds it
//! gone.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::clock::Ms;
use crate::disk::{Mtime, Name, Pid};
use crate::mind::Mind;
use crate::process::DEADLINE;
use crate::provider::{Answer, Ask, Refresh};
use crate::setup::{Errand, Visit};
use crate::world::World;

/// The first of the agents' numbers.
pub(crate) const FIRST: Pid = 1000;
/// How often it tries to get the lock; the pause is 100 ms at first and twice as long each time, up
/// to 10 s.
const ATTEMPTS: u32 = 10;

/// A process of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Agent {
    pub(crate) pid: Pid,
    pub(crate) errand: Errand,
    pub(crate) ready: Ms,
    /// True if it ever stood still.
    pub(crate) was_stalled: bool,
    /// After how long a lock is dead to it.
    stale: Ms,
    pub(crate) directory: Option<Mtime>,
    touch: Ms,
    /// The lock that looked dead to it.
    pub(crate) seen: Option<Mtime>,
    /// True if its lock was taken away.
    is_compromised: bool,
    step: Step,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Begin,
    /// `mkdir`, for the nth time.
    Make(u32),
    /// `stat`, of what is in the way.
    Stat(u32),
    /// `rmdir`, of what looked dead.
    Remove(u32),
    Read,
    Send(Refresh, Rc<str>),
    Await(u32, Ms, Rc<str>),
    /// `oauth.json` is renamed away, and `auth.json` not there yet.
    Moved(Rc<str>),
    /// It is made, and not written yet.
    Made(Rc<str>),
    Truncate(Rc<str>, Option<Refresh>),
    Write(Rc<str>, Option<Refresh>),
    Release,
    Over,
}

impl Agent {
    pub(crate) fn new(((errand, ready, stale), pid): (&Visit, Pid)) -> Self {
        Agent {
            pid,
            errand: *errand,
            ready: *ready,
            was_stalled: false,
            stale: *stale,
            directory: None,
            touch: 0,
            seen: None,
            is_compromised: false,
            step: Step::Begin,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.step == Step::Over
    }

    /// Returns whether it is between two calls that follow each other at once.
    pub(crate) fn is_moving(&self) -> bool {
        matches!(self.step, Step::Moved(_) | Step::Made(_))
    }
}

/// Stores the next key of another provider.
fn count(file: &mut Value) {
    let key = file["openai"]["key"].as_str().and_then(|key| key.parse::<u32>().ok());
    file["openai"]["key"] = (key.unwrap_or(0) + 1).to_string().into();
}

impl<M: Mind> World<M> {
    pub(crate) fn agent_ready(&self, n: usize) -> Option<Ms> {
        let agent = &self.agents[n];
        let at = match &agent.step {
            Step::Over => return None,
            Step::Await(id, deadline, _) => {
                match self.message(*id).and_then(|it| it.answer.as_ref()) {
                    Some((_, at)) => *at.min(deadline),
                    None => *deadline,
                }
            }
            _ => 0,
        };
        let in_window = agent.errand == Errand::Edit
            && self.processes.iter().any(|process| process.is_about_to_replace());
        (!in_window).then_some(at.max(agent.ready))
    }

    pub(crate) fn agent_touch_ready(&self, n: usize) -> Option<Ms> {
        let agent = &self.agents[n];
        let is_touched = agent.directory.is_some() && !agent.is_compromised;
        is_touched.then_some(agent.touch.max(agent.ready))
    }

    pub(crate) fn agent_touch(&mut self, n: usize) {
        let agent = &mut self.agents[n];
        if self.disk.directory != agent.directory {
            agent.is_compromised = true;
            return;
        }
        agent.touch = self.now + agent.stale / 2;
        self.mark(n);
    }

    fn mark(&mut self, n: usize) {
        let at = self.clock(0).at(self.now);
        let mtime = Mtime { at, by: self.agents[n].pid };
        self.disk.directory = Some(mtime);
        self.agents[n].directory = Some(mtime);
    }

    /// One step of an agent.
    pub(crate) fn step_agent(&mut self, n: usize) {
        let name = self.disk.name();
        let found = self.disk.directory;
        let (pid, stale) = (self.agents[n].pid, self.agents[n].stale);
        let step = std::mem::replace(&mut self.agents[n].step, Step::Over);
        let next = match step {
            Step::Over => Step::Over,
            Step::Begin if self.agents[n].errand == Errand::Migrate => self.take_over(name),
            Step::Begin if self.agents[n].errand == Errand::Edit => self.edit(name),
            Step::Begin => Step::Make(0),
            Step::Make(tries) => match found {
                None => {
                    self.agents[n].touch = self.now + stale / 2;
                    self.mark(n);
                    Step::Read
                }
                Some(_) => Step::Stat(tries),
            },
            Step::Stat(tries) => match found {
                None => Step::Make(tries),
                Some(found) if self.clock(0).at(self.now).saturating_sub(found.at) > stale => {
                    self.agents[n].seen = Some(found);
                    Step::Remove(tries)
                }
                Some(_) if tries == ATTEMPTS => Step::Over,
                Some(_) => {
                    self.agents[n].ready = self.now + (100 << tries).min(10_000);
                    Step::Make(tries + 1)
                }
            },
            Step::Remove(tries) => {
                if let Some(caught) = self.disk.directory.take() {
                    self.taken_over(pid, caught);
                }
                Step::Make(tries)
            }
            Step::Read => self.agent_reads(n, name),
            Step::Send(refresh, text) => {
                let id = self.send(pid, Ask::Refresh(refresh));
                Step::Await(id, self.now + DEADLINE, text)
            }
            Step::Await(id, _, text) => self.agent_answered(n, id, &text),
            Step::Moved(text) => {
                self.disk.replace(Name::Auth, "".into(), false);
                Step::Made(text)
            }
            Step::Made(text) => {
                self.ledger.agent_wrote(&text);
                self.disk.replace(Name::Auth, text, false);
                Step::Over
            }
            Step::Truncate(text, granted) => {
                self.disk.replace(name, "".into(), false);
                Step::Write(text, granted)
            }
            Step::Write(text, granted) => {
                self.ledger.stored(granted);
                self.ledger.agent_wrote(&text);
                self.disk.replace(name, text, false);
                Step::Release
            }
            Step::Release => {
                if let Some(removed) = self.disk.directory.take() {
                    self.removed(pid, removed);
                }
                self.agents[n].directory = None;
                Step::Over
            }
        };
        self.agents[n].step = next;
    }

    /// Reads `oauth.json` and renames it away, as if that were one call; `auth.json` is written
    /// after that. A file that does not parse stays where it is.
    fn take_over(&mut self, name: Name) -> Step {
        let is_whole = |text: &Rc<str>| serde_json::from_str::<Value>(text).is_ok();
        let text = self.disk.text(Name::OAuth).filter(|_| name == Name::OAuth);
        let Some(text) = text.filter(is_whole) else { return Step::Over };
        self.disk.remove(Name::OAuth);
        self.disk.migrated = Some(self.clock(0).at(self.now));
        Step::Moved(text)
    }

    /// All at once, and never in the moment between our last look and the rename, which is too
    /// short to tell.
    fn edit(&mut self, name: Name) -> Step {
        let text = self.disk.text(name).unwrap_or_else(|| "{}".into());
        if let Ok(mut file) = serde_json::from_str::<Value>(&text) {
            count(&mut file);
            self.disk.replace(name, file.to_string().into(), false);
        }
        Step::Over
    }

    fn agent_reads(&mut self, n: usize, name: Name) -> Step {
        let text = self.disk.text(name).unwrap_or_else(|| "{}".into());
        let Ok(mut file) = serde_json::from_str::<Value>(&text) else {
            if self.ledger.excuse.is_none() {
                self.fail(format!("agent {n} has the lock and reads half a file"));
            }
            return Step::Release;
        };
        if self.agents[n].errand == Errand::StoreKey {
            count(&mut file);
            return Step::Truncate(file.to_string().into(), None);
        }
        let login = &file["anthropic"];
        let expires = login["expires"].as_u64().unwrap_or(0);
        match login["refresh"].as_str().and_then(Refresh::parse) {
            Some(refresh) if expires <= self.clock(0).at(self.now) => Step::Send(refresh, text),
            _ => Step::Release,
        }
    }

    fn agent_answered(&mut self, n: usize, id: u32, text: &str) -> Step {
        let answer = self.receive(id);
        let Some(Answer::Http { status: 200, body, .. }) = answer else { return Step::Release };
        let (Ok(mut file), Ok(body)) =
            (serde_json::from_str::<Value>(text), serde_json::from_str::<Value>(&body))
        else {
            return Step::Release;
        };
        // Its own mistake: it throws the answer away.
        if self.agents[n].is_compromised {
            self.ledger.excuse("an agent lost its lock");
            return Step::Over;
        }
        let lifetime_ms = body["expires_in"].as_u64().unwrap_or(0) * 1000;
        let expires = self.clock(0).at(self.now) + lifetime_ms.saturating_sub(300_000);
        let old = file["anthropic"]["refresh"].clone();
        let refresh = body.get("refresh_token").cloned().unwrap_or(old);
        let granted = refresh.as_str().and_then(Refresh::parse);
        file["anthropic"] = json!({
            "type": "oauth", "refresh": refresh, "access": body["access_token"], "expires": expires
        });
        Step::Truncate(file.to_string().into(), granted)
    }
}
