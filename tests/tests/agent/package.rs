//! The ways in which the agent takes the package, as its users have it: installed from the tarball.

use std::env;
use std::fs;
use std::path::Path;

use pi_auth_tests::agent::{Agent, CLAUDE, Version};
use pi_auth_tests::npm::installed;
use pi_auth_tests::pi::{Age, Home, Pi};
use pi_auth_tests::sandbox::{Kind, Sandbox};

use crate::{access, agent_home, answered, asked_with, only, sandbox};

/// Asserts that it was the core that refreshed the login with which the model was asked.
#[track_caller]
fn refreshed_by_the_core(sandbox: &Sandbox, home: &Home) {
    let refresh = only(sandbox, &Kind::Refreshed);
    assert!(refresh.user_agent().unwrap_or_default().starts_with("pi-auth/"), "{refresh:?}");
    asked_with(sandbox, &access(home));
}

/// By a folder, and by npm itself, with the tarball in place of what the registry will have.
#[test]
fn pi_install_keeps_it_for_every_start() {
    for version in Version::ALL {
        let folder = installed().to_str().unwrap().to_owned();
        let tarball = format!("npm:pi-auth@file:{}", tarball());
        for source in [&folder, &tarball] {
            let sandbox = sandbox();
            let (home, _) = agent_home(&sandbox, Age::Expired);
            let agent = Agent::installed(version);
            with_npm(&home, agent.run(&home, &["install", source])).run().exits(0);
            if *source == tarball {
                // What the file would be called if it came from the registry: the older agent takes
                // any other name for a version that is not installed.
                let settings = fs::read_to_string(home.agent_dir().join("settings.json")).unwrap();
                assert!(settings.contains(&tarball), "{settings}");
                home.write("settings.json", settings.replace(&tarball, "npm:pi-auth"));
            }
            let listed = with_npm(&home, agent.run(&home, &["list"])).run();
            assert!(listed.exits(0).stdout.contains("pi-auth"), "{listed}");
            answered(&with_npm(&home, agent.ask(&home, CLAUDE, &[])).run());
            refreshed_by_the_core(&sandbox, &home);
        }
    }
}

/// What the registry would give: the file that `npm pack` has made.
fn tarball() -> String {
    let folder = installed().ancestors().nth(2).unwrap();
    let mut files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.find(|it| it.extension().is_some_and(|it| it == "tgz")).unwrap().display().to_string()
}

/// With the npm of this machine, which installs into this home alone.
fn with_npm<'a>(home: &'a Home, agent: Pi<'a>) -> Pi<'a> {
    let cache = Path::new(&env::var_os("HOME").unwrap()).join(".npm");
    agent
        .env("PATH", env::var_os("PATH").unwrap())
        .env("NPM_CONFIG_PREFIX", home.path().join("npm"))
        .env("NPM_CONFIG_CACHE", cache)
        .env("NPM_CONFIG_PREFER_OFFLINE", "true")
}

#[test]
fn a_relative_path_is_tried_for_one_start() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, _) = agent_home(&sandbox, Age::Expired);
        let near = home.path().join("near");
        std::os::unix::fs::symlink(installed(), near).unwrap();
        answered(&Agent::installed(version).ask(&home, CLAUDE, &["-e", "./near"]).run());
        refreshed_by_the_core(&sandbox, &home);
    }
}

/// JavaScript of an ES module package does not see the agent's modules. Without them an extension
/// still refreshes, and only adapts no models: for those who embed the agent.
#[test]
fn the_compiled_entry_is_an_extension_as_well() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, _) = agent_home(&sandbox, Age::Expired);
        let entry: &Path = &installed().join("dist/pi-extension.js");
        answered(
            &Agent::installed(version).ask(&home, CLAUDE, &["-e", entry.to_str().unwrap()]).run(),
        );
        refreshed_by_the_core(&sandbox, &home);
    }
}
