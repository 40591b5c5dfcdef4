//! The packages that are imported, each in a folder below the target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, cargo, npm};

/// What the package is built from.
const SOURCES: [&str; 3] = ["src", "build.mjs", "tsconfig.json"];

/// The package of this checkout, built around `module`; the folder that has it by its name.
pub(super) fn pi_auth(folder: &Path, module: &Path) -> Result<PathBuf> {
    let checkout = cargo::workspace();
    // As in the checkout: the licence stands two folders above.
    let package = folder.join("bindings/npm");
    npm::install(&checkout.join("bindings/npm"), &package)?;
    fs::copy(checkout.join("LICENSE"), folder.join("LICENSE"))?;
    for source in SOURCES {
        let (from, to) = (checkout.join("bindings/npm").join(source), package.join(source));
        // What is no more there must not be built.
        let _ = fs::remove_dir_all(&to);
        copy(&from, &to)?;
    }
    let mut build = Command::new("node");
    build.arg("build.mjs").arg(module).current_dir(&package).stdin(Stdio::null());
    cargo::run(build).map_err(|failure| format!("the npm package does not build: {failure}"))?;
    Ok(package)
}

/// The agent's library, as `xtask/bench/package-lock.json` pins it.
pub(super) fn pi_ai(folder: &Path) -> Result<PathBuf> {
    npm::install(&cargo::workspace().join("xtask/bench"), folder)?;
    Ok(folder.to_owned())
}

fn copy(from: &Path, to: &Path) -> Result {
    if from.is_file() {
        fs::copy(from, to)?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
