//! cargo-fuzz: found or installed, and what it builds.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, cargo};

/// Where things are.
pub(super) struct Built {
    /// The folder of the targets' programs.
    pub(super) programs: PathBuf,
    /// The folder for all that a run leaves behind.
    pub(super) left: PathBuf,
}

/// Builds these targets.
pub(super) fn build(names: &[&str]) -> Result<Built> {
    install()?;
    let left = cargo::target_directory()?.join("fuzz");
    let target = left.join("build");
    for name in names {
        let mut build = cargo::command(&["fuzz", "build", "--sanitizer", "none", "--target-dir"]);
        build.arg(&target).arg(name);
        cargo::run(build).map_err(|failure| {
            format!("libFuzzer, which is C++, could not be built: {failure}. It takes a C++ compiler, such as g++.")
        })?;
    }
    let programs = target.join(host()?).join("release");
    Ok(Built { programs, left })
}

/// A folder of the project's own, for inputs.
pub(super) fn folder(name: &str) -> PathBuf {
    Path::new(&cargo::workspace()).join("fuzz").join(name)
}

fn install() -> Result {
    let mut ask = cargo::command(&["fuzz", "--version"]);
    let is_there = ask.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success();
    if is_there {
        return Ok(());
    }
    println!("cargo install cargo-fuzz --locked");
    cargo::run(cargo::command(&["install", "cargo-fuzz", "--locked"])).map_err(|failure| {
        format!("fuzzing takes cargo-fuzz, and cargo could not install it: {failure}").into()
    })
}

/// This machine, as the compiler calls it.
fn host() -> Result<String> {
    let mut ask = Command::new("rustc");
    ask.arg("-vV").current_dir(cargo::workspace());
    let told = cargo::read(ask)?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not say what machine this is")?.to_owned())
}
