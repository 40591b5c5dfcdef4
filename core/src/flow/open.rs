//! How logout and status begin: with the overrides file, then the credential file.

use super::read::{self, Read};
use super::{Effect, Event, Store, table, unexpected};
use crate::error::Error;
use crate::provider::Table;

/// Reading both files.
#[derive(Debug)]
pub(super) enum Open {
    Overrides,
    Store(Table, Read),
}

/// What a step of it leads to.
#[derive(Debug)]
pub(super) enum Progress {
    Ask(Open, Effect),
    Opened(Table, Store),
    Failed(Error),
}

impl Open {
    pub(super) fn start() -> (Self, Effect) {
        (Open::Overrides, Effect::ReadOverrides)
    }

    pub(super) fn step(self, event: Event) -> Progress {
        match (self, event) {
            (Open::Overrides, Event::OverridesRead { path, contents }) => {
                match table(path, contents) {
                    Err(error) => Progress::Failed(error),
                    Ok(table) => {
                        let (read, effect) = Read::start();
                        Progress::Ask(Open::Store(table, read), effect)
                    }
                }
            }
            (Open::Overrides, event) => Progress::Failed(unexpected(event, "read")),
            (Open::Store(table, read), event) => match read.step(event) {
                read::Progress::Ask(read, effect) => {
                    Progress::Ask(Open::Store(table, read), effect)
                }
                read::Progress::Read(store) => Progress::Opened(table, store),
                read::Progress::Failed(error) => Progress::Failed(error),
            },
        }
    }
}
