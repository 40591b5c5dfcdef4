//! The npm package of this checkout, built as it is shipped.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use super::install::{self, MANIFESTS};

/// The folder with the package's sources.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bindings/npm");

/// What the agent loads. Of a program it makes its own modules known to those alone that are
/// TypeScript when it loads them.
const EXTENSION: &str = "pi-extension.ts";

/// The extension, as the agent takes it for `-e`.
///
/// # Panics
/// As [`package`] does.
pub fn extension() -> String {
    package().join("dist").join(EXTENSION).to_string_lossy().into_owned()
}

/// A folder that is the package: `package.json`, `dist` with the module in it, and `node_modules`.
///
/// # Panics
/// When it cannot be built: the core or the package does not compile, npm is missing, or the registry
/// out of reach.
pub fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        build().unwrap_or_else(|problem| panic!("the npm package is not built: {problem}"))
    })
}

fn build() -> Result<PathBuf, String> {
    let wasm = module()?;
    let modules = install::modules(Path::new(PROGRAM))?.join("node_modules");
    let program = Path::new(PROGRAM);
    let sources = program.join("src");
    let mut inputs = vec![wasm.clone(), program.join("tsconfig.json")];
    inputs.extend(MANIFESTS.map(|manifest| program.join(manifest)));
    list(&sources, &mut inputs).map_err(|error| format!("{}: {error}", sources.display()))?;
    let digest = install::digest(&inputs).map_err(|error| error.to_string())?;
    install::once(&format!("package-{digest}"), |partial| {
        let place = |name: &str| partial.join(name);
        for name in ["package.json", "tsconfig.json"] {
            fs::copy(program.join(name), place(name))
                .map_err(|error| format!("{name}: {error}"))?;
        }
        // The compiler looks for types beside what it compiles.
        symlink(&modules, place("node_modules")).map_err(|error| error.to_string())?;
        copy(&sources, &place("src")).map_err(|error| error.to_string())?;
        let tsc = modules.join("typescript/bin/tsc");
        install::run(Command::new("node").arg(tsc).arg("--project").arg(partial))?;
        fs::copy(&wasm, place("dist/core.wasm")).map_err(|error| error.to_string())?;
        let entry = sources.join(EXTENSION);
        fs::copy(entry, place("dist").join(EXTENSION)).map_err(|error| error.to_string())?;
        Ok(())
    })
}

/// The core as a module, built into the target directory of the test that calls.
fn module() -> Result<PathBuf, String> {
    let target = install::target()?;
    let mut xtask = Command::new(env!("CARGO"));
    xtask
        .args(["run", "--quiet", "--package", "xtask", "--", "wasm"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", &target);
    let wasm = target.join("wasm/pi_auth.wasm");
    let before = SystemTime::now();
    let built = install::run(&mut xtask);
    // One that is larger than it should be is a failure there, and runs here.
    let is_new = fs::metadata(&wasm).and_then(|it| it.modified()).is_ok_and(|it| it >= before);
    if is_new { Ok(wasm) } else { built.map(|()| wasm) }
}

/// All files below a folder, in an order that is the same everywhere.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        entries.push(entry?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
