//! A disk that is full, on a real file system: nothing is lost, and nothing is asked for that could
//! not be stored.

use std::fs;

use pi_auth_tests::machine::small_disk::SmallDisk;
use pi_auth_tests::machine::strace::{self, Harm, RENAMES};
use pi_auth_tests::pi::{Age, Home, binary};
use pi_auth_tests::sandbox::Sandbox;

use crate::login::{assert_logged_in, log_in_by_paste};
use crate::{sandbox, wait_for_grants};

/// Room for the credential file and its locks many times over.
const KIB: usize = 256;
const INODES: usize = 64;

/// The renames of a save without the one that is tried before anything is sent.
const AFTER_TRIAL: &str = "2+";

/// A home whose agent directory is a file system of its own, with a login in it.
fn on_a_small_disk(
    sandbox: &Sandbox,
    age: Age,
    inodes: usize,
) -> Result<(Home, SmallDisk), String> {
    let home = Home::at(sandbox);
    let disk = SmallDisk::mount(&home.agent_dir(), KIB, inodes)?;
    home.store(&sandbox.issue(), age.expires());
    Ok((home, disk))
}

/// Every command that writes says that the disk is full, before anything is sent.
#[track_caller]
fn assert_full(sandbox: &Sandbox, home: &Home) {
    let (before, requests) = (home.contents(), sandbox.log().len());
    for arguments in [
        &["token", "anthropic"][..],
        &["logout", "anthropic"],
        &["login", "anthropic", "--no-browser"],
    ] {
        let ended = home.pi(arguments).run();
        ended
            .exits(1)
            .prints("")
            .says("no space is left")
            .says("~/.pi/agent/")
            .says("Free some space");
        assert_eq!(home.contents(), before, "{ended}");
        let left = home.names();
        assert!(!left.iter().any(|it| it.ends_with(".lock") || it.ends_with(".tmp")), "{left:?}");
    }
    assert_eq!(sandbox.log().len(), requests, "a token that cannot be stored was asked for");
}

#[test]
fn where_the_new_file_does_not_fit_nothing_is_sent_and_nothing_is_lost() {
    let sandbox = sandbox();
    for spare_kib in [0, 4, 8, 16] {
        let (home, disk) = or_skip!(on_a_small_disk(&sandbox, Age::Expired, INODES));
        let filler = disk.fill(spare_kib);
        assert_full(&sandbox, &home);
        home.pi(["status"]).run().exits(0);
        fs::remove_file(filler).unwrap();
        home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
        assert_logged_in(&home, &sandbox);
        log_in_by_paste(&home).exits(0);
        home.pi(["logout", "anthropic"]).run().exits(0);
    }
}

#[test]
fn where_no_file_can_be_made_nothing_is_sent_and_nothing_is_lost() {
    let sandbox = sandbox();
    // The directory and the credential file; with them the queue; with them the lock; with them the
    // new file, but none to try a rename on.
    for inodes in 2..=5 {
        let (home, _disk) = or_skip!(on_a_small_disk(&sandbox, Age::Expired, inodes));
        assert_full(&sandbox, &home);
    }
    let (home, _disk) = on_a_small_disk(&sandbox, Age::Expired, 6).unwrap();
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_fresh_token_is_read_from_a_full_disk() {
    let sandbox = sandbox();
    let (home, disk) = or_skip!(on_a_small_disk(&sandbox, Age::Fresh, INODES));
    disk.fill(0);
    let access = home.entry("anthropic")["access"].as_str().unwrap().to_owned();
    let printed = format!("{access}\n");
    home.pi(["token", "anthropic"]).run().exits(0).prints(&printed).is_quiet();
    home.pi(["headers", "anthropic"]).run().exits(0);
    // One that is only due is still valid, and says why it is not newer.
    let ended = home.pi(["token", "anthropic", "--min-validity", "1day"]).run();
    ended.exits(0).prints(&printed).says("note: ").says("no space is left");
    assert_eq!(sandbox.log(), []);
}

#[test]
fn a_disk_that_fills_up_during_a_refresh_has_room_for_its_answer() {
    let sandbox = sandbox();
    let (home, disk) = or_skip!(on_a_small_disk(&sandbox, Age::Expired, INODES));
    sandbox.keep_answers_back();
    let pi = home.pi(["token", "anthropic"]).start();
    wait_for_grants(&sandbox, 1);
    disk.fill(0);
    sandbox.let_answers_go();
    pi.finish().exits(0).is_quiet();
    assert_logged_in(&home, &sandbox);
}

#[test]
fn an_answer_that_cannot_be_stored_is_printed_and_told() {
    let strace = or_skip!(strace::find());
    for error in ["ENOSPC", "EIO"] {
        let sandbox = sandbox();
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        let before = home.contents();
        let trace = home.path().join("trace");
        let mut words = strace::harming(&trace, RENAMES, AFTER_TRIAL, Harm::Error(error));
        words.extend([binary().into(), "token".into(), "anthropic".into()]);
        let ended = home.program(&strace, words).run();
        ended.exits(0).says("note: ").says("pi login anthropic");
        if error == "ENOSPC" {
            ended.says("no space is left");
        }
        assert!(sandbox.is_valid_access(ended.stdout.trim_end()), "{ended}");
        assert_eq!(home.contents(), before);
        assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    }
}
