//! How logout and status begin: with the overrides file, then the credential file.

use super::files::{Store, table};
use super::machine::{StepResult, ask};
use super::read::Read;
use super::{Effect, Event};
use crate::provider::Table;

/// Reading both files.
#[derive(Debug)]
pub(super) struct Open {
    /// The built-in providers until the overrides are read, and where those cannot be used.
    pub(super) table: Table,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Overrides {
        /// True if there is no going on without them.
        required: bool,
    },
    Store(Read),
}

impl Open {
    /// The state that waits for the answer to `Effect::ReadOverrides`. Unless they are `required`,
    /// overrides that cannot be used count as none.
    pub(super) fn new(required: bool) -> Self {
        Open { table: Table::built_in(), step: Step::Overrides { required } }
    }

    pub(super) fn step(&mut self, event: &Event) -> StepResult<Store> {
        match &mut self.step {
            Step::Overrides { required } => {
                match table(event) {
                    Ok(table) => self.table = table,
                    Err(error) if !*required && error.is_of_overrides() => {}
                    Err(error) => return Err(error.into()),
                }
                self.step = Step::Store(Read::default());
                ask(Effect::ReadStore)
            }
            Step::Store(read) => read.step(event),
        }
    }
}
