//! The package, built once from this checkout, in a folder of its own beside what cargo builds.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bindings/npm");
const LICENSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../LICENSE");
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What belongs to the package, of what is in its folder.
const PARTS: [&str; 7] =
    ["package.json", "package-lock.json", "tsconfig.json", "build.mjs", "README.md", "src", "test"];

/// The files that say what npm installs.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// The folder of the built package.
///
/// # Panics
/// When it cannot be built: node or npm is missing, or the registry out of reach.
pub(crate) fn package() -> &'static Path {
    // Of a failure as well: it would take as long again for every test.
    static PACKAGE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PACKAGE.get_or_init(build) {
        Ok(package) => package,
        Err(problem) => panic!("the npm package is not built: {problem}"),
    }
}

fn build() -> Result<PathBuf, String> {
    let target = target().ok_or("the test has no target directory")?;
    let folder = target.join("npm-package");
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    // Held until this process ends: another must not rebuild what is being tested.
    let lock = File::create(folder.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    std::mem::forget(lock);

    let wasm = module(&target)?;
    let modules = modules(&folder)?;
    let package = folder.join("package");
    let _ = fs::remove_dir_all(&package);
    fs::create_dir_all(package.join("bindings")).map_err(failed)?;
    // As in the checkout, for the licence stands two folders above.
    fs::copy(LICENSE, package.join("LICENSE")).map_err(failed)?;
    let package = package.join("bindings/npm");
    for part in PARTS {
        copy(&Path::new(SOURCE).join(part), &package.join(part)).map_err(failed)?;
    }
    symlink(modules, package.join("node_modules")).map_err(failed)?;
    output(Command::new("node").arg("build.mjs").arg(wasm).current_dir(&package))?;
    Ok(package)
}

/// The WebAssembly module: of the folder that `PI_AUTH_WASM` names, else built from this checkout.
fn module(target: &Path) -> Result<PathBuf, String> {
    if let Some(folder) = env::var_os("PI_AUTH_WASM") {
        return Ok(Path::new(&folder).join("pi_auth.wasm"));
    }
    let failed = |error: io::Error| format!("{}: {error}", target.display());
    // Two at once would read what the other has half written.
    let lock = File::create(target.join("wasm.lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let began = SystemTime::now();
    let mut xtask = Command::new(env!("CARGO"));
    xtask.args(["run", "--quiet", "--package", "xtask", "--", "wasm"]);
    let built = output(xtask.env("CARGO_TARGET_DIR", target).current_dir(WORKSPACE));
    let wasm = target.join("wasm/pi_auth.wasm");
    // One that is over its budget is a failure there, and runs here.
    let is_new = fs::metadata(&wasm).and_then(|it| it.modified()).is_ok_and(|at| at >= began);
    if is_new { Ok(wasm) } else { built.map(|()| wasm) }
}

/// What the package depends on, installed once for each version of its manifests.
fn modules(folder: &Path) -> Result<PathBuf, String> {
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    let ready = folder.join(digest().map_err(failed)?);
    if !ready.exists() {
        // It gets its name when it is whole.
        let partial = tempfile::tempdir_in(folder).map_err(failed)?;
        for manifest in MANIFESTS {
            fs::copy(Path::new(SOURCE).join(manifest), partial.path().join(manifest))
                .map_err(failed)?;
        }
        let quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts"]).args(quiet).current_dir(partial.path());
        output(&mut npm)?;
        fs::rename(partial.keep(), &ready).map_err(failed)?;
    }
    Ok(ready.join("node_modules"))
}

/// Runs a program to its end, and gives what it has said if it failed.
fn output(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = command.stdin(Stdio::null()).output().map_err(|error| {
        format!("{name} does not start ({error}): it takes Node.js 20 with npm")
    })?;
    if ended.status.success() {
        return Ok(());
    }
    let said = [ended.stdout, ended.stderr].concat();
    Err(format!("{name} ended with {}\n{}", ended.status, String::from_utf8_lossy(&said)))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        return fs::copy(from, to).map(drop);
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// A name for what the manifests say.
fn digest() -> io::Result<String> {
    let mut hash = Sha256::new();
    for manifest in MANIFESTS {
        hash.update(fs::read(Path::new(SOURCE).join(manifest))?);
    }
    Ok(hash.finalize().iter().take(8).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    }))
}

/// TARGET of TARGET/PROFILE/deps/TEST, whether it is named by a variable, an option or nobody.
fn target() -> Option<PathBuf> {
    env::current_exe().ok()?.ancestors().nth(3).map(Path::to_path_buf)
}
