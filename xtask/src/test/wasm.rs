//! The module: no imports, nothing that tells where it was built, and no larger than it may be.
//!
//! That it builds at all says that the core needs no operating system, no clock and no random
//! source. The steps after it use what was built here.

use super::Outcome;
use crate::{Result, wasm};

pub(super) fn check() -> Result<Outcome> {
    let built = wasm::built()?;
    match built.is_within_budget() {
        true => Ok(Outcome::Passed(built.in_words())),
        false => Err("the module is over its budget".into()),
    }
}
