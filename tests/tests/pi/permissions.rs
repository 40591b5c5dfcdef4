//! What a plain user may not write, and what nobody else may read.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use pi_auth_tests::machine::files::set_mode;
use pi_auth_tests::machine::plain_user::PlainUser;
use pi_auth_tests::machine::small_disk::SmallDisk;
use pi_auth_tests::machine::strace::{self, Call};
use pi_auth_tests::pi::{Age, Home, Running, binary};
use pi_auth_tests::sandbox::{Fault, Kind};

use crate::login::{assert_logged_in, paste};
use crate::{kinds, sandbox, wait_for_grants};

#[test]
fn a_plain_user_who_may_not_write_is_told_and_loses_nothing() {
    let user = or_skip!(PlainUser::find());
    let sandbox = sandbox();
    type Close = fn(&Home);
    let closes: [(&str, Close); 2] = [
        ("a directory that is read-only", |home| set_mode(&home.agent_dir(), 0o500)),
        ("a file that is read-only", |home| set_mode(&home.file(), 0o400)),
    ];
    for (name, make) in closes {
        for age in [Age::Fresh, Age::Due, Age::Expired] {
            let (home, stored) = Home::logged_in(&sandbox, age);
            // What stands beside it since the last time it could be written.
            home.write("auth.json.flock", "");
            user.own(home.path());
            make(&home);
            let before = home.contents();

            let ended = home.pi_as(&user, &["token", "anthropic"]).run();
            let is_valid = age != Age::Expired;
            let printed = if is_valid { format!("{}\n", stored.access) } else { String::new() };
            assert_eq!(ended.code(), Some(i32::from(!is_valid)), "{name}, {age:?}: {ended}");
            ended.prints(&printed);
            if age != Age::Fresh {
                ended.says("permission denied").says("ls -ld ").says("~/.pi/agent");
            }
            home.pi_as(&user, &["status"]).run().exits(0);
            for arguments in [&["logout", "anthropic"][..], &["login", "anthropic", "--no-browser"]]
            {
                let ended = home.pi_as(&user, arguments).run();
                ended.exits(1).prints("").says("permission denied").says("~/.pi/agent");
            }
            assert_eq!(home.contents(), before, "{name}, {age:?}");
            assert_eq!(home.names(), ["auth.json.flock", "oauth.json"], "{name}, {age:?}");
        }
    }
    assert_eq!(kinds(&sandbox), [], "a token that cannot be stored was asked for");
}

#[test]
fn a_file_that_a_plain_user_may_not_read_is_told_and_left() {
    let user = or_skip!(PlainUser::find());
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    user.own(home.path());
    set_mode(&home.file(), 0o000);
    for arguments in [
        &["token", "anthropic"][..],
        &["status"],
        &["logout", "anthropic"],
        &["login", "anthropic", "--no-browser"],
    ] {
        let ended = home.pi_as(&user, arguments).run();
        ended.exits(1).prints("").says("permission denied").says("ls -ld ");
    }
    set_mode(&home.file(), 0o600);
    home.pi_as(&user, &["token", "anthropic"]).run().exits(0).is_quiet();
}

#[test]
fn a_read_only_file_system_is_told_and_reading_still_works() {
    let sandbox = sandbox();
    let (home, stored) = Home::logged_in(&sandbox, Age::Due);
    let before = home.contents();
    let disk = or_skip!(SmallDisk::read_only(&home.agent_dir()));
    let ended = home.pi(["token", "anthropic"]).run();
    ended.exits(0).prints(&format!("{}\n", stored.access)).says("note: ").says("read-only");
    home.pi(["status"]).run().exits(0);
    for arguments in [&["logout", "anthropic"][..], &["login", "anthropic", "--no-browser"]] {
        home.pi(arguments).run().exits(1).prints("").says("read-only").says("PI_CODING_AGENT_DIR");
    }
    drop(disk);
    assert_eq!(kinds(&sandbox), []);
    assert_eq!(home.contents(), before);
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    assert_logged_in(&home, &sandbox);
}

/// What is in the agent directory at this moment, and which of it is open to others.
fn look(home: &Home) -> (Vec<String>, Vec<String>) {
    let (mut seen, mut too_wide) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(home.agent_dir()).into_iter().flatten().flatten() {
        // Gone since is as good as closed.
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        let allowed = if metadata.is_dir() { 0o700 } else { 0o600 };
        if metadata.mode() & 0o777 & !allowed != 0 {
            too_wide.push(format!("{name} {:o}", metadata.mode()));
        }
        seen.push(name);
    }
    (seen, too_wide)
}

