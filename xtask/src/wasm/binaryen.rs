//! wasm-opt from npm's `binaryen`: compiled to WebAssembly itself, it needs nothing but node.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, cargo};

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

/// What says which version; both are committed.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs into `folder` what `bindings/package-lock.json` names, unless it is there already, and
/// tells where wasm-opt is.
pub(super) fn install(folder: &Path) -> Result<PathBuf> {
    let wasm_opt = folder.join("node_modules/binaryen/bin/wasm-opt");
    let bindings = cargo::workspace().join("bindings");
    let mut is_current = wasm_opt.is_file();
    fs::create_dir_all(folder)?;
    for manifest in MANIFESTS {
        let (wanted, there) = (fs::read(bindings.join(manifest))?, folder.join(manifest));
        if fs::read(&there).ok().as_ref() != Some(&wanted) {
            is_current = false;
        }
        if !is_current {
            fs::write(there, wanted)?;
        }
    }
    if is_current {
        return Ok(wasm_opt);
    }
    println!("npm ci (binaryen)");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
        .arg("--loglevel=error")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    match cargo::run(npm) {
        Ok(()) => Ok(wasm_opt),
        Err(failure) => {
            // What is half there must not count as there.
            let _ = fs::remove_file(folder.join(MANIFESTS[1]));
            Err(format!("npm could not install binaryen, which makes the module small: {failure}")
                .into())
        }
    }
}

/// Writes the module anew: small, and without names.
pub(super) fn optimize(wasm_opt: &Path, from: &Path, to: &Path) -> Result {
    let mut node = Command::new("node");
    node.arg(wasm_opt)
        .args(FEATURES)
        .args(["-Oz", "--converge"])
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
