//! Logging out: the only thing that ever deletes a credential.
//!
//! ```text
//!   ReadOverrides ─▶ ReadStore ─▶ Select? ─▶ Confirm? ─▶ LockStore ─▶ ReadStore ─▶ WriteStore
//!                                                          ─▶ UnlockStore? ─▶ Http (revocation)?
//! ```
//!
//! It waits for the lock, so that a refresh under way cannot bring back what it takes out. Whoever
//! can be told that the login is over is told afterwards, with the very token that was taken out.

mod revocation;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use serde::{Deserialize, Serialize};

use super::files::{Store, contended, known};
use super::machine::{Machine, StepResult, ask, fail, unexpected};
use super::open::Open;
use super::{Effect, Event, Output};
use crate::error::Error;
use crate::json::or_default;
use crate::provider::Label;
use crate::store::document::{Entry, positions};
use revocation::{Login, Revoking};

/// Parameters of a logout request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LogoutRequest {
    /// The provider's id; `None`, without `all`, has the person pick one.
    pub provider: Option<String>,
    /// True to end every login. API keys are left alone.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default")]
    pub all: bool,
    /// True if it is confirmed already.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default")]
    pub confirmed: bool,
    /// True if there is a person to ask. Without one, naming a provider is confirmation enough.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default")]
    pub interactive: bool,
}

/// What a logout means at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[non_exhaustive]
pub struct Revocation {
    /// The provider.
    pub provider: Label,
    /// What it said, if it could be told.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of telling a provider that a login is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[non_exhaustive]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It confirmed that the token is revoked (RFC 7009).
    Confirmed,
    /// It did not, so the tokens may stay valid there until they expire.
    NotConfirmed {
        /// Why.
        problem: String,
    },
    /// This program knows no way to tell it: the tokens stay valid there until they expire.
    Unavailable,
}

/// How often a lost lock is taken again.
const MAX_LOST_LOCKS: u32 = 3;

#[derive(Debug)]
pub(super) struct State {
    request: LogoutRequest,
    open: Open,
    /// Those to log out of. Until it is clear which, those that there are; at the end, those that
    /// were taken out.
    providers: Vec<Label>,
    /// The credential file.
    path: String,
    lost_locks: u32,
    /// The warning about the credential file.
    warning: Option<String>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Opening,
    Selecting,
    Confirming,
    Locking,
    Rereading,
    Writing(Vec<Login>),
    /// The logins are gone. The lock, too, before anybody is waited for.
    Unlocking(Vec<Login>),
    Revoking(Revoking),
}

impl Machine for State {
    fn step(&mut self, event: &Event, now_ms: u64) -> StepResult {
        self.warning = event.warning().or(self.warning.take());
        match (&mut self.step, event) {
            (Step::Opening, event) => match self.open.step(event) {
                Ok(store) => self.choose(&store),
                Err(pause) => Err(pause),
            },
            (Step::Selecting, Event::Chosen { index }) => {
                if *index >= self.providers.len() {
                    return fail(Error::Protocol { event: "chosen" });
                }
                self.providers = [self.providers.swap_remove(*index)].into();
                self.confirm()
            }
            (Step::Confirming, Event::Confirmed { yes: true }) => self.lock(),
            (Step::Confirming, Event::Confirmed { yes: false }) => fail(Error::Cancelled),
            (Step::Locking, Event::Locked) => self.ask(Step::Rereading, Effect::ReadStore),
            (Step::Locking, event) => Err(unexpected(event, "lock").into()),
            (Step::Rereading, event) => self.remove(Store::of(event, "read")?),
            (Step::Writing(logins), Event::Written) => {
                self.providers = logins.iter().map(|login| login.label.clone()).collect();
                let logins = mem::take(logins);
                match logins.iter().any(Login::can_be_revoked) {
                    true => self.ask(Step::Unlocking(logins), Effect::UnlockStore),
                    false => self.revoke(logins),
                }
            }
            (Step::Writing(_), Event::LockLost) if self.lost_locks < MAX_LOST_LOCKS => {
                self.lost_locks += 1;
                self.lock()
            }
            (Step::Writing(_), Event::LockLost) => fail(contended(&self.path)),
            (Step::Writing(_), event) => Err(unexpected(event, "write").into()),
            // Whatever happens from here on, the logins are gone.
            (Step::Unlocking(logins), Event::Unlocked | Event::Cancelled) => {
                let logins = mem::take(logins);
                self.revoke(logins)
            }
            (Step::Revoking(revoking), event) => {
                let turn = revoking.step(event, now_ms);
                self.revoked(turn)
            }
            (_, event) => Err(unexpected(event, "read").into()),
        }
    }
}

