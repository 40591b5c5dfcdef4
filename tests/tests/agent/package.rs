//! The ways in which the agent takes the package, as its users have it: installed from the tarball.

use std::path::Path;

use pi_auth_tests::agent::{Agent, CLAUDE, Version};
use pi_auth_tests::npm::installed;
use pi_auth_tests::pi::{Age, Home};
use pi_auth_tests::sandbox::{Kind, Sandbox};

use crate::{access, agent_home, answered, asked_with, only, sandbox};

/// Asks with an expired login, and asserts that it was the core that refreshed it.
#[track_caller]
fn refreshes_by_the_core(version: Version, sandbox: &Sandbox, home: &Home, words: &[&str]) {
    answered(&Agent::installed(version).ask(home, CLAUDE, words).run());
    let refresh = only(sandbox, &Kind::Refreshed);
    assert!(refresh.user_agent().unwrap_or_default().starts_with("pi-auth/"), "{refresh:?}");
    asked_with(sandbox, &access(home));
}

/// The package from the registry cannot be had before it is there; a folder can, and it is installed in
/// the same way: its `package.json` says what is an extension.
#[test]
fn pi_install_keeps_it_for_every_start() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, _) = agent_home(&sandbox, Age::Expired);
        let agent = Agent::installed(version);
        let package = installed().to_str().unwrap();
        agent.run(&home, &["install", package]).run().exits(0);
        let listed = agent.run(&home, &["list"]).run();
        assert!(listed.exits(0).stdout.contains("pi-auth"), "{listed}");
        refreshes_by_the_core(version, &sandbox, &home, &[]);
    }
}

#[test]
fn a_relative_path_is_tried_for_one_start() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, _) = agent_home(&sandbox, Age::Expired);
        let near = home.path().join("near");
        std::os::unix::fs::symlink(installed(), near).unwrap();
        refreshes_by_the_core(version, &sandbox, &home, &["-e", "./near"]);
    }
}

/// JavaScript of an ES module package does not see the agent's modules. Without them an extension still
/// refreshes, and only adapts no models: for those who embed the agent.
#[test]
fn the_compiled_entry_is_an_extension_as_well() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, _) = agent_home(&sandbox, Age::Expired);
        let entry: &Path = &installed().join("dist/pi-extension.js");
        refreshes_by_the_core(version, &sandbox, &home, &["-e", entry.to_str().unwrap()]);
    }
}
