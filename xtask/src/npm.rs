//! What comes from npm: installed below the target directory, as a committed lock file says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Result, cargo};

/// What says which version of what.
pub(crate) const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs into `folder` what the lock file in `source` names, unless it is there already.
pub(crate) fn install(source: &Path, folder: &Path) -> Result {
    let mut is_current = folder.join("node_modules").is_dir();
    fs::create_dir_all(folder)?;
    for manifest in MANIFESTS {
        let (wanted, there) = (fs::read(source.join(manifest))?, folder.join(manifest));
        is_current &= fs::read(&there).is_ok_and(|it| it == wanted);
        if !is_current {
            fs::write(there, wanted)?;
        }
    }
    if is_current {
        return Ok(());
    }
    println!("npm ci ({})", source.canonicalize()?.display());
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
        .arg("--loglevel=error")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    cargo::run(npm).map_err(|failure| {
        // What is half there must not count as there.
        let _ = fs::remove_file(folder.join(MANIFESTS[1]));
        format!("npm, which comes with Node.js, could not install: {failure}").into()
    })
}
