//! Running cargo.

use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;

/// How a binary is built.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// Quick to build.
    Dev,
    /// As it is shipped.
    Release,
}

/// Where the workspace is. Asked as it runs: in a target directory that two clones share, this
/// program may have been built in the other one.
pub(crate) fn workspace() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(own).join("..")
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let ask = ["metadata", "--locked", "--no-deps", "--format-version", "1"];
    let metadata: Value = serde_json::from_str(&read(command(&ask))?)?;
    let directory =
        metadata["target_directory"].as_str().ok_or("cargo knows no target directory")?;
    Ok(directory.into())
}

/// `cargo ARGUMENTS`, to be run at the root of the workspace.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(workspace()).stdin(Stdio::null());
    // `cargo run` tells us about our own package. Handed on, these variables look like a change
    // to build scripts that watch them (ring's does), which then build again every time.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end, its output shown as it comes.
pub(crate) fn run(mut command: Command) -> Result {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("it ended with {status}").into()) }
}

/// What a command prints to stdout; it fails if the command does.
pub(crate) fn read(mut command: Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("it ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Builds one binary and tells where it is.
pub(crate) fn build(package: &str, binary: &str, profile: Profile) -> Result<PathBuf> {
    let mut build = command(&["build", "--package", package, "--bin", binary]);
    build.args(["--locked", "--message-format", "json-render-diagnostics"]);
    if let Profile::Release = profile {
        build.arg("--release");
    }
    let mut child = build.stdout(Stdio::piped()).spawn()?;
    let messages = child.stdout.take().ok_or("cargo has no stdout")?;
    let mut executable = None;
    for message in serde_json::Deserializer::from_reader(BufReader::new(messages)).into_iter() {
        let message: Value = message?;
        if message["target"]["name"] == binary {
            executable = message["executable"].as_str().map(PathBuf::from).or(executable);
        }
    }
    if !child.wait()?.success() {
        return Err(format!("`{binary}` of {package} does not build").into());
    }
    executable.ok_or_else(|| format!("cargo did not say where it put `{binary}`").into())
}
