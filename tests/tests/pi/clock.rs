//! A clock that is wrong, or jumps: no panic, no loop, no second refresh, and no wait past its
//! bound.

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use pi_auth_tests::machine::faketime::{self, Clock};
use pi_auth_tests::pi::{Age, Home, Pi, now_ms};
use pi_auth_tests::sandbox::{Fault, Kind};

use crate::lock::{Holder, lock_of, make_ours};
use crate::login::{assert_logged_in, paste};
use crate::{kinds, sandbox, wait_for_grants};

const HOUR_S: i64 = 3600;
const YEAR_S: i64 = 365 * 24 * HOUR_S;

/// Nobody waits for anybody here: what takes longer was in a loop, or slept for an hour by the
/// wrong clock.
const SOON: Duration = Duration::from_secs(240);

fn clock(home: &Home, off_s: i64) -> Result<Clock, String> {
    Clock::new(home.path().join("clock"), off_s)
}

fn by<'a>(clock: &Clock, pi: Pi<'a>) -> Pi<'a> {
    clock.environment().into_iter().fold(pi, |pi, (name, value)| pi.env(name, value))
}

/// How far the stored token is from its end by the true clock, in seconds.
fn left_s(home: &Home) -> i64 {
    let expires = home.entry("anthropic")["expires"].as_i64().unwrap();
    (expires - i64::try_from(now_ms()).unwrap()) / 1000
}

#[test]
fn by_a_clock_that_is_wrong_a_login_lasts_and_is_refreshed_once() {
    for off_s in [-YEAR_S, -HOUR_S, HOUR_S, YEAR_S] {
        let sandbox = sandbox();
        let (home, old) = Home::logged_in(&sandbox, Age::Fresh);
        let clock = or_skip!(clock(&home, off_s));
        let began = Instant::now();
        // Expired by this clock, whatever the true one says.
        let expired = i64::try_from(now_ms()).unwrap() + (off_s - HOUR_S) * 1000;
        home.store(&old, u64::try_from(expired).unwrap());
        let ended = by(&clock, home.pi(["token", "anthropic"])).run();
        ended.exits(0).is_quiet();
        assert_eq!(ended.stdout.trim_end(), home.entry("anthropic")["access"]);
        // Its lifetime counts from this clock's now: so it ends when this clock says so.
        let lifetime_s = 28_800 - 300 + off_s;
        assert!((left_s(&home) - lifetime_s).abs() < 60, "off by {off_s} s: {}", left_s(&home));
        for _ in 0..3 {
            by(&clock, home.pi(["token", "anthropic"])).run().exits(0).is_quiet();
        }
        by(&clock, home.pi(["status"])).run().exits(0);
        assert_eq!(kinds(&sandbox), [Kind::Refreshed], "off by {off_s} s");
        assert_logged_in(&home, &sandbox);

        let mut login = by(&clock, home.pi(["login", "anthropic", "--no-browser"])).start();
        paste(&mut login);
        login.finish().exits(0);
        by(&clock, home.pi(["token", "anthropic"])).run().exits(0).is_quiet();
        by(&clock, home.pi(["logout", "anthropic"])).run().exits(0);
        assert_eq!(sandbox.grants(), 1);
        assert!(began.elapsed() < SOON, "off by {off_s} s: {:?}", began.elapsed());
    }
}

#[test]
fn a_clock_that_jumps_during_a_refresh_costs_nothing() {
    or_skip!(faketime::library());
    thread::scope(|scope| {
        for (from_s, to_s) in [(0, -HOUR_S), (0, HOUR_S), (HOUR_S, 0), (0, -YEAR_S), (0, YEAR_S)] {
            scope.spawn(move || jumps(from_s, to_s));
        }
    });
}

fn jumps(from_s: i64, to_s: i64) {
    let what = format!("from {from_s} s to {to_s} s");
    let sandbox = sandbox();
    sandbox.keep_answers_back();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    let clock = clock(&home, from_s).unwrap();
    let began = Instant::now();
    let pi = by(&clock, home.pi(["token", "anthropic"])).start();
    wait_for_grants(&sandbox, 1);
    let mut waiter = by(&clock, home.pi(["token", "anthropic"])).start();
    // By then it has found the old token expired, which by another clock it may not be.
    waiter.hear("what it waits for", |stderr| stderr.find("Waiting for another pi"));
    clock.set(to_s);
    sandbox.let_answers_go();
    let ended = pi.finish();
    ended.exits(0);
    assert_ne!(ended.stdout.trim_end(), old.access, "{what}");
    // The other has waited for the lock meanwhile. It uses what was stored, whatever its clock
    // says.
    waiter.finish().exits(0).prints(&ended.stdout);
    assert_eq!(sandbox.grants(), 1, "{what}");
    assert!(began.elapsed() < SOON, "{what}: {:?}", began.elapsed());
    assert_logged_in(&home, &sandbox);
    assert_eq!(home.names(), ["auth.json.flock", "oauth.json"], "{what}");

    // Nothing goes on asking: from here on, one refresh at most brings the file in step.
    for _ in 0..4 {
        by(&clock, home.pi(["token", "anthropic"])).run().exits(0);
    }
    assert!(sandbox.grants() <= 2, "{what}");
}

#[test]
fn what_a_wrong_clock_has_remembered_keeps_nobody_out_for_longer_than_it_was_for() {
    for off_s in [HOUR_S, YEAR_S, -HOUR_S] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let clock = or_skip!(clock(&home, off_s));
        home.store(&sandbox.issue(), 1);
        sandbox.fail_next(Fault::rate_limited(60));
        by(&clock, home.pi(["token", "anthropic"])).run().exits(1).says("Try again in");
        assert!(home.agent_dir().join("auth.json.backoff").exists());
        // The clock is right again: whatever is remembered was for a minute of another time.
        clock.set(0);
        by(&clock, home.pi(["token", "anthropic"])).run().exits(0);
        assert_eq!(sandbox.grants(), 1, "off by {off_s} s");
        assert_logged_in(&home, &sandbox);
    }
}

#[test]
fn by_a_wrong_clock_a_lock_that_is_touched_is_waited_for() {
    // To those who wait it looks old, or not yet made.
    let sandbox = sandbox();
    let mut waiting = Vec::new();
    for off_s in [-YEAR_S, -HOUR_S, HOUR_S, YEAR_S] {
        let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
        let clock = or_skip!(clock(&home, off_s));
        let holder = Holder::of(lock_of(&home));
        let pi = by(&clock, home.pi(["logout", "anthropic"])).start();
        waiting.push((home, holder, pi));
    }
    // Longer than a lock is watched that looks dead.
    thread::sleep(Duration::from_secs(4));
    for (home, holder, mut pi) in waiting {
        assert!(pi.runs(), "{pi}");
        holder.release();
        pi.finish().exits(0);
        assert_eq!(home.contents(), "{}");
    }
}

#[test]
fn by_a_wrong_clock_a_lock_that_is_dead_is_taken_over() {
    let sandbox = sandbox();
    for off_s in [-60, HOUR_S, YEAR_S] {
        let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
        let clock = or_skip!(clock(&home, off_s));
        make_ours(&lock_of(&home));
        let long_ago = SystemTime::now() - Duration::from_secs(120);
        File::open(lock_of(&home)).unwrap().set_modified(long_ago).unwrap();
        let began = Instant::now();
        by(&clock, home.pi(["logout", "anthropic"])).run().exits(0);
        assert!(began.elapsed() < SOON, "{off_s}: {:?}", began.elapsed());
        assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    }
}
