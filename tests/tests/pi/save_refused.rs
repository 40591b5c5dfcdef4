//! What a save needs may be refused for good: a sync, a rename, a mode. Before anything is sent
//! that is an error; with an answer in hand the login is stored all the same.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use pi_auth_tests::machine::files::mode;
use pi_auth_tests::machine::strace::{self, Harm, RENAMES};
use pi_auth_tests::pi::{Age, Ended, Home, Running, binary};
use pi_auth_tests::sandbox::Sandbox;

use crate::login::{assert_logged_in, paste};
use crate::sandbox;

/// Errors of file systems that have no such operation.
const UNSUPPORTED: [&str; 3] = ["EINVAL", "ENOSYS", "EOPNOTSUPP"];
/// Errors for a rename that is not allowed.
const REFUSED: [&str; 4] = ["EPERM", "EACCES", "ESTALE", "EXDEV"];
/// The first sync, and the first rename, are tried before anything is sent.
const ALWAYS: &str = "1+";
const AFTER_TRIAL: &str = "2+";

/// `pi ARGUMENTS`, whose calls of this name fail from one of them on.
fn start(home: &Home, arguments: &[&str], call: &str, when: &str, error: &'static str) -> Running {
    let strace = strace::find().unwrap();
    let trace = home.path().join("trace");
    let mut words = strace::harming(&trace, call, when, Harm::Error(error));
    words.push(binary().into());
    words.extend(arguments.iter().map(Into::into));
    home.program(&strace, words).start()
}

/// A refresh during which they fail.
fn refresh(call: &str, when: &str, error: &'static str) -> (Sandbox, Home, Ended) {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let ended = start(&home, &["token", "anthropic"], call, when, error).finish();
    let left = home.names();
    assert_eq!(left, ["auth.json.flock", "oauth.json"], "{call} {when} {error}: {ended}");
    (sandbox, home, ended)
}

#[track_caller]
fn assert_nothing_was_sent((sandbox, home, ended): &(Sandbox, Home, Ended)) {
    ended.exits(1).prints("").says("error: Could not lock ~/.pi/agent/oauth.json");
    assert_eq!(sandbox.log(), [], "{ended}");
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    assert_logged_in(home, sandbox);
}

#[track_caller]
fn assert_stored((sandbox, home, ended): &(Sandbox, Home, Ended)) {
    ended.exits(0).is_quiet();
    assert_logged_in(home, sandbox);
    assert_eq!(sandbox.grants(), 1, "{ended}");
    assert_eq!(mode(&home.file()), 0o600);
}

#[test]
fn where_nothing_can_be_synced_a_login_is_stored_all_the_same() {
    or_skip!(strace::find());
    for error in UNSUPPORTED {
        assert_stored(&refresh("fsync", ALWAYS, error));
    }
}

#[test]
fn a_disk_that_fails_to_sync_is_told_before_anything_is_sent() {
    or_skip!(strace::find());
    for error in ["EIO", "ENOSPC", "EDQUOT"] {
        assert_nothing_was_sent(&refresh("fsync", ALWAYS, error));
    }
}

#[test]
fn a_sync_that_fails_with_an_answer_in_hand_stops_nothing() {
    or_skip!(strace::find());
    for error in UNSUPPORTED.into_iter().chain(["EIO", "ENOSPC", "EDQUOT"]) {
        assert_stored(&refresh("fsync", AFTER_TRIAL, error));
    }
}

#[test]
fn a_rename_that_is_refused_is_told_before_anything_is_sent() {
    or_skip!(strace::find());
    for error in REFUSED.into_iter().chain(["EIO", "ENOSPC", "EROFS"]) {
        assert_nothing_was_sent(&refresh(RENAMES, ALWAYS, error));
    }
}

#[test]
fn a_rename_that_is_refused_for_a_while_is_tried_again() {
    or_skip!(strace::find());
    for error in REFUSED {
        let done = refresh(RENAMES, "2..4", error);
        assert_stored(&done);
    }
}

#[test]
fn a_rename_that_is_refused_for_good_has_the_file_written_in_place() {
    or_skip!(strace::find());
    for error in REFUSED {
        let sandbox = sandbox();
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        // One login is longer than the new file, the other shorter.
        for padding in [0, 5000] {
            let padded = format!("{}{}", home.contents(), "\n".repeat(padding));
            fs::write(home.file(), padded).unwrap();
            let inode = fs::metadata(home.file()).unwrap().ino();
            home.store(&sandbox.issue(), Age::Expired.expires());
            let arguments = ["token", "anthropic"];
            let ended = start(&home, &arguments, RENAMES, AFTER_TRIAL, error).finish();
            ended.exits(0).is_quiet();
            assert_logged_in(&home, &sandbox);
            assert_eq!(fs::metadata(home.file()).unwrap().ino(), inode, "{error}: not in place");
            assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
        }
    }
}

#[test]
fn a_login_is_stored_where_renames_are_refused_after_the_code_was_exchanged() {
    or_skip!(strace::find());
    for is_first in [true, false] {
        for error in REFUSED {
            let sandbox = sandbox();
            let home = match is_first {
                true => Home::at(&sandbox),
                false => Home::logged_in(&sandbox, Age::Expired).0,
            };
            let arguments = ["login", "anthropic", "--no-browser"];
            let mut login = start(&home, &arguments, RENAMES, AFTER_TRIAL, error);
            paste(&mut login);
            login.finish().exits(0);
            assert_logged_in(&home, &sandbox);
            assert_eq!(mode(&home.file()), 0o600);
            assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
        }
    }
}

#[test]
fn a_file_system_without_modes_and_owners_takes_a_login() {
    or_skip!(strace::find());
    for error in ["EPERM", "ENOSYS", "EOPNOTSUPP"] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let calls = "?chmod,?fchmod,?fchmodat,?chown,?fchown,?fchownat,?lchown";
        let arguments = ["login", "anthropic", "--no-browser"];
        let mut login = start(&home, &arguments, calls, ALWAYS, error);
        paste(&mut login);
        login.finish().exits(0);
        assert_logged_in(&home, &sandbox);

        home.store(&sandbox.issue(), Age::Expired.expires());
        start(&home, &["token", "anthropic"], calls, ALWAYS, error).finish().exits(0).is_quiet();
        assert_logged_in(&home, &sandbox);
        start(&home, &["logout", "anthropic"], calls, ALWAYS, error).finish().exits(0);
        assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    }
}
