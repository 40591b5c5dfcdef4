//! `pi --core`: every flow, decided by the module.

use std::path::Path;

use pi_auth_tests::pi::{Age, Home, Pi};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Config, Fault, Sandbox};
use serde_json::{Value, json};

use crate::build;

fn pi<'a>(home: &'a Home, arguments: &[&str]) -> Pi<'a> {
    with_core(home, &build::module().join("pi_auth.wasm"), arguments)
}

/// `pi --core FILE ARGUMENTS`.
pub(crate) fn with_core<'a>(home: &'a Home, file: &Path, arguments: &[&str]) -> Pi<'a> {
    let core = ["--core", file.to_str().unwrap()];
    home.program(build::pi(), [&core, arguments].concat())
}

#[test]
fn login_status_token_headers_and_logout() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let home = Home::at(&sandbox);
    pi(&home, &["token", "anthropic"]).run().exits(4).says("You are not logged in to Anthropic");

    let mut login = pi(&home, &["login", "anthropic", "--no-browser"]).start();
    let landing = robot::approve(&login.authorize_url()).unwrap();
    let Landing::Code(shown) = landing else { panic!("{landing:?}") };
    login.write("nonsense\n");
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
fn an_expired_token_is_refreshed_once() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
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
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let before = home.contents();
    sandbox.fail_next(Fault::Unavailable);
    let failed = pi(&home, &["token", "anthropic"]).run();
    failed.exits(1).says("could not be refreshed").says("Your login is kept. Try again in");
    assert_eq!(home.contents(), before);
}

#[test]
fn an_error_is_an_event_of_login_json() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let home = Home::at(&sandbox);
    let ended = pi(&home, &["login", "acme", "--json"]).run();
    let event: Value = serde_json::from_str(&ended.stdout).unwrap();
    let native = home.program(build::pi(), ["login", "acme", "--json"]).run();
    assert_eq!(event, serde_json::from_str::<Value>(&native.stdout).unwrap());
    assert_eq!(event["error"]["code"], json!("bad_input"));
}
