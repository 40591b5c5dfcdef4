//! Answers that grant something and have an odd part: what can be read of them is kept.
//!
//! `tests/odd_answers.json` has them, for this host and for Node: the endpoint, a name, the answer,
//! and what becomes of it. `used`: it is as good as any. `expired`: the access token is not used,
//! and the new refresh token is stored.

use std::fs;

use pi_auth_tests::pi::{Age, Home, now_ms};
use pi_auth_tests::sandbox::{Endpoint, Fault, Kind, Sandbox};

use crate::copilot::{COPILOT, GITHUB, approved, logged_in, quick, stored};
use crate::{kinds, sandbox};

/// The answers of an endpoint: name, answer, and what becomes of it.
fn answers(endpoint: Endpoint) -> Vec<(String, Fault, String)> {
    let all: Vec<(Endpoint, String, String, String)> =
        serde_json::from_str(include_str!("../../odd_answers.json")).unwrap();
    let of_it = all.into_iter().filter(|(it, ..)| *it == endpoint);
    let answers: Vec<_> =
        of_it.map(|(_, name, body, end)| (name, Fault::OddAnswer { body }, end)).collect();
    assert!(!answers.is_empty(), "{endpoint:?}");
    answers
}

#[track_caller]
fn assert_used(home: &Home, sandbox: &Sandbox, old_refresh: &str, name: &str) {
    let entry = home.entry("anthropic");
    let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    assert_ne!(text("refresh"), old_refresh, "{name}");
    assert!(sandbox.is_valid_refresh(&text("refresh")), "{name}");
    assert!(sandbox.is_valid_access(&text("access")), "{name}");
    let left = entry["expires"].as_u64().unwrap().saturating_sub(now_ms());
    assert!((3_200_000..=3_300_000).contains(&left), "{name}: {left} ms");
}

#[test]
fn a_refresh_with_an_odd_part_is_as_good_as_any() {
    for (name, fault, end) in answers(Endpoint::Token) {
        if end != "used" {
            continue;
        }
        let sandbox = sandbox();
        let (home, old) = Home::logged_in(&sandbox, Age::Expired);
        sandbox.fail_next(fault);
        let ended = home.pi(["token", "anthropic"]).run();
        assert_eq!(ended.code(), Some(0), "{name}: {ended}");
        assert_eq!(ended.stdout.trim_end(), home.entry("anthropic")["access"], "{name}");
        ended.is_quiet();
        assert_used(&home, &sandbox, &old.refresh, &name);
    }
}

#[test]
fn where_the_access_token_cannot_be_used_the_refresh_token_is_stored_and_the_next_call_works() {
    for (name, fault, end) in answers(Endpoint::Token) {
        if end != "expired" {
            continue;
        }
        let sandbox = sandbox();
        let (home, old) = Home::logged_in(&sandbox, Age::Expired);
        sandbox.fail_next(fault);
        let ended = home.pi(["token", "anthropic"]).run();
        assert_eq!(ended.code(), Some(1), "{name}: {ended}");
        ended.prints("").says("Your login is kept. Try again in 10 s.");
        let entry = home.entry("anthropic");
        let rotated = home.refresh_token();
        assert_ne!(rotated, old.refresh, "{name}");
        assert!(sandbox.is_valid_refresh(&rotated), "{name}");
        // All that the agent expects of an entry is there, and says that a refresh is due.
        assert_eq!(entry["access"], old.access.as_str(), "{name}");
        assert!(entry["expires"].as_u64().unwrap() <= now_ms(), "{name}: {entry}");

        // Whoever comes next does not ask at once, and then gets one with the new refresh token.
        home.pi(["token", "anthropic"]).run().exits(1).says("Try again in");
        assert_eq!(sandbox.grants(), 1, "{name}");
        fs::remove_file(home.agent_dir().join("auth.json.backoff")).unwrap();
        home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
        assert_ne!(home.refresh_token(), rotated, "{name}");
        assert!(sandbox.is_valid_access(home.entry("anthropic")["access"].as_str().unwrap()));
    }
}

