//! wasm-bindgen, in a program of its own: what it stands on takes minutes to build.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::cargo::{self, Profile};

/// Writes `pi_auth.js` and `pi_auth.d.ts` into `folder`, and returns the path of the module that
/// belongs to them.
pub(super) fn bind(linked: &Path, folder: &Path) -> Result<PathBuf> {
    let mut glue = Command::new(cargo::build("pi-auth-glue", "pi-auth-glue", Profile::Dev)?);
    glue.args([linked, folder]);
    cargo::run(glue)?;
    Ok(folder.join("pi_auth.named.wasm"))
}
