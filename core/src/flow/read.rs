//! The read half of the store protocol: a file that does not parse is believed to be corrupt, and a
//! blank one to be empty, only once it was read under the lock, since the agent writes in place and
//! half a file can be seen.

use alloc::boxed::Box;
use core::mem;

use super::files::Store;
use super::machine::{StepResult, ask};
use super::{Effect, Event};
use crate::error::{Error, StoreFailure};

/// Reading the credential file, which begins with `Effect::ReadStore`.
#[derive(Debug, Default)]
pub(super) enum Read {
    /// Without the lock: nearly always all there is to it.
    #[default]
    Plain,
    /// It was no document, or blank; reading once more under the lock, which whoever is writing
    /// holds.
    Doubting(Box<Result<Store, Box<Error>>>),
}

impl Read {
    pub(super) fn step(&mut self, event: &Event) -> StepResult<Store> {
        let read = Store::of(event, "read");
        // Cut in the middle of a character, half a file is not even text.
        let is_doubtful = match &read {
            Ok(store) => store.is_blank,
            Err(error) => matches!(**error, Error::StoreCorrupt { .. }),
        };
        match mem::take(self) {
            Read::Plain if is_doubtful => {
                *self = Read::Doubting(Box::new(read));
                ask(Effect::ProbeStore)
            }
            Read::Doubting(doubted)
                if matches!(event, Event::LockTimedOut { .. } | Event::StoreFailed { .. }) =>
            {
                match *doubted {
                    // A blank one may still be filled by whoever is writing it.
                    Ok(_) if !is_read_only(event) => Ok(read?),
                    // Nobody can tell better.
                    doubted => Ok(doubted?),
                }
            }
            _ => Ok(read?),
        }
    }
}

/// Returns whether this user cannot write there: then nobody is just writing.
fn is_read_only(event: &Event) -> bool {
    use StoreFailure::{PermissionDenied, ReadOnly};
    matches!(event, Event::StoreFailed { failure: PermissionDenied | ReadOnly, .. })
}
