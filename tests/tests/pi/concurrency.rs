//! Many processes at once, some of them killed.

use std::path::Path;
use std::time::Duration;

use pi_auth_tests::machine::strace::{self, Harm, RENAMES};
use pi_auth_tests::pi::{Age, Ended, Home, Running, Signal, binary};
use pi_auth_tests::sandbox::{Fault, Kind, Settings};

use crate::lock::{age, lock_of};
use crate::login::{assert_logged_in, code_page};
use crate::{kinds, sandbox, wait_for_grants};

fn many(home: &Home, count: usize) -> Vec<Running> {
    (0..count).map(|_| home.pi(["token", "anthropic"]).start()).collect()
}

#[test]
fn a_hundred_processes_make_one_refresh_and_all_print_its_token() {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    // Long enough for all of them to be there before the answer is.
    sandbox.change(|settings| settings.token_delay_ms = 3000);
    let all = many(&home, 100);
    let printed: Vec<String> =
        all.into_iter().map(|pi| pi.finish().exits(0).stdout.clone()).collect();
    assert_eq!(kinds(&sandbox), [Kind::Refreshed]);
    let access = home.entry("anthropic")["access"].as_str().unwrap().to_owned();
    assert_ne!(access, old.access);
    assert!(printed.iter().all(|it| *it == format!("{access}\n")), "{printed:?}");
    assert_logged_in(&home, &sandbox);
    assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
}

#[test]
fn a_validity_that_no_token_has_is_no_reason_for_all_to_refresh_in_turn() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.change(|settings| settings.token_delay_ms = 1000);
    let start = |_| home.pi(["token", "anthropic", "--min-validity", "1day"]).start();
    let all: Vec<Running> = (0..10).map(start).collect();
    let printed: Vec<String> =
        all.into_iter().map(|pi| pi.finish().exits(0).stdout.clone()).collect();
    assert_eq!(sandbox.grants(), 1);
    assert!(printed.iter().all(|it| *it == printed[0]), "{printed:?}");
}

#[test]
fn a_refresh_that_failed_is_remembered_so_that_others_do_not_storm_the_endpoint() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    for _ in 0..20 {
        sandbox.fail_next(Fault::rate_limited(600));
    }
    for pi in many(&home, 20) {
        pi.finish().exits(1).prints("").says("Try again in");
    }
    assert_eq!(sandbox.log().len(), 1, "requests");
    // A new login has another refresh token, of which nothing is remembered.
    sandbox.clear_faults();
    home.store(&sandbox.issue(), Age::Expired.expires());
    home.pi(["token", "anthropic"]).run().exits(0);
}

#[test]
fn a_process_that_is_killed_while_it_waits_for_the_answer_locks_nobody_out() {
    for rotate in [true, false] {
        let sandbox = sandbox();
        sandbox.change(|settings| *settings = Settings { rotate, ..Settings::default() });
        let (home, old) = Home::logged_in(&sandbox, Age::Expired);
        sandbox.change(|settings| settings.token_delay_ms = 20_000);
        let victim = home.pi(["token", "anthropic"]).start();
        wait_for_grants(&sandbox, 1);
        victim.signal(Signal::KILL);
        assert_eq!(victim.finish().signal(), Some(9));
        assert_eq!(home.refresh_token(), old.refresh);
        let lock = lock_of(&home);
        assert!(lock.exists(), "it died with the lock");
        // Nobody has half a minute to wait until it is seen to be dead.
        age(&lock);
        sandbox.change(|settings| settings.token_delay_ms = 0);
        let next = home.pi(["token", "anthropic"]).run();
        if rotate {
            // The answer is lost with the process, and the old token was spent by it.
            next.exits(4).prints("").says("pi login anthropic");
            assert_eq!(home.refresh_token(), old.refresh, "it is kept all the same");
        } else {
            next.exits(0);
            assert_logged_in(&home, &sandbox);
        }
        assert_eq!(left_over(&home), ["auth.json.flock", "oauth.json"]);
    }
}

/// The files of the agent's directory, but for the memory of a refused refresh.
fn left_over(home: &Home) -> Vec<String> {
    home.names().into_iter().filter(|name| !name.ends_with(".backoff")).collect()
}

#[test]
fn a_process_that_is_killed_at_any_moment_leaves_a_whole_file() {
    let sandbox = sandbox();
    let mut homes = Vec::new();
    for pause_ms in (0..90).step_by(3) {
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        let before = home.contents();
        let victim = home.pi(["token", "anthropic"]).start();
        std::thread::sleep(Duration::from_millis(pause_ms));
        victim.signal(Signal::KILL);
        let _ = victim.finish();
        let refreshed = home.contents() != before;
        if refreshed {
            assert_logged_in(&home, &sandbox);
        }
        if lock_of(&home).exists() {
            age(&lock_of(&home));
        }
        homes.push((home, refreshed));
    }
    // At once, since each may have to watch the dead one's lock for a while.
    let next: Vec<_> =
        homes.iter().map(|(home, _)| home.pi(["token", "anthropic"]).start()).collect();
    let mut outcomes = Vec::new();
    for ((home, refreshed), next) in homes.iter().zip(next) {
        let next = next.finish();
        assert!(matches!(next.code(), Some(0 | 4)), "{next}");
        if next.code() == Some(0) {
            assert_logged_in(home, &sandbox);
        }
        // Killed between the file and the lock: a fresh token needs no lock, so nobody sweeps it
        // yet.
        let mut left = left_over(home);
        left.retain(|name| !(*refreshed && name == "auth.json.lock"));
        assert_eq!(left, ["auth.json.flock", "oauth.json"]);
        outcomes.push(next.code());
    }
    assert!(outcomes.contains(&Some(0)), "not every moment is between the request and the file");
}

