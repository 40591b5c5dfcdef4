//! The npm package of this checkout, built as it is shipped.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use super::install::{self, digest, modules, once};
use crate::pi::{cargo, target};

/// The checkout.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The folder of the package, in the checkout as in what is built.
const PACKAGE: &str = "bindings/npm";

/// What the package does not consist of, of what is in its folder.
const LEFT_OUT: [&str; 3] = ["node_modules", "dist", "LICENSE"];

/// The WebAssembly module, in a folder that has `pi_auth.js` as well: the one that `PI_AUTH_WASM`
/// names, or else what `cargo xtask wasm` makes of this checkout.
///
/// # Panics
/// When it cannot be built.
pub fn module() -> &'static Path {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BUILT.get_or_init(build_module) {
        Ok(module) => module,
        Err(problem) => panic!("the module is not built: {problem}"),
    }
}

/// A folder that is the package, built: `package.json`, `dist` with the module in it,
/// `node_modules`, and its own tests. Nobody may write there.
///
/// # Panics
/// When it cannot be built: the core or the package does not compile, npm is missing, or the
/// registry out of reach.
pub fn package() -> &'static Path {
    // Of a failure as well: it would take as long again for every test.
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BUILT.get_or_init(build) {
        Ok(package) => package,
        Err(problem) => panic!("the npm package is not built: {problem}"),
    }
}

/// The same as its users get it: packed, and installed from the tarball in a folder of its own.
///
/// # Panics
/// As [`package`] does.
pub fn installed() -> &'static Path {
    static INSTALLED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match INSTALLED.get_or_init(|| pack(package())) {
        Ok(installed) => installed,
        Err(problem) => panic!("the npm package is not installed: {problem}"),
    }
}

fn pack(package: &Path) -> Result<PathBuf, String> {
    // The package's folder has a name for all that is in it.
    let root = package.ancestors().nth(2).and_then(Path::file_name).unwrap_or_default();
    let folder = once(&format!("installed-{}", root.to_string_lossy()), |partial| {
        let npm = |words: &[&str], at: &Path| {
            let quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
            install::run(Command::new("npm").args(words).args(quiet).current_dir(at))
        };
        let to = partial.to_string_lossy();
        npm(&["pack", "--pack-destination", &to], package)?;
        let mut files = fs::read_dir(partial).into_iter().flatten().flatten();
        let tarball = files.next().ok_or("`npm pack` has made no file")?.path();
        let tarball = tarball.to_string_lossy();
        fs::write(partial.join("package.json"), "{}").map_err(|error| error.to_string())?;
        npm(&["install", "--ignore-scripts", "--omit=dev", &tarball], partial)
    })?;
    Ok(folder.join("node_modules/pi-auth"))
}

fn build() -> Result<PathBuf, String> {
    let wasm = module();
    let source = Path::new(CHECKOUT).join(PACKAGE);
    // The licence stands two folders above, and is part of it; its tests read what both hosts are
    // held to.
    let above =
        ["LICENSE", "tests/every_fault.json", "tests/odd_answers.json", "tests/proxies.json"];
    let mut parts: Vec<PathBuf> = above.map(PathBuf::from).into();
    let listed = list(Path::new(CHECKOUT), Path::new(PACKAGE), &mut parts);
    listed.map_err(|error| format!("{}: {error}", source.display()))?;
    let modules = modules(&source)?;
    let mut inputs: Vec<PathBuf> = parts.iter().map(|it| Path::new(CHECKOUT).join(it)).collect();
    inputs.push(wasm.to_path_buf());
    let digest = digest(&inputs).map_err(|error| error.to_string())?;
    let built = once(&format!("package-{digest}"), |partial| {
        for part in &parts {
            let to = partial.join(part);
            let copied = fs::create_dir_all(to.parent().unwrap_or(partial))
                .and_then(|()| fs::copy(Path::new(CHECKOUT).join(part), &to));
            copied.map_err(|error| format!("{}: {error}", part.display()))?;
        }
        let package = partial.join(PACKAGE);
        symlink(&modules, package.join("node_modules")).map_err(|error| error.to_string())?;
        install::run(Command::new("node").arg("build.mjs").arg(wasm).current_dir(package))
    })?;
    Ok(built.join(PACKAGE))
}

/// Of the folder that `PI_AUTH_WASM` names, else built from this checkout.
fn build_module() -> Result<PathBuf, String> {
    if let Some(folder) = env::var_os("PI_AUTH_WASM") {
        return Ok(Path::new(&folder).join("pi_auth.wasm"));
    }
    let target = target()?;
    // Two at once would read what the other has half written.
    let lock = File::create(target.join("wasm.lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let began = SystemTime::now();
    let mut xtask = cargo();
    xtask.args(["run", "--quiet", "--package", "xtask", "--", "wasm"]);
    let built = install::run(xtask.env("CARGO_TARGET_DIR", &target).current_dir(CHECKOUT));
    let wasm = target.join("wasm/pi_auth.wasm");
    // One that is over its budget is a failure there, and runs here.
    let is_new = fs::metadata(&wasm).and_then(|it| it.modified()).is_ok_and(|at| at >= began);
    if is_new { Ok(wasm) } else { built.map(|()| wasm) }
}

/// All files below the folder `at` of `root`, in an order that is the same everywhere.
fn list(root: &Path, at: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(at))? {
        names.push(entry?.file_name());
    }
    names.sort();
    for name in names {
        let path = at.join(&name);
        let is_left_out = at == Path::new(PACKAGE) && LEFT_OUT.iter().any(|it| name == *it);
        match root.join(&path).is_dir() {
            _ if is_left_out => {}
            true => list(root, &path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
