//! What a test asks of the machine itself: to fail, to fill up, to lie about the time, to run a
//! program for somebody else. What is not to be had here is an error that says why, so that the
//! test can be counted as skipped.
//!
//! | file | what is in it |
//! |---|---|
//! | `files.rs` | modes, and what is no file |
//! | `strace.rs` | the system calls of a program: seen, failed, and made its last |
//! | `small_disk.rs` | a file system that is soon full |
//! | `plain_user.rs` | somebody whom modes do stop |
//! | `faketime.rs` | a clock that is wrong |

#![allow(clippy::panic, reason = "a test that cannot go on stops and says why")]

pub mod faketime;
pub mod files;
pub mod plain_user;
pub mod small_disk;
pub mod strace;

use std::env;
use std::path::PathBuf;

/// A program in PATH.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A program in PATH.
///
/// # Errors
/// There is none.
pub(crate) fn needed(name: &str) -> Result<PathBuf, String> {
    program(name).ok_or_else(|| format!("{name} is not installed"))
}
