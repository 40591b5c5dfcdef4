//! Logging out: the only thing that ever deletes a credential.
//!
//! ```text
//!   ReadOverrides ─▶ ReadStore ─▶ Select? ─▶ Confirm? ─▶ LockStore ─▶ ReadStore ─▶ WriteStore
//! ```
//!
//! It waits for the lock, so that a refresh under way cannot bring back what it takes out.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::open::{Open, Progress};
use super::{Effect, Event, Output, Store, Turn, known};
use crate::document::Entry;
use crate::error::{Error, StoreFailure};
use crate::provider::{Label, Table};

/// A wish to log out.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// The provider's id; `None`, without `all`, has the person pick one.
    pub provider: Option<String>,
    /// Whether to end every login. API keys are left alone.
    #[serde(default)]
    pub all: bool,
    /// Whether it is confirmed already.
    #[serde(default)]
    pub confirmed: bool,
    /// Whether there is a person to ask. Without one, naming a provider is confirmation enough.
    #[serde(default)]
    pub interactive: bool,
}

/// How often a lost lock is taken again.
const MAX_LOST_LOCKS: u32 = 3;

impl Request {
    pub(super) fn start(self) -> Turn<State> {
        let (open, effect) = Open::start();
        Turn::Ask(State::Opening(self, open), effect)
    }
}

#[derive(Debug)]
pub(super) enum State {
    Opening(Request, Open),
    Selecting(Request, Vec<Label>),
    Confirming(Vec<Label>),
    Locking(Removal),
    Rereading(Removal),
    Writing(Removal, Vec<Label>, String),
}

/// Providers to log out of.
#[derive(Debug)]
pub(super) struct Removal {
    providers: Vec<Label>,
    lost_locks: u32,
}

impl State {
    pub(super) fn step(self, event: Event) -> Turn<State> {
        match (self, event) {
            (State::Opening(request, open), event) => match open.step(event) {
                Progress::Ask(open, effect) => Turn::Ask(State::Opening(request, open), effect),
                Progress::Opened(table, store) => request.choose(&table, store),
                Progress::Failed(error) => Turn::Failed(error),
            },
            (State::Selecting(request, mut logins), Event::Chosen { index }) => {
                if index >= logins.len() {
                    return Turn::Failed(Error::Protocol { event: "chosen" });
                }
                request.confirm([logins.swap_remove(index)].into())
            }
            (State::Confirming(providers), Event::Confirmed { yes: true }) => lock(providers),
            (State::Confirming(_), Event::Confirmed { yes: false }) => {
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
            (State::Writing(_, providers, path), Event::Written) => {
                Turn::Done(Output::LoggedOut { providers, path, notes: Vec::new() })
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
            (_, event) => Turn::unexpected(event, "read"),
        }
    }
}

impl Request {
    fn choose(self, table: &Table, store: Store) -> Turn<State> {
        let path = store.path.clone();
        let nothing = |notes: Vec<String>| {
            Turn::Done(Output::LoggedOut { providers: Vec::new(), path: path.clone(), notes })
        };
        if let Some(id) = &self.provider {
            let label = table.label(id);
            return match store.document.get(id) {
                Some(Entry::OAuth(_)) => self.confirm([label].into()),
                Some(_) => nothing(
                    [format!("What is stored for {} is no login; it is left alone.", label.name)]
                        .into(),
                ),
                None => match known(table, id) {
                    Ok(_) => nothing(Vec::new()),
                    Err(error) => Turn::Failed(error),
                },
            };
        }
        let logins: Vec<Label> = logins(&store).iter().map(|id| table.label(id)).collect();
        if logins.is_empty() {
            nothing(Vec::new())
        } else if self.all {
            self.confirm(logins)
        } else {
            let remark = (logins.len() == 1).then(|| "[no other providers logged in]".into());
            let effect = Effect::Select {
                message: "Select provider to logout:".into(),
                options: logins.clone(),
                remark,
            };
            Turn::Ask(State::Selecting(self, logins), effect)
        }
    }

    fn confirm(self, providers: Vec<Label>) -> Turn<State> {
        if self.confirmed || (!self.interactive && !self.all) {
            return lock(providers);
        }
        if !self.interactive {
            return Turn::Failed(Error::NotConfirmed);
        }
        let names: Vec<&str> = providers.iter().map(|label| label.name.as_str()).collect();
        let message = format!("Log out of {}?", names.join(", "));
        Turn::Ask(State::Confirming(providers), Effect::Confirm { message })
    }
}

/// The providers that somebody is logged in to, in the file's order.
fn logins(store: &Store) -> Vec<String> {
    let is_login = |(id, entry)| matches!(entry, Entry::OAuth(_)).then_some(id);
    store.document.entries().into_iter().filter_map(is_login).collect()
}

fn lock(providers: Vec<Label>) -> Turn<State> {
    Turn::Ask(State::Locking(Removal { providers, lost_locks: 0 }), Effect::LockStore)
}

impl Removal {
    fn write(self, mut store: Store) -> Turn<State> {
        // Between the question and the lock an entry may have become something else.
        let logins = BTreeSet::from_iter(logins(&store));
        let mut removed = self.providers.clone();
        removed.retain(|label| logins.contains(&label.id));
        let ids: Vec<&str> = removed.iter().map(|label| label.id.as_str()).collect();
        store.document.remove(&ids);
        if removed.is_empty() {
            let (path, notes) = (store.path, Vec::new());
            return Turn::Done(Output::LoggedOut { providers: removed, path, notes });
        }
        let effect = Effect::WriteStore { contents: store.document.into_text(), unlocked: false };
        Turn::Ask(State::Writing(self, removed, store.path), effect)
    }
}
