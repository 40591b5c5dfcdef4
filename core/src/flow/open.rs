//! How logout and status begin: with the overrides file, then the credential file.

use super::read::Read;
use super::{Effect, Event, Store, Turn, table, unexpected};
use crate::error::Error;
use crate::provider::Table;

/// Reading both files.
#[derive(Debug)]
pub(super) enum Open {
    /// Whether there is no going on without them.
    Overrides {
        required: bool,
    },
    Store(Table, Read),
}

impl Open {
    pub(super) fn start() -> (Self, Effect) {
        (Open::Overrides { required: true }, Effect::ReadOverrides)
    }

    /// The same, but overrides that cannot be used count as none.
    pub(super) fn start_without_overrides_if_need_be() -> (Self, Effect) {
        (Open::Overrides { required: false }, Effect::ReadOverrides)
    }

    pub(super) fn step(self, event: Event) -> Turn<Open, (Table, Store)> {
        match (self, event) {
            (Open::Overrides { required }, event) => {
                let table = match event {
                    Event::OverridesRead { path, contents } => table(path, contents),
                    event => Err(unexpected(event, "read")),
                };
                match table {
                    Err(Error::Overrides { .. }) if !required => open_store(Table::built_in()),
                    Err(error) => Turn::Failed(error),
                    Ok(table) => open_store(table),
                }
            }
            (Open::Store(table, read), event) => match read.step(event) {
                Turn::Ask(read, effect) => Turn::Ask(Open::Store(table, read), effect),
                Turn::Done(store) => Turn::Done((table, store)),
                Turn::Failed(error) => Turn::Failed(error),
            },
        }
    }
}

fn open_store(table: Table) -> Turn<Open, (Table, Store)> {
    let (read, effect) = Read::start();
    Turn::Ask(Open::Store(table, read), effect)
}
