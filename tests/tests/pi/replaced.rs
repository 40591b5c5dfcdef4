//! Somebody removes or replaces the file, its directory or the lock while the provider is asked:
//! the answer is stored, or printed and told.

use std::fs;

use pi_auth_tests::pi::{Age, Ended, Home};
use pi_auth_tests::sandbox::Sandbox;

use crate::lock::lock_of;
use crate::login::assert_logged_in;
use crate::{sandbox, wait_for_grants};

/// A refresh during which this happens.
fn during_a_refresh(happens: fn(&Home)) -> (Sandbox, Home, Ended) {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.keep_answers_back();
    let pi = home.pi(["token", "anthropic"]).start();
    wait_for_grants(&sandbox, 1);
    happens(&home);
    sandbox.let_answers_go();
    let ended = pi.finish();
    assert_eq!(sandbox.grants(), 1, "{ended}");
    // Whatever came of the file, the token exists, and whoever asked has it.
    ended.exits(0);
    assert!(sandbox.is_valid_access(ended.stdout.trim_end()), "{ended}");
    (sandbox, home, ended)
}

#[track_caller]
fn assert_tidy(home: &Home, names: &[&str]) {
    assert_eq!(home.names(), names);
}

#[test]
fn a_lock_that_vanishes_is_taken_again() {
    let (sandbox, home, ended) = during_a_refresh(|home| fs::remove_dir(lock_of(home)).unwrap());
    ended.is_quiet();
    assert_logged_in(&home, &sandbox);
    assert_tidy(&home, &["auth.json.flock", "oauth.json"]);
}

#[test]
fn both_locks_and_the_temporary_file_may_vanish() {
    let (sandbox, home, ended) = during_a_refresh(|home| {
        fs::remove_dir(lock_of(home)).unwrap();
        for name in home.names().iter().filter(|name| *name != "oauth.json") {
            let _ = fs::remove_file(home.agent_dir().join(name));
        }
    });
    ended.is_quiet();
    assert_logged_in(&home, &sandbox);
    assert_tidy(&home, &["auth.json.flock", "oauth.json"]);
}

#[test]
fn who_removes_the_file_has_logged_out() {
    let (_sandbox, home, _) = during_a_refresh(|home| fs::remove_file(home.file()).unwrap());
    assert!(!home.file().exists(), "a login that somebody has ended came back");
    assert_tidy(&home, &["auth.json.flock"]);
    home.pi(["token", "anthropic"]).run().exits(4).prints("");
}

#[test]
fn who_removes_the_directory_has_logged_out() {
    let (_sandbox, home, _) =
        during_a_refresh(|home| fs::remove_dir_all(home.agent_dir()).unwrap());
    assert!(!home.file().exists(), "a login that somebody has ended came back");
    home.pi(["token", "anthropic"]).run().exits(4).prints("");
}

#[test]
fn a_directory_that_is_moved_away_takes_the_login_with_it() {
    let (_sandbox, home, _) = during_a_refresh(|home| {
        fs::rename(home.agent_dir(), home.path().join(".pi/moved")).unwrap();
    });
    let moved = fs::read_to_string(home.path().join(".pi/moved/oauth.json")).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&moved).is_ok(), "{moved}");
    home.pi(["token", "anthropic"]).run().exits(4).prints("");
}

#[test]
fn a_directory_in_the_place_of_the_file_is_told_and_left() {
    let (_sandbox, home, ended) = during_a_refresh(|home| {
        fs::remove_file(home.file()).unwrap();
        fs::create_dir(home.file()).unwrap();
    });
    ended.says("note: ").says("it is a directory, not a file").says("pi login anthropic");
    assert!(home.file().is_dir());
    assert_tidy(&home, &["auth.json.flock", "oauth.json"]);
    fs::remove_dir(home.file()).unwrap();
    home.pi(["token", "anthropic"]).run().exits(4);
}

#[test]
fn a_file_in_the_place_of_the_directory_is_told_and_left() {
    let (_sandbox, home, ended) = during_a_refresh(|home| {
        fs::remove_dir_all(home.agent_dir()).unwrap();
        fs::write(home.agent_dir(), "theirs").unwrap();
    });
    ended.says("note: ").says("pi login anthropic");
    assert_eq!(fs::read(home.agent_dir()).unwrap(), b"theirs");
    for arguments in [&["token", "anthropic"][..], &["login", "anthropic", "--no-browser"]] {
        home.pi(arguments).run().exits(1).prints("").says("~/.pi/agent");
    }
}

#[test]
fn a_file_that_breaks_meanwhile_is_told_and_left() {
    let (_sandbox, home, ended) = during_a_refresh(|home| {
        fs::write(home.file(), "{ half a fi").unwrap();
    });
    ended.says("note: ").says("not valid JSON").says("pi login anthropic");
    assert_eq!(home.contents(), "{ half a fi");
    assert_tidy(&home, &["auth.json.flock", "oauth.json"]);
}
