//! The binary of this checkout.

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
    BINARY.get_or_init(|| build().unwrap_or_else(|problem| panic!("pi was not built: {problem}")))
}

fn build() -> Result<PathBuf, String> {
    // TARGET/PROFILE/deps/TEST, whether TARGET is named by a variable, an option or nobody.
    let test = env::current_exe().map_err(|error| error.to_string())?;
    let profile = test.ancestors().nth(2).ok_or("the test has no target directory")?;
    let target = profile.parent().ok_or("the test has no target directory")?;
    let profile = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let built = cargo()
        .args(["build", "--quiet", "--package", "pi-auth", "--bin", "pi", "--profile", profile])
        .arg("--message-format=json-render-diagnostics")
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{} does not start: {error}", env!("CARGO")))?;
    if !built.status.success() {
        return Err(format!("cargo build ended with {}", built.status));
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "pi")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo names no executable".to_owned())
}

/// Cargo, as a person would call it: by what it has told this test of itself some build scripts (ring's)
/// would run again, now and the next time that the person calls it.
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