impl State {
    pub(super) fn new(request: LogoutRequest) -> Self {
        State {
            request,
            // A slip in the overrides file must not keep anybody from logging out.
            open: Open::new(false),
            providers: Vec::new(),
            path: String::new(),
            lost_locks: 0,
            warning: None,
            step: Step::Opening,
        }
    }

    fn choose(&mut self, store: &Store) -> StepResult {
        self.path.clone_from(&store.path);
        let table = &self.open.table;
        if let Some(id) = &self.request.provider {
            let label = table.label(id);
            let notes = match store.document.get(id) {
                Some(Entry::OAuth(_)) => {
                    self.providers.push(label);
                    return self.confirm();
                }
                Some(_) => {
                    let note = "is no login; it is left alone.";
                    [format!("What is stored for {} {note}", label.name)].into()
                }
                None => {
                    known(table, id)?;
                    Vec::new()
                }
            };
            return Ok(self.done(Vec::new(), notes));
        }
        for (id, entry) in store.document.entries() {
            if let Entry::OAuth(_) = entry {
                self.providers.push(table.label(&id));
            }
        }
        if self.providers.is_empty() {
            return Ok(self.done(Vec::new(), Vec::new()));
        }
        if self.request.all {
            return self.confirm();
        }
        let is_single = self.providers.len() == 1;
        let effect = Effect::Select {
            message: "Select provider to logout:".into(),
            options: self.providers.clone(),
            remark: is_single.then(|| "[no other providers logged in]".into()),
        };
        self.ask(Step::Selecting, effect)
    }

    fn confirm(&mut self) -> StepResult {
        let LogoutRequest { all, confirmed, interactive, .. } = self.request;
        if confirmed || (!interactive && !all) {
            return self.lock();
        }
        if !interactive {
            return fail(Error::NotConfirmed);
        }
        let names: Vec<String> = self.providers.iter().map(|label| label.name.clone()).collect();
        let message = format!("Log out of {}?", names.join(", "));
        self.ask(Step::Confirming, Effect::Confirm { message })
    }

    fn lock(&mut self) -> StepResult {
        self.ask(Step::Locking, Effect::LockStore)
    }

    fn remove(&mut self, mut store: Store) -> StepResult {
        self.path.clone_from(&store.path);
        let mut removed = Vec::new();
        let wanted = positions(self.providers.iter().map(|label| label.id.as_str()));
        for (id, entry) in store.document.entries() {
            // Between the question and the lock an entry may have become something else.
            if let (Some(at), Entry::OAuth(credential)) = (wanted.get(id.as_str()), entry)
                && let Some(label) = self.providers.get(*at)
            {
                let provider = self.open.table.get(&id).cloned();
                removed.push(Login { label: label.clone(), provider, credential });
            }
        }
        let ids: Vec<&str> = removed.iter().map(|login| login.label.id.as_str()).collect();
        if ids.is_empty() {
            self.providers.clear();
            return Ok(self.done(Vec::new(), Vec::new()));
        }
        store.document.remove(&ids);
        let effect = Effect::WriteStore { contents: store.document.into_text(), unlocked: false };
        self.ask(Step::Writing(removed), effect)
    }

    /// Tells those providers that can be told.
    fn revoke(&mut self, logins: Vec<Login>) -> StepResult {
        let mut revoking = Revoking::new(logins);
        let turn = revoking.start();
        self.step = Step::Revoking(revoking);
        self.revoked(turn)
    }

    fn revoked(&mut self, turn: StepResult<Vec<Revocation>>) -> StepResult {
        match turn {
            Ok(revocations) => Ok(self.done(revocations, Vec::new())),
            Err(pause) => Err(pause),
        }
    }

    fn ask(&mut self, step: Step, effect: Effect) -> StepResult {
        self.step = step;
        ask(effect)
    }

    fn done(&mut self, revocations: Vec<Revocation>, mut notes: Vec<String>) -> Output {
        notes.extend(self.warning.take());
        let (providers, path) = (mem::take(&mut self.providers), mem::take(&mut self.path));
        Output::LoggedOut { providers, path, revocations, notes }
    }
}
