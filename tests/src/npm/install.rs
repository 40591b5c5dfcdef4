//! `npm ci`, once per machine and lock file, beside what cargo builds.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use super::MEND;
use crate::pi::target;

/// The files that say what is installed.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// The `node_modules` with everything that the lock file in the folder `program` names.
///
/// # Errors
/// It cannot be installed: npm is missing, or the registry out of reach.
pub fn modules(program: &Path) -> Result<PathBuf, String> {
    let inputs = MANIFESTS.map(|manifest| program.join(manifest));
    let digest = digest(&inputs).map_err(|error| format!("{}: {error}", program.display()))?;
    let folder = once(&format!("modules-{digest}"), |partial| {
        for manifest in MANIFESTS {
            let copied = fs::copy(program.join(manifest), partial.join(manifest));
            copied.map_err(|error| format!("{manifest}: {error}"))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
            .args(["--loglevel=error", "--fetch-timeout=60000"])
            .current_dir(partial);
        run(&mut npm)
    })?;
    Ok(folder.join("node_modules"))
}

/// A folder of this name below the target directory, made by the first call on a machine; others
/// wait for that, in whatever process they are.
pub(super) fn once(
    name: &str,
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let all = target()?.join("npm");
    let ready = all.join(name);
    if ready.exists() {
        return Ok(ready);
    }
    let failed = |error: io::Error| format!("{}: {error}", all.display());
    fs::create_dir_all(&all).map_err(failed)?;
    let lock = File::create(all.join(format!("{name}.lock"))).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if ready.exists() {
        return Ok(ready);
    }
    // It gets its name when it is whole: whoever sees it need not wait for the lock.
    let partial = tempfile::tempdir_in(&all).map_err(failed)?;
    make(partial.path())?;
    fs::rename(partial.keep(), &ready).map_err(failed)?;
    Ok(ready)
}

/// A name for what these files say.
pub(super) fn digest(files: &[PathBuf]) -> io::Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let contents = fs::read(file)?;
        hash.update(contents.len().to_le_bytes());
        hash.update(contents);
    }
    Ok(hash.finalize().iter().take(8).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    }))
}

/// Runs a program to its end, and says what it said where it failed.
pub(super) fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let ended = command.stdin(Stdio::null()).output();
    let ended = ended.map_err(|error| format!("{shown} does not start ({error}); {MEND}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = [ended.stdout, ended.stderr].concat();
    Err(format!("{shown} ended with {}\n{}", ended.status, String::from_utf8_lossy(&said)))
}
