//! The read half of the store protocol: a file that does not parse is believed to be corrupt only
//! once it was read under the lock, since the agent writes in place and half a file can be seen.

use super::{Effect, Event, Store, store_error, unexpected};
use crate::error::{Error, StoreFailure};

/// Reading the credential file.
#[derive(Debug)]
pub(super) enum Read {
    /// Without the lock: nearly always all there is to it.
    Plain,
    /// It did not parse; waiting for whoever may be writing.
    Doubting(Error),
    /// Under the lock.
    Confirming,
}

/// What a step of reading leads to.
#[derive(Debug)]
pub(super) enum Progress {
    Ask(Read, Effect),
    Read(Store),
    Failed(Error),
}

impl Read {
    /// The state that waits for the answer to `Effect::ReadStore`.
    pub(super) fn start() -> (Self, Effect) {
        (Read::Plain, Effect::ReadStore)
    }

    pub(super) fn step(self, event: Event) -> Progress {
        match (self, event) {
            (Read::Plain, Event::StoreRead { path, contents }) => {
                match Store::parse(path, contents) {
                    Ok(store) => Progress::Read(store),
                    Err(corrupt) => Progress::Ask(Read::Doubting(corrupt), Effect::LockStore),
                }
            }
            // Cut in the middle of a character, half a file is not even text.
            (Read::Plain, Event::StoreFailed { path, failure: StoreFailure::NotUtf8 }) => {
                let corrupt = store_error(path, "read", StoreFailure::NotUtf8);
                Progress::Ask(Read::Doubting(corrupt), Effect::LockStore)
            }
            (Read::Doubting(_), Event::Locked) => {
                Progress::Ask(Read::Confirming, Effect::ReadStore)
            }
            // Nobody can tell better: a directory that cannot be written has no writer either.
            (Read::Doubting(corrupt), Event::LockTimedOut { .. } | Event::StoreFailed { .. }) => {
                Progress::Failed(corrupt)
            }
            (Read::Confirming, Event::StoreRead { path, contents }) => {
                match Store::parse(path, contents) {
                    Ok(store) => Progress::Read(store),
                    Err(corrupt) => Progress::Failed(corrupt),
                }
            }
            (_, event) => Progress::Failed(unexpected(event, "read")),
        }
    }
}
