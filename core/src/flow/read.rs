//! The read half of the store protocol: a file that does not parse is believed to be corrupt only
//! once it was read under the lock, since the agent writes in place and half a file can be seen.

use super::{Effect, Event, Store, Turn, store_error, unexpected};
use crate::error::{Error, StoreFailure};

/// Reading the credential file.
#[derive(Debug)]
pub(super) enum Read {
    /// Without the lock: nearly always all there is to it.
    Plain,
    /// It was no document; reading once more under the lock, which whoever is writing holds.
    Doubting(Error),
}

impl Read {
    /// The state that waits for the answer to `Effect::ReadStore`.
    pub(super) fn start() -> (Self, Effect) {
        (Read::Plain, Effect::ReadStore)
    }

    pub(super) fn step(self, event: Event) -> Turn<Read, Store> {
        let doubtful = |corrupt| Turn::Ask(Read::Doubting(corrupt), Effect::ProbeStore);
        match (self, event) {
            (read, Event::StoreRead { path, contents }) => {
                match (read, Store::parse(path, contents)) {
                    (_, Ok(store)) => Turn::Done(store),
                    (Read::Plain, Err(corrupt)) => doubtful(corrupt),
                    (Read::Doubting(_), Err(corrupt)) => Turn::Failed(corrupt),
                }
            }
            // Cut in the middle of a character, half a file is not even text.
            (Read::Plain, Event::StoreFailed { path, failure: StoreFailure::NotUtf8 }) => {
                doubtful(store_error(path, "read", StoreFailure::NotUtf8))
            }
            // Nobody can tell better: a directory that cannot be written has no writer either.
            (Read::Doubting(corrupt), Event::LockTimedOut { .. } | Event::StoreFailed { .. }) => {
                Turn::Failed(corrupt)
            }
            (_, event) => Turn::Failed(unexpected(event, "read")),
        }
    }
}
