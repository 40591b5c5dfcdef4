//! `npm ci`, once per machine, beside what cargo builds.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

/// The folder with the server's program and what it depends on.
pub(super) const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oidc-server");

/// The files that say what is installed.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// What to do where a program is missing.
pub(super) const MEND: &str = "these tests run a real OAuth server, which needs Node.js 22 (or a \
                               late 20) with npm in PATH: install both, as packages nodejs and npm \
                               or from https://nodejs.org";

/// A folder with everything in `node_modules` that the lock file names. The first call on a machine
/// installs it; others wait for that, in whatever process they are.
///
/// # Panics
/// When it cannot be installed: npm is missing, or the registry out of reach.
pub(super) fn modules() -> &'static Path {
    static MODULES: OnceLock<PathBuf> = OnceLock::new();
    MODULES.get_or_init(|| {
        install().unwrap_or_else(|problem| panic!("oidc-provider is not installed: {problem}"))
    })
}

fn install() -> Result<PathBuf, String> {
    let all = target().ok_or("the test has no target directory")?.join("oidc-server");
    let program = Path::new(PROGRAM);
    let ready = all.join(digest(program).map_err(|error| format!("{PROGRAM}: {error}"))?);
    if ready.exists() {
        return Ok(ready);
    }
    let failed = |error: io::Error| format!("{}: {error}", all.display());
    fs::create_dir_all(&all).map_err(failed)?;
    let lock = File::create(all.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if ready.exists() {
        return Ok(ready);
    }
    // It gets its name when it is whole: whoever sees it need not wait for the lock.
    let partial = tempfile::tempdir_in(&all).map_err(failed)?;
    for manifest in MANIFESTS {
        fs::copy(program.join(manifest), partial.path().join(manifest)).map_err(failed)?;
    }
    npm_ci(partial.path())?;
    fs::rename(partial.keep(), &ready).map_err(failed)?;
    Ok(ready)
}

fn npm_ci(folder: &Path) -> Result<(), String> {
    let npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
        .args(["--loglevel=error", "--fetch-timeout=60000"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("npm does not start ({error}); {MEND}"))?;
    if npm.status.success() {
        return Ok(());
    }
    Err(format!(
        "`npm ci` ended with {}; it needs the npm registry once\n{}",
        npm.status,
        String::from_utf8_lossy(&npm.stderr)
    ))
}

/// TARGET of TARGET/PROFILE/deps/TEST, whether it is named by a variable, an option or nobody.
fn target() -> Option<PathBuf> {
    env::current_exe().ok()?.ancestors().nth(3).map(Path::to_path_buf)
}

/// A name for what the manifests say.
fn digest(program: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    for manifest in MANIFESTS {
        hash.update(fs::read(program.join(manifest))?);
    }
    Ok(hash.finalize().iter().take(8).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    }))
}
