//! The programs of this checkout.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// `pi`, built by the first call in a process: into the target directory of the test that calls,
/// and with its profile.
///
/// # Panics
/// When it does not build; the compiler has said why on standard error.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let [pi] = built(["pi"], &["--package", "pi-auth", "--bin", "pi", "--profile", &profile()]);
        pi
    })
}

/// Where these programs are, after a `cargo build` with these arguments into the target directory
/// of the test that calls.
///
/// # Panics
/// When they do not build; the compiler has said why on standard error.
pub fn built<const N: usize>(names: [&str; N], arguments: &[&str]) -> [PathBuf; N] {
    let target = target().unwrap_or_else(|problem| panic!("{problem}"));
    let built = cargo()
        .args(["build", "--quiet", "--locked"])
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", env!("CARGO")));
    assert!(built.status.success(), "cargo build ended with {}", built.status);
    let messages = String::from_utf8_lossy(&built.stdout);
    names.map(|name| {
        let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
        let mut named = messages.filter(|message: &Value| message["target"]["name"] == name);
        let found = named.find_map(|message| message["executable"].as_str().map(PathBuf::from));
        found.unwrap_or_else(|| panic!("cargo names no executable {name}"))
    })
}

/// TARGET of TARGET/PROFILE/deps/TEST, whether it is named by a variable, an option or nobody.
pub(crate) fn target() -> Result<PathBuf, String> {
    let test = env::current_exe().map_err(|error| error.to_string())?;
    test.ancestors().nth(3).map(Path::to_path_buf).ok_or("no target directory".to_owned())
}

/// PROFILE of TARGET/PROFILE/deps/TEST, as cargo takes it.
fn profile() -> String {
    let test = env::current_exe().unwrap_or_default();
    let folder = test.ancestors().nth(2).and_then(Path::file_name).and_then(|name| name.to_str());
    match folder {
        Some("debug") | None => "dev".to_owned(),
        Some(name) => name.to_owned(),
    }
}

/// Cargo, as a person would call it: by what it has told this test of itself some build scripts
/// (ring's) would run again, now and the next time that the person calls it.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in env::vars_os() {
        let of_this = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if name.to_str().is_some_and(|name| of_this.iter().any(|it| name.starts_with(it))) {
            cargo.env_remove(name);
        }
    }
    cargo
}
