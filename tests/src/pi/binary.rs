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
    let built = Command::new(env!("CARGO"))
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
