//! Any number of processes meet a provider that wants to be left alone: it is.

use pi_auth_tests::pi::{Age, Ended, Home, Running, now_ms};
use pi_auth_tests::sandbox::{Config, Fault, Sandbox};
use serde_json::Value;

use crate::login::{assert_logged_in, log_in_by_paste};
use crate::sandbox;

fn storm(home: &Home, processes: usize) -> Vec<Ended> {
    let all: Vec<Running> =
        (0..processes).map(|_| home.pi(["token", "anthropic"]).start()).collect();
    all.into_iter().map(Running::finish).collect()
}

/// What was said, without what a slow machine is told, and without how many seconds are left.
fn said(ended: &Ended) -> String {
    let lines = ended.stderr.lines().filter(|line| !line.ends_with("..."));
    let words = lines.collect::<Vec<_>>().join("\n");
    words.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn requests(sandbox: &Sandbox) -> usize {
    sandbox.log().len()
}

/// Lets the time pass for which the refusal is remembered.
fn let_it_pass(home: &Home) {
    let name = "auth.json.backoff";
    let text = std::fs::read_to_string(home.agent_dir().join(name)).unwrap();
    let mut memory: Value = serde_json::from_str(&text).unwrap();
    let record = &mut memory["anthropic"];
    assert!(record["until"].as_u64() > Some(now_ms()), "{record}");
    record["since"] = (now_ms() - 600_000).into();
    record["until"] = (now_ms() - 1).into();
    home.write(name, memory.to_string());
}

/// Makes the stored token as old as this.
fn age(home: &Home, age: Age) {
    let mut document: Value = serde_json::from_str(&home.contents()).unwrap();
    document["anthropic"]["expires"] = age.expires().into();
    home.write("oauth.json", document.to_string());
}

#[test]
fn a_hundred_processes_at_a_429_make_one_request_and_are_told_the_same() {
    let sandbox = sandbox();
    for (number, (at, code)) in [(Age::Expired, 1), (Age::Due, 0)].into_iter().enumerate() {
        let (home, old) = Home::logged_in(&sandbox, at);
        let before = home.contents();
        for _ in 0..100 {
            sandbox.fail_next(Fault::rate_limited(600));
        }
        let all = storm(&home, 100);
        let (first, token) = (said(&all[0]), format!("{}\n", old.access));
        for ended in &all {
            ended.exits(code).prints(if code == 0 { &token } else { "" });
            ended.says("it is being asked too often").says("Try again in ");
            assert_eq!(said(ended), first, "{ended}");
        }
        assert_eq!(requests(&sandbox), number + 1, "one each");
        assert_eq!(home.contents(), before);
        assert!(sandbox.is_valid_refresh(&old.refresh));
        sandbox.clear_faults();
        // The provider is well again, but has asked to be left alone.
        home.pi(["token", "anthropic"]).run().exits(code).says("Try again in ");
        assert_eq!(requests(&sandbox), number + 1);
    }
}

#[test]
fn a_new_login_makes_the_memory_void() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.fail_next(Fault::rate_limited(600));
    home.pi(["token", "anthropic"]).run().exits(1).says("Try again in 600 s.");
    log_in_by_paste(&home).exits(0);
    age(&home, Age::Expired);
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    assert_logged_in(&home, &sandbox);
    assert_eq!(sandbox.grants(), 1);
}

#[test]
fn when_its_time_has_passed_exactly_one_asks_again() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    for round in 1..=2 {
        for _ in 0..20 {
            sandbox.fail_next(Fault::rate_limited(600));
        }
        let all = storm(&home, 20);
        for ended in &all {
            ended.exits(1).prints("").says("asked too often");
        }
        assert_eq!(requests(&sandbox), round, "one a round");
        sandbox.clear_faults();
        let_it_pass(&home);
    }
    let all = storm(&home, 20);
    let access = home.entry("anthropic")["access"].as_str().unwrap().to_owned();
    for ended in &all {
        ended.exits(0).prints(&format!("{access}\n"));
    }
    assert_eq!((requests(&sandbox), sandbox.grants()), (3, 1));
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_network_that_was_not_there_is_used_as_soon_as_it_is_back() {
    let gone = sandbox();
    let (home, _) = Home::logged_in(&gone, Age::Expired);
    let port = gone.base_url().rsplit_once(':').unwrap().1.parse().unwrap();
    drop(gone);
    for ended in storm(&home, 20) {
        ended.exits(1).prints("").says("could not connect").says("Your login is kept.");
    }
    assert_eq!(home.names(), ["auth.json.flock", "oauth.json"], "nothing is remembered");
    // Another test may have got the port since.
    let Ok(back) = Sandbox::start(Config { port, ..Config::default() }) else {
        crate::skipped("the port of a server that went away was taken by somebody else");
        return;
    };
    home.store(&back.issue(), Age::Expired.expires());
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    assert_logged_in(&home, &back);
}
