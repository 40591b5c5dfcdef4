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

use super::open::Open;
use super::{Effect, Event, Output, Store, Turn, known};
use crate::document::Entry;
use crate::error::{Error, StoreFailure};
use crate::json::{object, tagged};
use crate::provider::{Label, Table};
use revocation::{Login, Revoking};

/// A wish to log out.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename = "LogoutRequest"))]
pub struct Request {
    /// The provider's id; `None`, without `all`, has the person pick one.
    pub provider: Option<String>,
    /// Whether to end every login. API keys are left alone.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub all: bool,
    /// Whether it is confirmed already.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub confirmed: bool,
    /// Whether there is a person to ask. Without one, naming a provider is confirmation enough.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    pub interactive: bool,
}

object! { Request { provider, all: default, confirmed: default, interactive: default } }

/// What a logout means at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[non_exhaustive]
pub struct Revocation {
    /// The provider.
    pub provider: Label,
    /// What it said, if it could be told.
    #[cfg_attr(test, ts(flatten))]
    pub outcome: Outcome,
}

object! { Revocation { provider, outcome: merged } }

/// What came of telling a provider that a login is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(tag = "outcome", rename_all = "snake_case"))]
#[non_exhaustive]
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

tagged! { Outcome, "outcome" {
    "confirmed" => Confirmed,
    "not_confirmed" => NotConfirmed { problem },
    "unavailable" => Unavailable,
} }

/// How often a lost lock is taken again.
const MAX_LOST_LOCKS: u32 = 3;

impl Request {
    pub(super) fn start(self) -> Turn<State> {
        // A slip in the overrides file must not keep anybody from logging out.
        let (open, effect) = Open::start_without_overrides_if_need_be();
        Turn::Ask(State::Opening(self, open), effect)
    }
}

#[derive(Debug)]
pub(super) enum State {
    Opening(Request, Open),
    Selecting(Request, Table, Vec<Label>),
    Confirming(Table, Vec<Label>),
    Locking(Removal),
    Rereading(Removal),
    Writing(Removal, Vec<Login>, String),
    /// The logins are gone. The lock, too, before anybody is waited for.
    Unlocking(Ended, Vec<Login>),
    Revoking(Ended, Revoking),
}

/// What has been logged out of.
#[derive(Debug)]
pub(super) struct Ended {
    providers: Vec<Label>,
    path: String,
}

/// Providers to log out of.
#[derive(Debug)]
pub(super) struct Removal {
    table: Table,
    providers: Vec<Label>,
    lost_locks: u32,
}

impl State {
    pub(super) fn step(self, event: Event, now_ms: u64) -> Turn<State> {
        match (self, event) {
            (State::Opening(request, open), event) => match open.step(event) {
                Turn::Ask(open, effect) => Turn::Ask(State::Opening(request, open), effect),
                Turn::Done((table, store)) => request.choose(table, store),
                Turn::Failed(error) => Turn::Failed(error),
            },
            (State::Selecting(request, table, mut logins), Event::Chosen { index }) => {
                if index >= logins.len() {
                    return Turn::Failed(Error::Protocol { event: "chosen" });
                }
                request.confirm(table, [logins.swap_remove(index)].into())
            }
            (State::Confirming(table, providers), Event::Confirmed { yes: true }) => {
                lock(table, providers)
            }
            (State::Confirming(..), Event::Confirmed { yes: false }) => {
                Turn::Failed(Error::Cancelled)
            }
            (State::Locking(removal), Event::Locked) => {
                Turn::Ask(State::Rereading(removal), Effect::ReadStore)
            }
            (State::Locking(_), event) => Turn::unexpected(event, "lock"),
            (State::Rereading(removal), Event::StoreRead { path, contents }) => {
                match Store::parse(path, contents) {
                    Err(corrupt) => Turn::Failed(corrupt),
                    Ok(store) => removal.write(store),
                }
            }
            (State::Writing(_, logins, path), Event::Written) => {
                let providers = logins.iter().map(|login| login.label.clone()).collect();
                Ended { providers, path }.tell(logins)
            }
            (State::Writing(mut removal, ..), Event::LockLost)
                if removal.lost_locks < MAX_LOST_LOCKS =>
            {
                removal.lost_locks += 1;
                Turn::Ask(State::Locking(removal), Effect::LockStore)
            }
            (State::Writing(_, _, path), Event::LockLost) => {
                let failure = StoreFailure::Other("others keep writing it".into());
                Turn::Failed(Error::Store { path, attempt: "write", failure })
            }
            (State::Writing(..), event) => Turn::unexpected(event, "write"),
            // Whatever happens from here on, the logins are gone.
            (State::Unlocking(ended, logins), Event::Unlocked | Event::Cancelled) => {
                ended.revoking(Revoking::start(logins))
            }
            (State::Revoking(ended, revoking), event) => {
                ended.revoking(revoking.step(event, now_ms))
            }
            (_, event) => Turn::unexpected(event, "read"),
        }
    }
}

