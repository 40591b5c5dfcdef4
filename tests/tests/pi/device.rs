//! Polling: never earlier than the provider asks for, and no code that was approved is lost.

use std::thread;
use std::time::Duration;

use pi_auth_tests::loopback::Request;
use pi_auth_tests::pi::{Age, Home, Running, eventually};
use pi_auth_tests::robot;
use pi_auth_tests::sandbox::{Endpoint, Fault, Kind, Poll, Sandbox};

use crate::copilot::{
    COPILOT, GITHUB, SUCCESS, approved, assert_logged_in, logged_in, person, quick, shown,
};
use crate::sandbox;

/// None of the polls was earlier than the interval in force when it came, and at least this many
/// were made; more, where the person took their time.
#[track_caller]
fn assert_in_time(sandbox: &Sandbox, least: usize) {
    let polls = sandbox.polls();
    assert!(polls.len() >= least, "{polls:?}");
    for Poll { waited_ms, interval_s, too_early } in &polls {
        assert!(!too_early && *waited_ms >= interval_s * 1000, "{polls:?}");
    }
}

#[test]
fn nobody_polls_before_the_interval_is_over_however_often_it_takes() {
    // Where none is told, it is five seconds.
    let logins = [(Some(1), 2), (None, 0)].map(|(told, more)| {
        let sandbox = sandbox();
        sandbox.change(|settings| {
            settings.github.interval_s = told.unwrap_or(5);
            settings.github.send_interval = told.is_some();
            settings.github.pending_after_approval = more;
        });
        let home = Home::at(&sandbox);
        let pi = approved(&home, &[]).start();
        (sandbox, home, pi, more as usize + 1)
    });
    for (sandbox, home, pi, polls) in logins {
        pi.finish().exits(0).prints(SUCCESS);
        assert_in_time(&sandbox, polls);
        assert_logged_in(&home, &sandbox, GITHUB);
    }
}

#[test]
fn who_is_told_to_slow_down_keeps_to_it_for_good() {
    // The interval that is named, or five seconds more; here it is named to be quick.
    let logins = [(Some(2), 1, 2), (None, 0, 6)].map(|(named, more, then)| {
        let sandbox = quick();
        sandbox.fail_next_at(Endpoint::DevicePoll, [Fault::slow_down(named)]);
        sandbox.change(|settings| settings.github.pending_after_approval = more);
        let home = Home::at(&sandbox);
        let pi = approved(&home, &[]).start();
        (sandbox, home, pi, more as usize + 2, then)
    });
    for (sandbox, _home, pi, polls, then) in logins {
        pi.finish().exits(0);
        assert_in_time(&sandbox, polls);
        let mut intervals: Vec<u64> = sandbox.polls().iter().map(|it| it.interval_s).collect();
        intervals.dedup();
        assert_eq!(intervals, [1, then]);
    }
}

#[test]
fn a_poll_that_the_server_finds_too_early_is_the_last_one_that_is() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", COPILOT]).start();
    let (uri, user_code) = shown(&mut pi);
    // Somebody else polls with the same code, between two polls that are in time.
    let first = eventually("a poll", || {
        sandbox.log().into_iter().find(|it| matches!(it.kind, Kind::Polled(_)))
    });
    thread::sleep(Duration::from_millis(1020));
    let fields: Vec<(&str, &str)> =
        first.request.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = format!("{}{}", sandbox.base_url(), first.request.path);
    Request::post_form(url, &fields).header("user-agent", "somebody else").send().unwrap();
    let early = |it: &Kind| matches!(it, Kind::Polled(poll) if poll.too_early);
    eventually("a poll that is too early", || {
        let mut log = sandbox.log().into_iter();
        log.any(|it| early(&it.kind) && it.user_agent() != Some("somebody else")).then_some(())
    });
    robot::approve_device(&uri, &user_code).unwrap();
    pi.finish().exits(0).prints(SUCCESS);
    let polls = sandbox.polls();
    let last = polls.last().unwrap();
    assert!(last.interval_s >= 6 && !last.too_early, "{polls:?}");
    assert_eq!(polls.iter().rev().position(|poll| poll.too_early), Some(1), "{polls:?}");
}

#[test]
fn a_server_in_trouble_in_the_middle_still_lets_in_who_was_approved() {
    let redirect = Fault::Redirect { location: "http://hotel.example/".to_owned() };
    let lots: [&[Fault]; 10] = [
        &[Fault::status(502)],
        &[Fault::status(503)],
        &[redirect],
        &[Fault::Close],
        &[Fault::Html200],
        &[Fault::CutJson],
        &[Fault::Empty200],
        &[Fault::Oversized],
        &[Fault::rate_limited(3)],
        &[Fault::status(502), Fault::Close],
    ];
    let logins = lots.map(|faults| {
        let sandbox = quick();
        sandbox.fail_next_at(Endpoint::DevicePoll, faults.to_vec());
        let home = Home::at(&sandbox);
        let pi = approved(&home, &[]).start();
        (sandbox, home, faults, pi)
    });
    for (sandbox, home, faults, pi) in logins {
        let ended = pi.finish();
        assert_eq!(ended.code(), Some(0), "{faults:?}: {ended}");
        ended.prints(SUCCESS).says("; last time: ");
        assert_in_time(&sandbox, faults.len() + 1);
        assert_logged_in(&home, &sandbox, GITHUB);
        let polls = &sandbox.polls()[..=faults.len()];
        let asked_ms = if faults == [Fault::rate_limited(3)] { 3000 } else { 2000 };
        assert!(polls[1].waited_ms >= asked_ms, "it backs off after {faults:?}: {polls:?}");
        assert!(polls.is_sorted_by_key(|poll| poll.waited_ms), "ever longer: {polls:?}");
    }
}

