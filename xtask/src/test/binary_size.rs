//! The size of `pi` as it is shipped.

use super::Outcome;
use crate::Result;
use crate::cargo::{self, Profile};

/// The budget, in bytes.
pub(crate) const BUDGET_BYTES: u64 = 5_000_000;

pub(super) fn check() -> Result<Outcome> {
    let pi = cargo::build("pi-auth", "pi", Profile::Release)?;
    let bytes = std::fs::metadata(pi)?.len();
    if bytes < BUDGET_BYTES {
        Ok(Outcome::Passed(format!("{bytes} bytes")))
    } else {
        Err(format!("`pi` has {bytes} bytes; the budget is {BUDGET_BYTES}").into())
    }
}
