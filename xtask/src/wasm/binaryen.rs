//! wasm-opt from npm's `binaryen`: compiled to WebAssembly itself, it needs nothing but node.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, cargo, npm};

/// What the compiler uses, and every engine has that we name (Node 20, wasmtime 48). Never all
/// features: the encoding of some changes with them, and Node 20 does not load that.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Installs into `folder` what `bindings/package-lock.json` names, and tells where wasm-opt is.
pub(super) fn install(folder: &Path) -> Result<PathBuf> {
    npm::install(&cargo::workspace().join("bindings"), folder)?;
    Ok(folder.join("node_modules/binaryen/bin/wasm-opt"))
}

/// Writes the module anew: small, and without names.
pub(super) fn optimize(wasm_opt: &Path, from: &Path, to: &Path) -> Result {
    let mut node = Command::new("node");
    node.arg(wasm_opt)
        .args(FEATURES)
        // Control flow is taken apart and put together anew, once.
        .args(["--flatten", "--rereloop", "-Oz", "-Oz", "--converge"])
        // What rustc and an engine promise: nothing stands at the lowest addresses, and memory that
        // nothing has been put into is zero.
        .args(["--low-memory-unused", "--zero-filled-memory"])
        .args(["--strip-debug", "--strip-producers", "--strip-target-features"])
        .arg(from)
        .arg("-o")
        .arg(to)
        .stdin(Stdio::null());
    match node.status() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err("there is no `node` here: install Node 20 or newer".into())
        }
        Err(error) => Err(error.into()),
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("wasm-opt ended with {status}").into()),
    }
}