#[test]
fn an_old_token_that_is_still_valid_is_served_meanwhile() {
    for (name, fault, end) in answers(Endpoint::Token) {
        if end != "expired" {
            continue;
        }
        let sandbox = sandbox();
        let (home, old) = Home::logged_in(&sandbox, Age::Due);
        sandbox.fail_next(fault);
        for _ in 0..2 {
            let ended = home.pi(["token", "anthropic"]).run();
            assert_eq!(ended.code(), Some(0), "{name}: {ended}");
            ended.prints(&format!("{}\n", old.access)).says("note: ").says("still valid for 3 min");
        }
        assert_eq!(sandbox.grants(), 1, "{name}");
        assert!(sandbox.is_valid_refresh(&home.refresh_token()), "{name}");
    }
}

#[test]
fn a_login_that_is_answered_oddly_is_stored_too() {
    for (name, fault, end) in answers(Endpoint::Token) {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
        let (code, state) = crate::login::code_page(&pi.authorize_url());
        sandbox.fail_next(fault);
        pi.write(&format!("{code}#{state}\n"));
        let ended = pi.finish();
        assert_eq!(ended.code(), Some(0), "{name}: {ended}");
        if end == "used" {
            assert_used(&home, &sandbox, "", &name);
            continue;
        }
        ended.says("note: There is no token of Anthropic yet: ").says("pi token anthropic");
        assert!(sandbox.is_valid_refresh(&home.refresh_token()), "{name}");
        home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
        assert!(sandbox.is_valid_access(home.entry("anthropic")["access"].as_str().unwrap()));
    }
}

#[test]
fn a_copilot_token_with_an_odd_part_is_as_good_as_any() {
    for (name, fault, _) in answers(Endpoint::CopilotToken) {
        let sandbox = sandbox();
        let (home, old) = logged_in(&sandbox, Age::Expired);
        sandbox.fail_next_at(Endpoint::CopilotToken, [fault]);
        let ended = home.pi(["token", COPILOT]).run();
        assert_eq!(ended.code(), Some(0), "{name}: {ended}");
        ended.prints(&format!("{}\n", stored(&home, "access"))).is_quiet();
        assert_ne!(stored(&home, "access"), old.access, "{name}");
        assert!(sandbox.is_valid_copilot(GITHUB, &stored(&home, "access")), "{name}");
        let left = home.entry(COPILOT)["expires"].as_u64().unwrap().saturating_sub(now_ms());
        assert!((1_400_000..=1_500_000).contains(&left), "{name}: {left} ms");
    }
}

#[test]
fn a_device_login_goes_through_whatever_is_odd_in_its_answers() {
    let at = |endpoint| {
        answers(endpoint).into_iter().map(move |(name, fault, _)| (endpoint, name, fault))
    };
    let logins: Vec<_> = at(Endpoint::DevicePoll)
        .chain(at(Endpoint::DeviceAuthorization))
        .map(|(endpoint, name, fault)| {
            let sandbox = quick();
            // The person may take a moment: each poll would be answered so.
            sandbox.fail_next_at(endpoint, vec![fault; 20]);
            let home = Home::at(&sandbox);
            let pi = approved(&home, &[]).start();
            (sandbox, home, pi, endpoint, name)
        })
        .collect();
    for (sandbox, home, pi, endpoint, name) in logins {
        let ended = pi.finish();
        assert_eq!(ended.code(), Some(0), "{name}: {ended}");
        crate::copilot::assert_logged_in(&home, &sandbox, GITHUB);
        assert!(sandbox.pending_faults_at(endpoint).len() < 20, "{name} was met");
        let granted = kinds(&sandbox).into_iter().filter(|kind| *kind == Kind::DeviceGranted);
        assert_eq!(granted.count(), 1, "{name}: the poll that brings the token is the last");
    }
}