/// Where the one that refreshes is killed: before the how manieth call of which name; and whether
/// the provider's answer dies with it.
const STAGES: [(&str, u32, bool); 9] = [
    // It has the lock, whose mode is set next or was, and has not asked yet.
    ("fchmod", 3, false),
    ("getdents64", 1, false),
    // It tries what it will need.
    ("fsync", 1, false),
    (RENAMES, 1, false),
    // It has the answer in its hands.
    ("lseek", 1, true),
    ("fsync", 2, true),
    (RENAMES, 2, true),
    // It has stored it.
    ("fsync", 3, false),
    ("?rmdir,?unlinkat", 1, false),
];

#[test]
fn of_those_who_wait_for_one_that_is_killed_at_any_stage_all_get_one_answer() {
    let strace = or_skip!(strace::find());
    std::thread::scope(|scope| {
        for stage in STAGES {
            let strace = &strace;
            scope.spawn(move || killed_at(stage, strace));
        }
    });
}

fn killed_at((call, nth, is_lost): (&str, u32, bool), strace: &Path) {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    // Behind a lock of ours the victim is the first in the queue of all.
    std::fs::create_dir(lock_of(&home)).unwrap();
    let trace = home.path().join("trace");
    let mut words = strace::harming(&trace, call, nth, Harm::Kill);
    words.extend([binary().into(), "token".into(), "anthropic".into()]);
    let mut victim = home.program(strace, words).start();
    let waits = |pi: &mut Running| {
        pi.hear("what it waits for", |stderr| stderr.find("Waiting for another pi"));
    };
    waits(&mut victim);
    let mut others = many(&home, 10);
    others.iter_mut().for_each(waits);
    std::fs::remove_dir(lock_of(&home)).unwrap();
    assert_eq!(victim.finish().signal(), Some(9), "{call} {nth}");
    // At every stage it dies with the lock, and nobody has half a minute to wait until that is
    // seen.
    age(&lock_of(&home));
    let ended: Vec<Ended> = others.into_iter().map(Running::finish).collect();
    for it in &ended {
        it.exits(if is_lost { 4 } else { 0 });
        assert_eq!(it.stdout, ended[0].stdout, "{call} {nth}");
    }
    assert_eq!(sandbox.grants(), 1, "{call} {nth}");
    match is_lost {
        true => assert_eq!(home.refresh_token(), old.refresh, "it is kept all the same"),
        false => assert_logged_in(&home, &sandbox),
    }
    assert_eq!(left_over(&home), ["auth.json.flock", "oauth.json"], "{call} {nth}");
}

#[test]
fn a_process_that_is_killed_before_it_asks_costs_nothing() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    std::fs::create_dir(lock_of(&home)).unwrap();
    let mut waiters = many(&home, 5);
    for waiter in &mut waiters {
        waiter.hear("what it waits for", |stderr| stderr.find("Waiting for another pi"));
    }
    for victim in waiters.split_off(2) {
        victim.signal(Signal::KILL);
        assert_eq!(victim.finish().signal(), Some(9));
    }
    std::fs::remove_dir(lock_of(&home)).unwrap();
    let printed: Vec<String> =
        waiters.into_iter().map(|pi| pi.finish().exits(0).stdout.clone()).collect();
    assert_eq!(printed[0], printed[1]);
    assert_eq!(sandbox.grants(), 1);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn logins_refreshes_and_a_logout_at_once_leave_a_whole_file() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let mut logins: Vec<Running> =
        (0..4).map(|_| home.pi(["login", "anthropic", "--no-browser"]).start()).collect();
    let answers: Vec<(String, String)> =
        logins.iter_mut().map(|login| code_page(&login.authorize_url())).collect();
    let refreshes = many(&home, 5);
    for (login, (code, state)) in logins.iter_mut().zip(&answers) {
        login.write(&format!("{code}#{state}\n"));
    }
    let logout = home.pi(["logout", "anthropic"]).start();
    for login in logins {
        login.finish().exits(0);
    }
    for refresh in refreshes {
        let ended = refresh.finish();
        assert!(matches!(ended.code(), Some(0 | 4)), "{ended}");
    }
    logout.finish().exits(0);
    // Whoever came last, it parses, and what is in it is good.
    if !home.entry("anthropic").is_null() {
        assert_logged_in(&home, &sandbox);
    }
    assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
}