impl Request {
    fn choose(self, table: Table, store: Store) -> Turn<State> {
        let path = store.path.clone();
        let nothing = |notes: Vec<String>| Turn::Done(nothing(path.clone(), notes));
        if let Some(id) = &self.provider {
            let label = table.label(id);
            return match store.document.get(id) {
                Some(Entry::OAuth(_)) => self.confirm(table, [label].into()),
                Some(_) => nothing(
                    [format!("What is stored for {} is no login; it is left alone.", label.name)]
                        .into(),
                ),
                None => match known(&table, id) {
                    Ok(_) => nothing(Vec::new()),
                    Err(error) => Turn::Failed(error),
                },
            };
        }
        let logins: Vec<Label> = logins(&store).iter().map(|id| table.label(id)).collect();
        if logins.is_empty() {
            nothing(Vec::new())
        } else if self.all {
            self.confirm(table, logins)
        } else {
            let remark = (logins.len() == 1).then(|| "[no other providers logged in]".into());
            let effect = Effect::Select {
                message: "Select provider to logout:".into(),
                options: logins.clone(),
                remark,
            };
            Turn::Ask(State::Selecting(self, table, logins), effect)
        }
    }

    fn confirm(self, table: Table, providers: Vec<Label>) -> Turn<State> {
        if self.confirmed || (!self.interactive && !self.all) {
            return lock(table, providers);
        }
        if !self.interactive {
            return Turn::Failed(Error::NotConfirmed);
        }
        let names: Vec<&str> = providers.iter().map(|label| label.name.as_str()).collect();
        let message = format!("Log out of {}?", names.join(", "));
        Turn::Ask(State::Confirming(table, providers), Effect::Confirm { message })
    }
}

/// The providers that somebody is logged in to, in the file's order.
fn logins(store: &Store) -> Vec<String> {
    let is_login = |(id, entry)| matches!(entry, Entry::OAuth(_)).then_some(id);
    store.document.entries().into_iter().filter_map(is_login).collect()
}

fn nothing(path: String, notes: Vec<String>) -> Output {
    Output::LoggedOut { providers: Vec::new(), path, revocations: Vec::new(), notes }
}

fn lock(table: Table, providers: Vec<Label>) -> Turn<State> {
    let removal = Removal { table, providers, lost_locks: 0 };
    Turn::Ask(State::Locking(removal), Effect::LockStore)
}

impl Removal {
    fn write(self, mut store: Store) -> Turn<State> {
        let mut removed = Vec::new();
        for label in &self.providers {
            // Between the question and the lock an entry may have become something else.
            if let Some(Entry::OAuth(credential)) = store.document.get(&label.id) {
                let provider = self.table.get(&label.id).cloned();
                removed.push(Login { label: label.clone(), provider, credential });
            }
        }
        let ids: Vec<&str> = removed.iter().map(|login| login.label.id.as_str()).collect();
        if ids.is_empty() {
            return Turn::Done(nothing(store.path, Vec::new()));
        }
        store.document.remove(&ids);
        let effect = Effect::WriteStore { contents: store.document.into_text(), unlocked: false };
        Turn::Ask(State::Writing(self, removed, store.path), effect)
    }
}

impl Ended {
    /// Tells those providers that can be told.
    fn tell(self, logins: Vec<Login>) -> Turn<State> {
        match logins.iter().any(Login::can_be_revoked) {
            true => Turn::Ask(State::Unlocking(self, logins), Effect::UnlockStore),
            false => self.revoking(Revoking::start(logins)),
        }
    }

    fn revoking(self, turn: Turn<Revoking, Vec<Revocation>>) -> Turn<State> {
        match turn {
            Turn::Ask(revoking, effect) => Turn::Ask(State::Revoking(self, revoking), effect),
            Turn::Done(revocations) => self.done(revocations),
            Turn::Failed(error) => Turn::Failed(error),
        }
    }

    fn done(self, revocations: Vec<Revocation>) -> Turn<State> {
        let Ended { providers, path } = self;
        Turn::Done(Output::LoggedOut { providers, path, revocations, notes: Vec::new() })
    }
}