#[test]
fn under_the_widest_umask_nothing_is_ever_wider_than_its_owner() {
    let sandbox = sandbox();
    sandbox.change(|settings| settings.token_delay_ms = 1500);
    let home = Home::at(&sandbox);
    let start = |arguments: &[&str]| {
        let pi = binary().to_str().unwrap();
        let words = ["-c", "umask 000; exec \"$@\"", "sh", pi];
        home.program("/bin/sh".as_ref(), words.iter().chain(arguments)).start()
    };
    // Looks as often as it can until the program has ended: at the lock, the temporary file, all.
    let watch = |mut pi: Running| {
        let mut all = Vec::new();
        while pi.runs() {
            let (seen, too_wide) = look(&home);
            assert_eq!(too_wide, [""; 0], "{pi}");
            all.extend(seen);
        }
        pi.finish();
        assert_eq!(look(&home).1, [""; 0]);
        all
    };
    let mut login = start(&["login", "anthropic", "--no-browser"]);
    paste(&mut login);
    watch(login);

    home.store(&sandbox.issue(), Age::Expired.expires());
    let refresh = start(&["token", "anthropic"]);
    wait_for_grants(&sandbox, 1);
    let seen = watch(refresh);
    let was_seen = |end: &str| seen.iter().any(|name| name.ends_with(end));
    assert!(was_seen(".lock") && was_seen(".tmp") && was_seen(".flock"), "{seen:?}");

    home.store(&sandbox.issue(), Age::Expired.expires());
    sandbox.fail_next(Fault::status(503));
    watch(start(&["token", "anthropic"]));
    assert!(home.names().contains(&"auth.json.backoff".to_owned()));
}

#[test]
fn what_is_made_is_its_owners_alone_from_the_first_moment() {
    let strace = or_skip!(strace::find());
    let sandbox = sandbox();
    for fails in [false, true] {
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        if fails {
            // So that the memory of it is written, too.
            sandbox.fail_next(Fault::status(503));
        }
        let trace = home.path().join("trace");
        let umask = ["-c", "umask 000; exec \"$@\"", "sh"].map(OsString::from);
        let watched = [vec![strace.clone().into()], strace::watching(&trace)].concat();
        let pi = [binary().into(), "token".into(), "anthropic".into()];
        let words = umask.into_iter().chain(watched).chain(pi);
        home.program("/bin/sh".as_ref(), words).run().exits(i32::from(fails));

        let calls = strace::calls(&trace);
        let is_ours = |call: &&Call| {
            let directory = home.agent_dir();
            call.succeeded()
                && call.absolute_path().is_some_and(|path| path.starts_with(&directory))
        };
        let made = |how: &str| -> Vec<&str> {
            let makes = calls.iter().filter(is_ours).filter(|call| call.line.contains(how));
            makes.map(|call| &*call.line).collect()
        };
        let (files, directories) = (made("O_CREAT"), made("mkdir"));
        // The kernel's lock, the new file and the one to try a rename on; the memory of a failure.
        assert_eq!((files.len(), directories.len()), (3 + usize::from(fails), 1), "{files:?}");
        assert!(files.iter().all(|line| line.contains(", 0600)")), "{files:?}");
        assert!(directories.iter().all(|line| line.contains(", 0700)")), "{directories:?}");
    }
}

#[test]
fn what_others_could_read_is_narrowed_by_the_next_write_and_the_directory_is_its_owners() {
    let sandbox = sandbox();
    for (file, directory) in [(0o644, 0o755), (0o666, 0o777), (0o777, 0o1777), (0o400, 0o700)] {
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        set_mode(&home.file(), file);
        set_mode(&home.agent_dir(), directory);
        let user_can = rustix::process::geteuid().is_root() || file & 0o200 != 0;
        if !user_can {
            continue;
        }
        let ended = home.pi(["token", "anthropic"]).run();
        match file & 0o022 {
            0 => ended.exits(0).is_quiet(),
            _ => ended.exits(0).says("oauth.json is in use, but other users can change it"),
        };
        assert_eq!(look(&home).1, [""; 0], "{file:o} in {directory:o}");
        // Others may have their reasons to come in: what is in it is closed to them all the same.
        let mode = fs::metadata(home.agent_dir()).unwrap().mode() & 0o7777;
        assert_eq!(mode, directory);
    }
    assert!(kinds(&sandbox).iter().all(|kind| *kind == Kind::Refreshed));
}
