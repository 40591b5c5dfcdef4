//! `pi --core`: every flow, decided by the module.

use std::path::Path;

use pi_auth_tests::npm::module;
use pi_auth_tests::pi::{Age, Home, Pi, Signal, eventually};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Config, Fault, Sandbox};
use serde_json::{Value, json};

use crate::build;

fn pi<'a>(home: &'a Home, arguments: &[&str]) -> Pi<'a> {
    with_core(home, module(), arguments)
}

/// `pi --core FILE ARGUMENTS`.
pub(crate) fn with_core<'a>(home: &'a Home, file: &Path, arguments: &[&str]) -> Pi<'a> {
    let core = ["--core", file.to_str().unwrap()];
    home.program(build::pi(), [&core, arguments].concat())
}

fn sandbox() -> Sandbox {
    Sandbox::start(Config::default()).unwrap()
}

#[test]
fn login_status_token_headers_and_logout() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    pi(&home, &["token", "anthropic"]).run().exits(4).says("You are not logged in to Anthropic");

    let mut login = pi(&home, &["login", "anthropic", "--no-browser"]).start();
    let landing = robot::approve(&login.authorize_url()).unwrap();
    let Landing::Code(shown) = landing else { panic!("{landing:?}") };
    login.write(&format!("{shown}\n"));
    login.finish().exits(0).prints(
        "\n✓ Successfully authenticated with Anthropic\n  \
         Tokens saved to ~/.pi/agent/oauth.json\n",
    );
    let access = home.entry("anthropic")["access"].as_str().unwrap().to_owned();
    assert!(sandbox.is_valid_access(&access));

    // What the module tells is what this program tells.
    for arguments in [&["status", "--json"][..], &["token", "anthropic"], &["headers", "anthropic"]]
    {
        let native = home.program(build::pi(), arguments).run();
        native.exits(0);
        pi(&home, arguments).run().exits(0).prints(&native.stdout);
    }
    pi(&home, &["logout", "anthropic"]).run().exits(0).prints(
        "✓ Successfully logged out of Anthropic\n  \
         Credentials removed from ~/.pi/agent/oauth.json\n",
    );
    assert_eq!(home.contents(), "{}");
}

#[test]
fn copilot_by_a_code() {
    let sandbox = sandbox();
    sandbox.change(|settings| settings.github.interval_s = 1);
    let home = Home::at(&sandbox);
    let robot = env!("CARGO_BIN_EXE_pi-auth-sandbox");
    let login = pi(&home, &["login", "github-copilot", "--enterprise", ""]);
    login.browser(&format!("exec '{robot}' approve \"$1\"")).run().exits(0);
    let token = pi(&home, &["token", "github-copilot"]).run();
    assert_eq!(home.entry("github-copilot")["access"], token.exits(0).stdout.trim_end());
    let headers = ["headers", "github-copilot", "--json", "--vision"];
    let native = home.program(build::pi(), headers).run();
    pi(&home, &headers).run().exits(0).prints(&native.exits(0).stdout);
}

#[test]
fn an_expired_token_is_refreshed_once() {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    let first = pi(&home, &["token", "anthropic"]).run();
    first.exits(0).is_quiet();
    assert_eq!(home.entry("anthropic")["access"], first.stdout.trim_end());
    assert_ne!(home.refresh_token(), old.refresh);
    pi(&home, &["token", "anthropic"]).run().exits(0).prints(&first.stdout).is_quiet();
    assert_eq!(sandbox.grants(), 1);
}

#[test]
fn a_refresh_that_fails_says_what_it_says_without_the_module() {
    let sandbox = sandbox();
    let said = [true, false].map(|with_module| {
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        let before = home.contents();
        sandbox.fail_next(Fault::status(503));
        let ended = match with_module {
            true => pi(&home, &["token", "anthropic"]).run(),
            false => home.program(build::pi(), ["token", "anthropic"]).run(),
        };
        ended.exits(1).says("Your login is kept.");
        assert_eq!(home.contents(), before);
        ended.stderr
    });
    assert_eq!(said[0], said[1]);
}

#[test]
fn a_signal_during_a_refresh_waits_until_the_answer_is_stored() {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.change(|settings| settings.token_delay_ms = 1500);
    let mut pi = pi(&home, &["token", "anthropic"]).start();
    eventually("a refresh", || (sandbox.grants() == 1).then_some(()));
    pi.signal(Signal::INT);
    pi.hear("why it still runs", |stderr| stderr.find("Stopping as soon as"));
    pi.finish().exits(130).prints("").says("has been finished first");
    assert_ne!(home.refresh_token(), old.refresh, "the answer is lost");
    assert!(sandbox.is_valid_refresh(&home.refresh_token()));
    assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
}

#[test]
fn a_signal_during_a_prompt_cancels() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut pi = pi(&home, &["login", "anthropic", "--no-browser"]).start();
    pi.hear("the prompt", |stderr| stderr.find("Paste the authorization code here:"));
    pi.signal(Signal::INT);
    pi.finish().exits(130).prints("").says("Cancelled.");
    assert!(!home.file().exists());
}

#[test]
fn an_error_is_an_event_of_login_json() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let ended = pi(&home, &["login", "acme", "--json"]).run();
    let event: Value = serde_json::from_str(&ended.stdout).unwrap();
    let native = home.program(build::pi(), ["login", "acme", "--json"]).run();
    assert_eq!(event, serde_json::from_str::<Value>(&native.stdout).unwrap());
    assert_eq!(event["error"]["code"], json!("bad_input"));
}
