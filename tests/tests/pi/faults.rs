//! Whatever the provider does wrong, nobody is logged out by us.

use std::thread;

use pi_auth_tests::pi::{Age, Ended, Home};
use pi_auth_tests::sandbox::{Fault, Sandbox};

use crate::{kinds, sandbox, wait_for_grants};

/// Every way in which a provider misbehaves and still answers, by what it is called here: those
/// that the Node host meets as well.
pub(crate) fn every_fault() -> Vec<(&'static str, Fault)> {
    every_fault_and_what_is_said().into_iter().map(|(name, fault, ..)| (name, fault)).collect()
}

/// The same, with the code of the error that an expired token leads to, and words of it.
fn every_fault_and_what_is_said() -> Vec<(&'static str, Fault, &'static str, &'static str)> {
    serde_json::from_str(include_str!("../../every_fault.json")).unwrap()
}

/// Returns whether stderr tells what happened, and below it what to do next.
#[track_caller]
fn assert_advises(ended: &Ended) {
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(lines.len() >= 2, "{ended}");
    assert!(lines[lines.len() - 2].starts_with("error: "), "{ended}");
    assert!(lines[lines.len() - 1].trim().len() > 10, "{ended}");
}

/// `pi token` with the next token request spoiled; the credential file stays as it is.
fn spoiled(sandbox: &Sandbox, fault: &Fault, age: Age) -> (Home, String, Ended) {
    let (home, old) = Home::logged_in(sandbox, age);
    let before = home.contents();
    sandbox.fail_next(fault.clone());
    let ended = home.pi(["token", "anthropic"]).run();
    assert_eq!(home.contents(), before, "{fault:?}: {ended}");
    assert_eq!(sandbox.pending_faults(), [], "{fault:?} was met");
    let left = home.names();
    assert!(!left.iter().any(|name| name.ends_with(".lock") || name.ends_with(".tmp")), "{left:?}");
    (home, old.access, ended)
}

#[test]
fn with_an_expired_token_every_fault_is_an_error_that_says_what_to_do() {
    let sandbox = sandbox();
    for (name, fault, code, words) in every_fault_and_what_is_said() {
        let requests = sandbox.log().len();
        let (home, _, ended) = spoiled(&sandbox, &fault, Age::Expired);
        let code = if code == "login_required" { 4 } else { 1 };
        assert_eq!(ended.code(), Some(code), "{name}: {ended}");
        ended.prints("").says(words);
        assert_advises(&ended);
        let entries = sandbox.log().split_off(requests);
        assert!(entries.iter().all(|it| it.request.id == entries[0].request.id), "asked once");
        let granted = name == "drop_after_grant";
        assert_eq!(sandbox.is_valid_refresh(&home.refresh_token()), !granted, "{name}");
    }
}

#[test]
fn within_five_minutes_of_the_expiry_every_fault_leaves_the_old_token_with_a_note() {
    let sandbox = sandbox();
    for (name, fault) in every_fault() {
        let (_home, old, ended) = spoiled(&sandbox, &fault, Age::Due);
        assert_eq!(ended.code(), Some(0), "{name}: {ended}");
        ended.prints(&format!("{old}\n")).says("note: ").says("still valid for 3 min");
    }
}

#[test]
fn what_is_said_fits_the_fault() {
    let sandbox = sandbox();
    for (name, what) in [
        ("429", &["too often", "Try again in 7 s."][..]),
        ("500", &["500", "Your login is kept.", "Try again in"]),
        ("html_200", &["Your login is kept.", "Try again in"]),
        ("close", &["Your login is kept.", "Check your connection"]),
        ("oversized", &["Your login is kept.", "1 MiB"]),
        ("invalid_grant", &["the refresh token is gone", "pi login anthropic", "was kept"]),
        ("invalid_client", &["invalid_client", "pi login anthropic"]),
        ("an error with escapes", &["x[31m", "a]0;tb2J"]),
    ] {
        let (_, fault) = every_fault().into_iter().find(|(it, _)| *it == name).unwrap();
        let (_, _, ended) = spoiled(&sandbox, &fault, Age::Expired);
        for text in what {
            ended.says(text);
        }
    }
}

#[test]
fn a_redirect_is_never_followed() {
    let sandbox = sandbox();
    let elsewhere = crate::sandbox();
    let location = format!("{}/v1/oauth/token", elsewhere.base_url());
    for age in [Age::Expired, Age::Due] {
        spoiled(&sandbox, &Fault::Redirect { location: location.clone() }, age);
    }
    assert_eq!(kinds(&elsewhere), [], "the refresh token went elsewhere");
}

