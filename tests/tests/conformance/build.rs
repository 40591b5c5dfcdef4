//! What is held to the vectors, built once in a process: the module, and the programs that run it.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use serde_json::Value;

/// The folder in which `pi_auth.wasm` is, and `pi_auth.js`: the one that `PI_AUTH_WASM` names, or else what
/// `cargo xtask wasm` makes of this checkout.
pub(crate) fn module() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match env::var_os("PI_AUTH_WASM") {
        Some(folder) => folder.into(),
        None => build_module(),
    })
}

/// `pi` with the feature `wasm-core`.
pub(crate) fn pi() -> &'static Path {
    &programs().pi
}

/// What speaks to a module in wasmtime: `host/examples/engine.rs`.
pub(crate) fn wasmtime() -> &'static Path {
    &programs().engine
}

struct Programs {
    pi: PathBuf,
    engine: PathBuf,
}

fn build_module() -> PathBuf {
    let folder = target().join("wasm");
    // Two at once would read what the other has half written.
    let lock = File::create(target().join("wasm.lock")).unwrap();
    lock.lock().unwrap();
    let began = SystemTime::now();
    let status = cargo(&["run", "--quiet", "--package", "xtask", "--", "wasm"])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    let written = fs::metadata(folder.join("pi_auth.wasm")).and_then(|it| it.modified());
    // One that is over its budget is still one.
    let is_there = status.success() || written.is_ok_and(|at| at >= began);
    assert!(is_there, "`cargo xtask wasm` did not build the module: {status}");
    folder
}

fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        // A profile of its own: what is built with the feature must not take the place of `pi`.
        let built = cargo(&["build", "--locked", "--package", "pi-auth", "--profile", "wasm-core"])
            .args(["--quiet", "--features", "wasm-core", "--bin", "pi", "--example", "engine"])
            .arg("--message-format=json-render-diagnostics")
            .output()
            .unwrap();
        assert!(built.status.success(), "`pi` with wasm-core does not build: {}", built.status);
        let messages = String::from_utf8(built.stdout).unwrap();
        let executable = |name: &str| {
            let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
            let mut named = messages.filter(|message: &Value| message["target"]["name"] == name);
            named.find_map(|message| message["executable"].as_str().map(PathBuf::from)).unwrap()
        };
        Programs { pi: executable("pi"), engine: executable("engine") }
    })
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(arguments)
        .env("CARGO_TARGET_DIR", target())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    cargo
}

/// The target directory in which this test is: TARGET/PROFILE/deps/TEST.
fn target() -> PathBuf {
    env::current_exe().unwrap().ancestors().nth(3).unwrap().to_path_buf()
}