/// A login that comes to nothing, beside one that is stored and stays as it is.
struct Fails {
    sandbox: Sandbox,
    home: Home,
    before: String,
    pi: Running,
}

fn fails(button: &str, prepare: impl FnOnce(&Sandbox)) -> Fails {
    let sandbox = quick();
    prepare(&sandbox);
    let (home, _) = logged_in(&sandbox, Age::Expired);
    let before = home.contents();
    let pi = home.pi(["login", COPILOT]).browser(&person(button)).start();
    Fails { sandbox, home, before, pi }
}

#[test]
fn a_login_that_comes_to_nothing_says_why_and_an_older_one_is_kept() {
    type Case<'a> = (&'a str, Fails, usize, &'a [&'a str]);
    let again = "un `pi login github-copilot`";
    let at = |endpoint, fault| move |sandbox: &Sandbox| sandbox.fail_next_at(endpoint, [fault]);
    let poll = |fault| fails("approve", at(Endpoint::DevicePoll, fault));
    let ask = |fault| fails("approve", at(Endpoint::DeviceAuthorization, fault));
    let denied = "The login to GitHub Copilot was refused in the browser.";
    let late = "The code of GitHub Copilot was not entered in time.";
    let none = "The login to GitHub Copilot came to nothing";
    let cases: [Case<'_>; 9] = [
        ("denied", fails("deny", |_| {}), 1, &[denied, "Run `pi login github-copilot`"]),
        (
            "expired",
            fails("true", |sandbox| sandbox.change(|it| it.github.code_lifetime_s = 1)),
            1,
            &[late, "enter the new code"],
        ),
        (
            "not enabled",
            fails("approve", |sandbox| sandbox.change(|it| it.github.device_flow = false)),
            0,
            &[none, "device_flow_disabled", "must be explicitly enabled"],
        ),
        // The token is gone with the answer, and the code with the token.
        ("granted and dropped", poll(Fault::DropAfterGrant), 2, &[none, "incorrect_device_code"]),
        ("unknown client", poll(Fault::github_error("incorrect_client_credentials")), 1, &[none]),
        ("404", poll(Fault::status(404)), 1, &[none, "404"]),
        ("502 at first", ask(Fault::status(502)), 0, &[none, "HTTP 502", "Try again in"]),
        ("no JSON at first", ask(Fault::Html200), 0, &[none, "not what was asked for"]),
        ("dropped at first", ask(Fault::Close), 0, &[none, "Check your connection"]),
    ];
    for (name, Fails { sandbox, home, before, pi }, polls, words) in cases {
        let ended = pi.finish();
        assert_eq!(ended.code(), Some(1), "{name}: {ended}");
        ended.prints("").says("error: ").says(again);
        for text in words {
            assert!(ended.stderr.contains(text), "{name}: {text}: {ended}");
        }
        assert_eq!(sandbox.polls().is_empty(), polls == 0, "{name}");
        assert!(sandbox.polls().len() >= polls, "{name}");
        assert_eq!(home.contents(), before, "{name}");
        assert_eq!(sandbox.exchanges(), 0, "{name}");
    }
}

#[test]
fn a_code_request_that_is_refused_shows_no_code() {
    for fault in [
        Fault::WrongTypes,
        Fault::status(404),
        // No plain web address is one to open.
        device("javascript:alert(1)", "ABCD-EFGH"),
        device("http://h.example/device", "ABCD-EFGH"),
        device("https://u:p@h.example/device", "ABCD-EFGH"),
        device("https://h.example/device", ""),
        device("https://h.example/device", "\u{1b}\u{7}"),
    ] {
        let sandbox = quick();
        let home = Home::at(&sandbox);
        sandbox.fail_next_at(Endpoint::DeviceAuthorization, [fault.clone()]);
        let pi = home.pi(["login", COPILOT]).browser("echo \"$1\" > \"$HOME/opened\"");
        let ended = pi.run();
        ended.exits(1).prints("").says("The login to GitHub Copilot came to nothing");
        assert!(!ended.stderr.contains("nter this code"), "{fault:?}: {ended}");
        assert!(!home.path().join("opened").exists(), "{fault:?}");
        assert_eq!(sandbox.polls(), [], "{fault:?}");
        assert!(home.names().iter().all(|name| name.ends_with(".flock")), "{:?}", home.names());
    }
}

/// An answer that tells a device to show this.
pub(crate) fn device(verification_uri: &str, user_code: &str) -> Fault {
    let body = serde_json::json!({
        "device_code": "d", "user_code": user_code, "verification_uri": verification_uri,
        "expires_in": 900, "interval": 1,
    });
    Fault::Status { code: 200, headers: Default::default(), body: body.to_string() }
}
