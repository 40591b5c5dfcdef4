//! The real agent against the sandbox: beside `pi`, and with the extension of the npm package in
//! it.
//!
//! | file | what it claims |
//! |---|---|
//! | `beside.rs` | without the extension: what one of the two has stored, the other uses |
//! | `extension.rs` | with it: the agent's refreshes are the core's |
//! | `copilot.rs` | Copilot with it: base URL, headers, and the models that an account may use |
//! | `login.rs` | with it: the agent's logins are the core's |
//! | `package.rs` | the ways in which the agent takes the package |
//! | `screen.rs` | the agent at a terminal, and somebody who reads it and types |
//! | `slow.rs` | a provider that answers a refresh later than the agent waits for it |
//! | `together.rs` | `pi`, programs with the package and the agent, all at once |
#![allow(clippy::unwrap_used, clippy::panic)]

mod beside;
mod copilot;
mod extension;
mod login;
mod package;
mod screen;
mod slow;
mod together;

use pi_auth_tests::agent::send_messages_to;
use pi_auth_tests::pi::{Age, Ended, Home, Pi, Running};
use pi_auth_tests::sandbox::{Config, Credential, Entry, Kind, REPLY, Sandbox};
use serde_json::json;

fn sandbox() -> Sandbox {
    Sandbox::start(Config::default()).unwrap()
}

/// A home at this sandbox with the agent's own file, which holds a login that is this far into its
/// life.
fn agent_home(sandbox: &Sandbox, age: Age) -> (Home, Credential) {
    let (home, login) = (Home::at(sandbox), sandbox.issue());
    let entry = json!({
        "type": "oauth", "refresh": login.refresh, "access": login.access, "expires": age.expires(),
    });
    home.write("auth.json", json!({ "anthropic": entry }).to_string());
    send_messages_to(sandbox, &home);
    (home, login)
}

/// The stored access token of Anthropic.
fn access(home: &Home) -> String {
    home.entry("anthropic")["access"].as_str().unwrap_or_default().to_owned()
}

/// Starts the agent in print mode, which reads its input to the end before it does anything else.
fn start(agent: Pi<'_>) -> Running {
    let mut running = agent.start();
    running.close_stdin();
    running
}

/// Asserts that the agent said what the model said.
#[track_caller]
fn answered(ended: &Ended) {
    ended.exits(0).prints(&format!("{REPLY}\n"));
}

/// The one request that was answered so.
#[track_caller]
fn only(sandbox: &Sandbox, kind: &Kind) -> Entry {
    let mut all: Vec<Entry> = sandbox.log().into_iter().filter(|it| it.kind == *kind).collect();
    assert_eq!(all.len(), 1, "{kind:?}: {:?}", sandbox.log());
    all.remove(0)
}

/// Asserts that the model was asked once, with this token.
#[track_caller]
fn asked_with(sandbox: &Sandbox, token: &str) {
    let request = only(sandbox, &Kind::MessageAnswered);
    assert_eq!(request.header("authorization"), Some(format!("Bearer {token}").as_str()));
}
