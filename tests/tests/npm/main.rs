//! The npm package, as a Node program meets it: its own tests, run with `node --test` against a
//! sandbox and beside the native `pi`.
//!
//! | file | what is in it |
//! |---|---|
//! | `callback.rs` | what a browser is told, by the package as by `pi` |
//! | `node.rs` | a file of its tests, run with a deadline |
//! | `runtime.rs` | Node, Bun and Deno, from npm |
//! | `terminal.rs` | what takes a terminal, and so is here |
//!
//! All other claims are in `bindings/npm/test`: a file for each test here.
#![allow(clippy::unwrap_used, clippy::panic)]

mod callback;
mod node;
mod runtime;
mod terminal;

use pi_auth_tests::internet::{Certificate, Internet};
use pi_auth_tests::sandbox::{Config, Sandbox};

use node::{run, run_in, run_with};
use runtime::Runtime;

/// The core alone, by `pi-auth/core`: flows in any runtime.
#[test]
fn core() {
    run("core.test.mjs");
}

/// The core alone where there is no Node, and one refresh by processes of all runtimes.
#[test]
fn runtimes() {
    let modules = runtime::modules().to_str().unwrap().to_owned();
    run_with("runtimes.test.mjs", &[("PI_AUTH_TEST_RUNTIMES", modules)]);
}

/// The tests of `token`, below, in every runtime that the package supports.
#[test]
fn token_in_node_20() {
    run_in(Runtime::Node20, "token.test.mjs");
}

#[test]
fn token_in_node_24() {
    run_in(Runtime::Node24, "token.test.mjs");
}

#[test]
fn token_in_bun() {
    run_in(Runtime::Bun, "token.test.mjs");
}

#[test]
fn token_in_deno() {
    run_in(Runtime::Deno, "token.test.mjs");
}

/// Ways in: paste, callback, code; and who is let in at the callback.
#[test]
fn login() {
    run("login.test.mjs");
}

/// The browser that a login opens, and the server that it comes back to.
#[test]
fn browser() {
    run("browser.test.mjs");
}

/// One refresh for any number of processes, native ones among them, and files that survive.
#[test]
fn token() {
    run("token.test.mjs");
}

/// The lock and the file, from inside.
#[test]
fn store() {
    run("store.test.mjs");
}

/// Whatever a provider, a person or a clock does wrong, nobody is logged out.
#[test]
fn faults() {
    run("faults.test.mjs");
}

/// Answers with an odd part, rate limits, lifetimes: the table that the native host is held to.
#[test]
fn odd_answers() {
    run("odd-answers.test.mjs");
}

/// Many processes at once, some of them ended by a signal.
#[test]
fn processes() {
    run("processes.test.mjs");
}

/// Where no secret may ever be seen.
#[test]
fn secrets() {
    run("secrets.test.mjs");
}

/// Whatever happens to the file, no login is lost.
#[test]
fn file_faults() {
    run("file-faults.test.mjs");
}

/// Differences on Windows.
#[test]
fn windows() {
    run("windows.test.mjs");
}

/// Resources of a save: tried before a request, and done without after it.
#[test]
fn save_refused() {
    run("save-refused.test.mjs");
}

/// Another user of this machine, in whose folder root works.
#[test]
fn attacks() {
    run("attacks.test.mjs");
}

/// Whose files are believed, where tokens go, and that both are said.
#[test]
fn trust() {
    run("trust.test.mjs");
}

/// The extension, seen by an agent that is played.
#[test]
fn extension() {
    run("extension.test.mjs");
}

/// HTTP as the core wants it: proxies, certificates, and what a request says.
#[test]
fn network() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let internets = [
        ("expired", Certificate::Expired),
        ("not yet valid", Certificate::NotYetValid),
        ("for another name", Certificate::OtherName),
        ("of an unknown authority", Certificate::UnknownAuthority),
        ("self-signed", Certificate::SelfSigned),
    ]
    .map(|(name, presented)| {
        let internet = Internet::start(&sandbox).unwrap();
        internet.present(presented);
        (name, internet)
    });
    let told = |(name, internet): &(&str, Internet)| {
        (*name).to_owned()
            + "\t"
            + &internet.proxy_url()
            + "\t"
            + internet.ca_pem_path().to_str().unwrap()
    };
    let lines = internets.each_ref().map(told).join("\n");
    run_with("network.test.mjs", &[("PI_AUTH_TEST_BAD_CERTIFICATES", lines)]);
    assert!(internets.iter().all(|(_, internet)| internet.hosts() == ["platform.claude.com"]));
    assert_eq!(sandbox.log(), [], "nobody was told anything");
}

/// Which proxy leads to a server: the table that the native host is held to.
#[test]
fn proxies() {
    run("proxies.test.mjs");
}

/// The functions that a coding agent asks for.
#[test]
fn agent() {
    run("agent.test.mjs");
}

/// Calls of Copilot's API.
#[test]
fn copilot_fetch() {
    run("copilot-fetch.test.mjs");
}

/// The tarball, installed elsewhere.
#[test]
fn package() {
    run("package.test.mjs");
}

/// Every block of code in its README.
#[test]
fn readme() {
    run("readme.test.mjs");
}

/// The tests of `network` where other libraries connect: proxies and authorities count there, too.
#[test]
fn network_in_bun() {
    run_in(Runtime::Bun, "network.test.mjs");
}

#[test]
fn network_in_deno() {
    run_in(Runtime::Deno, "network.test.mjs");
}
