//! Licences and sources of every dependency, on every platform.
//!
//! The same rules as in `deny.toml`, whose list of licences is read here, but in a second and with
//! nothing to install or to download: cargo-deny itself takes minutes to build. What it adds, the
//! database of known vulnerabilities, needs the network: `cargo deny check advisories`.

use std::fs;

use serde_json::Value;

use super::{Outcome, licence};
use crate::{Result, cargo};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check() -> Result<Outcome> {
    let allowed = allowed_licences(&fs::read_to_string(cargo::workspace().join("deny.toml"))?);
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    let metadata = cargo::read(cargo::command(&["metadata", "--locked", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let members = metadata["workspace_members"].as_array().ok_or("there are no members")?;

    let mut problems = Vec::new();
    for package in packages {
        let text = |field: &str| package[field].as_str().unwrap_or_default();
        let name = format!("{} {}", text("name"), text("version"));
        if !licence::permits(text("license"), &allowed) {
            problems.push(format!("{name}: its licence is {:?}", text("license")));
        }
        if text("source") != CRATES_IO && !members.contains(&package["id"]) {
            problems.push(format!("{name}: it is not from crates.io, but {:?}", text("source")));
        }
    }
    if problems.is_empty() {
        return Ok(Outcome::Passed(format!("{} crates", packages.len())));
    }
    Err(format!("{}\nSee deny.toml for what is allowed.", problems.join("\n")).into())
}

/// The strings in `allow = [...]` under `[licenses]`: enough TOML to read our own file, and a file
/// that it cannot read allows nothing.
fn allowed_licences(deny_toml: &str) -> Vec<String> {
    let uncommented: Vec<&str> =
        deny_toml.lines().map(|line| line.split('#').next().unwrap_or_default()).collect();
    let text = uncommented.join("\n");
    let section = text.split_once("\n[licenses]\n").map_or("", |(_, rest)| rest);
    let list = section.split_once("allow = [").map_or("", |(_, rest)| rest);
    let list = list.split(']').next().unwrap_or_default();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_read_from_their_own_section_and_not_from_comments() {
        let text = "[bans]\nallow = [\"x\"]\n\n[licenses]\nallow = [\n  \"MIT\", # \"GPL\"\n  \
                    # \"GPL\",\n  \"ISC\",\n]\n[sources]\nallow = [\"y\"]\n";
        assert_eq!(allowed_licences(text), ["MIT", "ISC"]);
        assert!(allowed_licences("").is_empty());
    }
}
