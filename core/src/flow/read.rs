//! The read half of the store protocol: a file that does not parse is believed to be corrupt only
//! once it was read under the lock, since the agent writes in place and half a file can be seen.

use alloc::boxed::Box;
use core::mem;

use super::{Effect, Event, Store, Turn, ask};
use crate::error::Error;

/// Reading the credential file, which begins with `Effect::ReadStore`.
#[derive(Debug, Default)]
pub(super) enum Read {
    /// Without the lock: nearly always all there is to it.
    #[default]
    Plain,
    /// It was no document; reading once more under the lock, which whoever is writing holds.
    Doubting(Box<Error>),
}

impl Read {
    pub(super) fn step(&mut self, event: &Event) -> Turn<Store> {
        let error = match Store::of(event, "read") {
            Ok(store) => return Ok(store),
            Err(error) => error,
        };
        match mem::take(self) {
            // Cut in the middle of a character, half a file is not even text.
            Read::Plain if matches!(*error, Error::StoreCorrupt { .. }) => {
                *self = Read::Doubting(error);
                ask(Effect::ProbeStore)
            }
            // Nobody can tell better: a directory that cannot be written has no writer either.
            Read::Doubting(corrupt)
                if matches!(event, Event::LockTimedOut { .. } | Event::StoreFailed { .. }) =>
            {
                Err(corrupt.into())
            }
            _ => Err(error.into()),
        }
    }
}
