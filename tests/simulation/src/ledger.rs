//! What has happened so far, as far as it matters for what may happen.

use crate::agent;
use crate::clock::Ms;
use crate::disk::Pid;
use crate::odd;
use crate::provider::{Answer, Ask, Provider, Refresh};

/// What has happened, as far as it matters for what may happen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    pub(crate) sent: Vec<Sent>,
    /// Logins whose last answer nobody has any more.
    pub(crate) lost: Vec<usize>,
    /// Why nothing better can be had: somebody who is not ours, or was stopped, did it.
    pub(crate) excuse: Option<&'static str>,
    /// True if anything went wrong, or slowly, at all.
    pub(crate) is_disturbed: bool,
    /// How many processes were killed.
    pub(crate) crashes: u32,
    /// True if the login was ever ended.
    pub(crate) was_logged_out: bool,
    /// True if it was ended, and nobody has logged in since.
    pub(crate) is_logged_out: bool,
    /// Until when nobody is to ask again with a token, and who found that out.
    pub(crate) quiet: Vec<(Refresh, Ms, Pid)>,
    pub(crate) disk_failed: Vec<Pid>,
    /// Set once one of ours has written the file in place.
    pub(crate) was_overwritten: bool,
}

/// A request that asked for tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sent {
    pub(crate) message: u32,
    pub(crate) by: Pid,
    pub(crate) ask: Ask,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
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

impl Ledger {
    /// Nothing has happened yet.
    pub(crate) fn of(is_disturbed: bool) -> Self {
        Ledger { is_disturbed, ..Ledger::default() }
    }

    /// Something was done to us that no program can make good.
    pub(crate) fn excuse(&mut self, why: &'static str) {
        self.excuse.get_or_insert(why);
    }

    /// The answer to this is with nobody any more.
    pub(crate) fn lose(&mut self, at: usize, granted: Refresh) {
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

    /// A request has arrived, and this is the provider after that.
    pub(crate) fn arrived(&mut self, message: u32, granted: Option<Refresh>, provider: &Provider) {
        let Some(at) = self.position(message) else { return };
        // That of a killed process came late, and others have gone on from there.
        if let (State::Flying { is_awaited: false }, Ask::Refresh(Refresh { family, .. })) =
            (self.sent[at].state, self.sent[at].ask)
            && provider.families[family].is_revoked
        {
            self.lost.push(family);
        }
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
        let is_whole = odd::members(body).is_some();
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

    /// An agent has written the file: what it read, with its own change.
    pub(crate) fn agent_wrote(&mut self, text: &str) {
        self.is_logged_out &= !text.contains(r#""anthropic""#);
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
        self.is_logged_out &= !text.contains(r#""anthropic""#);
        for at in 0..self.sent.len() {
            match self.sent[at].state {
                State::Stored(granted) if !text.contains(&granted.text()) => self.lose(at, granted),
                _ => {}
            }
        }
    }
}
