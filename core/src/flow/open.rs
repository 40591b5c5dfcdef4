//! How logout and status begin: with the overrides file, then the credential file.

use super::read::Read;
use super::{Effect, Event, Store, Turn, table, unexpected};
use crate::provider::Table;

/// Reading both files.
#[derive(Debug)]
pub(super) enum Open {
    Overrides,
    Store(Table, Read),
}

impl Open {
    pub(super) fn start() -> (Self, Effect) {
        (Open::Overrides, Effect::ReadOverrides)
    }

    pub(super) fn step(self, event: Event) -> Turn<Open, (Table, Store)> {
        match (self, event) {
            (Open::Overrides, Event::OverridesRead { path, contents }) => {
                match table(path, contents) {
                    Err(error) => Turn::Failed(error),
                    Ok(table) => {
                        let (read, effect) = Read::start();
                        Turn::Ask(Open::Store(table, read), effect)
                    }
                }
            }
            (Open::Overrides, event) => Turn::Failed(unexpected(event, "read")),
            (Open::Store(table, read), event) => match read.step(event) {
                Turn::Ask(read, effect) => Turn::Ask(Open::Store(table, read), effect),
                Turn::Done(store) => Turn::Done((table, store)),
                Turn::Failed(error) => Turn::Failed(error),
            },
        }
    }
}