#[test]
fn a_server_that_is_not_there_is_a_network_problem() {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    let (window, _) = Home::logged_in(&sandbox, Age::Due);
    drop(sandbox);
    let before = home.contents();
    let ended = home.pi(["token", "anthropic"]).run();
    ended.exits(1).prints("").says("could not connect").says("Check your connection");
    assert_eq!((home.contents(), home.refresh_token()), (before, old.refresh));
    window.pi(["token", "anthropic"]).run().exits(0).says("note: ");
}

#[test]
fn proxy_variables_do_not_divert_what_stays_on_this_machine() {
    let sandbox = sandbox();
    let elsewhere = crate::sandbox();
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"] {
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        let ended = home.pi(["token", "anthropic"]).env(name, elsewhere.base_url()).run();
        ended.exits(0).is_quiet();
    }
    assert_eq!(kinds(&elsewhere), []);
}

#[test]
fn a_token_that_was_revoked_needs_a_login() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.revoke_all();
    let before = home.contents();
    let ended = home.pi(["token", "anthropic"]).run();
    ended.exits(4).prints("").says("pi login anthropic").says("kept");
    assert_eq!(home.contents(), before);

    let (home, old) = Home::logged_in(&sandbox, Age::Due);
    sandbox.revoke_all();
    let ended = home.pi(["token", "anthropic"]).run();
    ended.exits(0).prints(&format!("{}\n", old.access)).says("note: ").says("pi login anthropic");
}

#[test]
fn after_invalid_grant_the_file_is_looked_at_again() {
    // Somebody who ignores the lock stores a newer login while the provider is refusing ours.
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    let newer = sandbox.issue();
    sandbox.keep_answers_back();
    sandbox.fail_next(Fault::OauthError { error: "invalid_grant".into(), description: "".into() });
    let pi = home.pi(["token", "anthropic"]).start();
    pi_auth_tests::pi::eventually("the request", || (!sandbox.log().is_empty()).then_some(()));
    home.store(&newer, Age::Fresh.expires());
    sandbox.let_answers_go();
    pi.finish().exits(0).prints(&format!("{}\n", newer.access));
    assert!(sandbox.is_valid_refresh(&old.refresh) && sandbox.is_valid_refresh(&newer.refresh));
}

#[test]
fn what_somebody_stores_during_a_refresh_without_the_lock_stands() {
    // As the oldest agents do, and a person with an editor.
    let sandbox = sandbox();
    sandbox.keep_answers_back();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let newer = sandbox.issue();
    let pi = home.pi(["token", "anthropic"]).start();
    wait_for_grants(&sandbox, 1);
    home.store(&newer, Age::Fresh.expires());
    let during = home.contents();
    sandbox.let_answers_go();
    pi.finish().exits(0);
    assert_eq!(home.contents(), during, "a newer login");

    sandbox.keep_answers_back();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let pi = home.pi(["token", "anthropic"]).start();
    wait_for_grants(&sandbox, 2);
    let key = "{\n  \"openai\": { \"type\": \"api_key\", \"key\": \"k\" },";
    home.write("oauth.json", home.contents().replacen('{', key, 1));
    sandbox.let_answers_go();
    pi.finish().exits(0);
    assert!(home.contents().starts_with(key), "the key of another provider");
    crate::login::assert_logged_in(&home, &sandbox);
}

#[test]
fn a_provider_that_never_answers_costs_thirty_seconds_and_no_login() {
    let ends = |age: Age| {
        move || {
            let sandbox = sandbox();
            let (_, old, ended) = spoiled(&sandbox, &Fault::Hang, age);
            (old, ended)
        }
    };
    let window = thread::spawn(ends(Age::Due));
    let exchange = thread::spawn(|| {
        let sandbox = sandbox();
        sandbox.fail_next(Fault::Hang);
        crate::login::log_in_by_paste(&Home::at(&sandbox))
    });
    let (_, ended) = ends(Age::Expired)();
    ended.exits(1).prints("").says("no answer in time").says("Your login is kept.");
    let (old, ended) = window.join().unwrap();
    ended.exits(0).prints(&format!("{old}\n")).says("note: ").says("no answer in time");
    exchange.join().unwrap().exits(1).prints("").says("no answer in time");
}
