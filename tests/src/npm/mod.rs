//! What comes from npm, and what goes there: programs of other people, installed once per machine,
//! and the package of this checkout, built once per state of its sources.
//!
//! | file | what is in it |
//! |---|---|
//! | `install.rs` | `npm ci`, once for each lock file |
//! | `package.rs` | the module and the npm package of this checkout |
//!
//! All of it stands below the target directory of the test that asks, and stays there.

#![allow(clippy::panic, reason = "a test that cannot go on stops and says why")]

mod install;
mod package;

use std::path::PathBuf;

pub use install::modules;
pub use package::{installed, module, package};

/// What to do where a program is missing.
pub(crate) const MEND: &str = "these tests need Node.js 22 (or a late 20) with npm in PATH: install both, \
                               as packages nodejs and npm or from https://nodejs.org";

/// The `node` in PATH.
///
/// # Errors
/// There is none; with what to do about it.
pub fn node() -> Result<PathBuf, String> {
    crate::machine::program("node").ok_or_else(|| format!("there is no node in PATH; {MEND}"))
}
