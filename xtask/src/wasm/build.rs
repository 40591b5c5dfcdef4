//! Cargo: the target, the profile, the crate type.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, cargo};

const TARGET: &str = "wasm32-unknown-unknown";
/// In Cargo.toml. Not `wasm`, whose folder would be the one for the result.
const PROFILE: &str = "module";

/// What makes the module smaller than `opt-level = "z"` alone.
const RUSTFLAGS: [&str; 4] = [
    // SHA-256 as a loop: a login needs it once.
    "--cfg=sha2_backend=\"soft\"",
    "--cfg=sha2_backend_soft=\"compact\"",
    // Structs are moved by one `memory.copy`, not field by field.
    "-Cllvm-args=-max-store-memcpy=1",
    // A call is smaller than what it calls.
    "-Cllvm-args=-inline-threshold=0",
];

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
    let mut build = cargo::command(&[
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
    ]);
    build.env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS.join("\x1f"));
    cargo::run(build)?;
    Ok(target.join(TARGET).join(PROFILE).join("pi_auth_wasm.wasm"))
}

/// Returns whether this toolchain has the target, however it was installed.
fn has_target() -> Result<bool> {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    Ok(Path::new(cargo::read(ask)?.trim()).is_dir())
}
