//! The write half of the store protocol: lock, read, edit, write, and again if the lock was lost.
//!
//! A rotated token exists nowhere but here until it is written, so this machine does not give up
//! on a lost or held lock as long as there is another way.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::files::{Store, blank, contended};
use super::machine::{StepResult, ask, fail, unexpected};
use super::{Effect, Event};
use crate::error::{Error, StoreFailure};
use crate::json;
use crate::secret::Secret;
use crate::store::credential::Credential;
use crate::store::document::{Entry, MAX_BYTES};

/// A change to the document.
#[derive(Debug)]
pub(super) enum Edit {
    /// A new login of this provider.
    Login { provider: String, credential: Credential },
    /// A login that the caller gave, with its other fields as JSON.
    Given { provider: String, credential: Credential, others: Vec<(String, Secret)> },
    /// The refreshed login of this provider, got for the refresh token `used`.
    Refreshed { provider: String, used: Secret, credential: Credential },
    /// The models that the login of this provider with this refresh token may use.
    Models { provider: String, refresh: Secret, ids: Vec<String> },
}

impl Edit {
    /// Returns whether it is a token that exists nowhere else, and is written even without the
    /// lock.
    fn is_precious(&self) -> bool {
        matches!(self, Edit::Login { .. } | Edit::Refreshed { .. })
    }

    /// Returns whether it is written to a file that is blank. A whole login is; models alone would
    /// make an entry without tokens.
    fn is_whole_login(&self) -> bool {
        !matches!(self, Edit::Models { .. })
    }

    /// Makes the change; `None` where the file is to stay as it is by now.
    fn apply(&self, mut store: Store) -> Option<Secret> {
        match self {
            Edit::Login { provider, credential } => store.document.set(provider, credential, &[]),
            Edit::Given { provider, credential, others } => {
                store.document.set(provider, credential, others);
            }
            // A blank file is no logout: somebody's write came to nothing. The new tokens exist
            // nowhere else.
            Edit::Refreshed { provider, credential, .. } if store.is_blank => {
                store.document.set(provider, credential, &[]);
            }
            Edit::Refreshed { provider, used, credential } if holds(&store, provider, used) => {
                store.document.update(provider, credential);
            }
            Edit::Models { provider, refresh, ids } if holds(&store, provider, refresh) => {
                store.document.put(provider, "availableModelIds", &json::to_string(ids));
            }
            // Somebody logged out or in, or stored a newer token meanwhile: theirs stands.
            Edit::Refreshed { .. } | Edit::Models { .. } => return None,
        }
        Some(store.document.into_text())
    }
}

/// Returns whether the login of `provider` is still the one with this refresh token.
fn holds(store: &Store, provider: &str, refresh: &Secret) -> bool {
    let entry = store.document.get(provider);
    matches!(entry, Some(Entry::OAuth(stored)) if stored.refresh.as_ref() == Some(refresh))
}

/// Saving one edit.
#[derive(Debug)]
pub(super) struct Save {
    edit: Edit,
    path: String,
    state: State,
    /// How often it had to be read again: a lost lock, or another writer.
    lost: u32,
    /// Setbacks so far: a half-written file, a failed write.
    setbacks: u32,
    /// True if the lock could not be had, and writing goes ahead without.
    unlocked: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Locking,
    Reading,
    Writing,
    Waiting,
}

/// How often it is read again under the lock, and as often once more without.
const MAX_LOST: u32 = 3;
/// How many setbacks are borne.
const MAX_SETBACKS: u32 = 3;
/// The pause after one, in milliseconds.
const PAUSE_MS: u64 = 500;

impl Save {
    /// Begins with taking the lock, that is with `Effect::LockStore`; `path` is only for messages.
    pub(super) fn new(edit: Edit, path: String) -> Self {
        Save { edit, path, state: State::Locking, lost: 0, setbacks: 0, unlocked: false }
    }

    /// Begins under the lock, with `Effect::ReadStore`. It reads again all the same: the request
    /// may have taken seconds, and the oldest agents write without a lock.
    pub(super) fn locked(edit: Edit, path: String) -> Self {
        Save { state: State::Reading, ..Save::new(edit, path) }
    }

    /// Ends with the file that was written.
    pub(super) fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<String> {
        match (self.state, event) {
            (State::Locking, Event::Locked) => {
                self.unlocked = false;
                self.ask(State::Reading, Effect::ReadStore)
            }
            (State::Locking, Event::LockTimedOut { .. }) if self.edit.is_precious() => {
                self.without_lock()
            }
            (State::Reading, Event::StoreRead { .. }) => match Store::of(event, "read") {
                // The oldest agents write without the lock: it may be half written.
                Ok(store) if store.is_blank && self.setbacks < MAX_SETBACKS => self.pause(now_ms),
                Ok(store) if store.is_blank && !self.edit.is_whole_login() => {
                    Err(blank(store.path).into())
                }
                Ok(store) => self.write(store),
                Err(error) => self.setback(error, now_ms),
            },
            (State::Writing, Event::Written) => Ok(self.path.clone()),
            (State::Writing, Event::LockLost) => self.lock_lost(),
            (State::Waiting, Event::Woke) => self.ask(State::Locking, Effect::LockStore),
            // A lock that cannot be made must not cost what was granted.
            (State::Locking, Event::StoreFailed { .. })
                if self.edit.is_precious() && self.setbacks == MAX_SETBACKS =>
            {
                self.without_lock()
            }
            (_, Event::StoreFailed { .. }) => self.setback(unexpected(event, "write"), now_ms),
            (_, event) => Err(unexpected(event, "write").into()),
        }
    }

    fn lock_lost(&mut self) -> StepResult<String> {
        self.lost += 1;
        if self.lost <= MAX_LOST {
            self.ask(State::Locking, Effect::LockStore)
        } else if self.lost <= 2 * MAX_LOST && self.edit.is_precious() {
            self.without_lock()
        } else {
            fail(contended(&self.path))
        }
    }

    fn without_lock(&mut self) -> StepResult<String> {
        self.unlocked = true;
        self.ask(State::Reading, Effect::ReadStore)
    }

    fn setback(&mut self, error: Box<Error>, now_ms: u64) -> StepResult<String> {
        if self.setbacks == MAX_SETBACKS {
            return Err(error.into());
        }
        self.pause(now_ms)
    }

    fn pause(&mut self, now_ms: u64) -> StepResult<String> {
        self.setbacks += 1;
        let at_ms = now_ms.saturating_add(PAUSE_MS);
        self.ask(State::Waiting, Effect::WaitUntil { at_ms, countdown: None })
    }

    fn write(&mut self, store: Store) -> StepResult<String> {
        self.path.clone_from(&store.path);
        let unlocked = self.unlocked;
        match self.edit.apply(store) {
            // It could not be read again.
            Some(contents) if contents.expose().len() > MAX_BYTES => {
                let (path, failure) = (self.path.clone(), StoreFailure::TooLarge);
                fail(Error::Store { path, attempt: "write", failure })
            }
            Some(contents) => self.ask(State::Writing, Effect::WriteStore { contents, unlocked }),
            None => Ok(self.path.clone()),
        }
    }

    fn ask(&mut self, state: State, effect: Effect) -> StepResult<String> {
        self.state = state;
        ask(effect)
    }
}
