//! `pi`, programs with the package and the agent, all at once.

use std::path::Path;

use pi_auth_tests::agent::{Agent, CLAUDE, Version, extension, on};
use pi_auth_tests::internet::Internet;
use pi_auth_tests::npm::{node, package};
use pi_auth_tests::pi::{Age, Home, Running};

use crate::{access, agent_home, answered, asked_with, sandbox, start};

/// A program that prints the token that the package gives it.
const PROGRAM: &str = "import { refreshToken } from 'pi-auth'; \
                       console.log(await refreshToken('anthropic'));";

fn natives(home: &Home) -> impl Iterator<Item = Running> {
    (0..10).map(|_| home.pi(["token", "anthropic"]).start())
}

/// Ten programs of Node with the package; their standard output is a token, as that of `pi token`
/// is.
fn programs(home: &Home, node: &Path) -> impl Iterator<Item = Running> {
    let program = PROGRAM.replace("'pi-auth'", &format!("'{}/dist/index.js'", package().display()));
    home.write("token.mjs", program);
    let path = home.agent_dir().join("token.mjs");
    (0..10).map(move |_| home.program(node, [path.to_str().unwrap(), "token"]).start())
}

#[test]
fn ten_of_pi_ten_programs_and_the_agent_make_one_refresh() {
    let node = node().unwrap();
    // Built before anybody starts.
    let extension = extension();
    for version in Version::ALL {
        for extended in [true, false] {
            let sandbox = sandbox();
            let internet = Internet::start(&sandbox).unwrap();
            let (home, old) = agent_home(&sandbox, Age::Expired);
            let agent = Agent::installed(version);
            let words: &[&str] = if extended { &["-e", extension] } else { &[] };
            let agent = start(on(&internet, agent.ask(&home, CLAUDE, words)));
            let others: Vec<Running> = natives(&home).chain(programs(&home, &node)).collect();
            let mut printed: Vec<String> = Vec::new();
            for other in others {
                printed.push(other.finish().exits(0).stdout.clone());
            }
            answered(&agent.finish());
            let token = access(&home);
            assert_ne!(token, old.access);
            assert!(printed.iter().all(|it| *it == format!("{token}\n")), "{printed:?}");
            asked_with(&sandbox, &token);
            assert_eq!(sandbox.grants(), 1, "{version:?} {:?}", sandbox.log());
        }
    }
}
