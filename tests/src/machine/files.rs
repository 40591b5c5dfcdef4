//! Modes, and what is no file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

/// Who may do what with it: `0o600`. Of a link, not of what it leads to.
///
/// # Panics
/// When there is nothing.
pub fn mode(path: &Path) -> u32 {
    let metadata = fs::symlink_metadata(path);
    metadata.unwrap_or_else(|error| panic!("{}: {error}", path.display())).mode() & 0o7777
}

/// Gives it this mode.
///
/// # Panics
/// When that cannot be done.
pub fn set_mode(path: &Path, mode: u32) {
    let set = fs::set_permissions(path, Permissions::from_mode(mode));
    set.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Makes a FIFO.
///
/// # Panics
/// When that cannot be done.
pub fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "no FIFO at {}", path.display());
}
