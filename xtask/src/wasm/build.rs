//! Cargo: the target, the profile, the crate type.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, cargo};

const TARGET: &str = "wasm32-unknown-unknown";
/// In Cargo.toml. Not `wasm`, whose folder would be the one for the result.
const PROFILE: &str = "module";

/// Builds and links the crate, and tells where the module is.
pub(super) fn link(target: &Path) -> Result<PathBuf> {
    if !has_target()? {
        println!("rustup target add {TARGET}");
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", TARGET]).current_dir(cargo::workspace());
        cargo::run(rustup).map_err(|failure| {
            format!("the module takes {TARGET}, and rustup could not install it: {failure}")
        })?;
    }
    cargo::run(cargo::command(&[
        "rustc",
        "--locked",
        "--package",
        "pi-auth-wasm",
        "--profile",
        PROFILE,
        "--target",
        TARGET,
        // In the manifest it is a library for tests. A package that is both is not optimized across
        // its crates, and a fifth larger.
        "--crate-type",
        "cdylib",
    ]))?;
    Ok(target.join(TARGET).join(PROFILE).join("pi_auth_wasm.wasm"))
}

/// Whether this toolchain has the target, however it was installed.
fn has_target() -> Result<bool> {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    Ok(Path::new(cargo::read(ask)?.trim()).is_dir())
}
