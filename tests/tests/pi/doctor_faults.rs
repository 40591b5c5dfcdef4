//! Each fault that files, locks and logins can have, alone in a home that is healthy but for it.

use std::fs::{self, File};
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use pi_auth_tests::machine::files::{make_fifo, set_mode};
use pi_auth_tests::pi::Home;

use crate::doctor::{findings, healthy, object, offline};
use crate::lock::{age, lock_of, make_ours};

/// What is done to a healthy home, what is found then, what is said, and whether `--fix` mends it.
type Fault = (fn(&Home), &'static [&'static str], &'static str, bool);

const FAULTS: &[Fault] = &[
    (
        |home| set_mode(&home.file(), 0o644),
        &["permissions problem"],
        "chmod 600 ~/.pi/agent/auth.json",
        true,
    ),
    (
        |home| set_mode(&home.agent_dir(), 0o777),
        &["permissions problem"],
        "chmod 700 ~/.pi/agent",
        true,
    ),
    (|home| set_mode(&home.agent_dir(), 0o755), &["permissions note"], "looked into", true),
    (
        |home| set_mode(&home.write("auth.json.backoff", "{}"), 0o666),
        &["permissions note"],
        "auth.json.backoff",
        true,
    ),
    (
        |home| set_mode(&home.write("oauth.json.migrated", "{}"), 0o644),
        &["permissions problem"],
        "oauth.json.migrated, which holds tokens",
        true,
    ),
    (
        |home| set_mode(&home.providers_file(), 0o646),
        &["permissions problem"],
        "to other servers",
        true,
    ),
    (
        |home| set_mode(&behind_a_link(home, &home.providers_file()), 0o777),
        &["permissions problem"],
        "chmod go-w ~/shared",
        false,
    ),
    (
        |home| drop(home.write("auth.json", "{\n  \"anthropic\": {\"type\" \"oauth\"}\n}\n")),
        &["file problem"],
        "line 2, column 24",
        false,
    ),
    (
        |home| drop(home.write("auth.json", "{")),
        &["file problem"],
        "mv -n ~/.pi/agent/auth.json ~/.pi/agent/auth.json.bad\n",
        false,
    ),
    (
        |home| {
            home.write("auth.json", "{");
            home.write("auth.json.bad", "an earlier one");
        },
        &["file problem"],
        "mv -n ~/.pi/agent/auth.json ~/.pi/agent/auth.json.bad2\n",
        false,
    ),
    (
        |home| drop(home.write("auth.json", b"{\n\"\xff\"}")),
        &["file problem"],
        "line 2, column 2",
        false,
    ),
    (
        |home| drop(home.write("auth.json", format!("{{\"x\":\"{}\"}}", "x".repeat(2 << 20)))),
        &["file problem"],
        "larger than 1 MiB",
        false,
    ),
    (
        |home| {
            fs::remove_file(home.file()).unwrap();
            fs::create_dir(home.agent_dir().join("auth.json")).unwrap();
        },
        &["file problem"],
        "it is a directory, not a file",
        false,
    ),
    (
        |home| {
            fs::remove_file(home.file()).unwrap();
            make_fifo(&home.agent_dir().join("auth.json"));
        },
        &["file problem"],
        "not a regular file",
        false,
    ),
    (
        |home| {
            fs::rename(home.file(), home.path().join("elsewhere.json")).unwrap();
            symlink("../../elsewhere.json", home.agent_dir().join("auth.json")).unwrap();
        },
        &["link note"],
        "auth.json is a link to ~/elsewhere.json",
        false,
    ),
    (
        |home| {
            fs::remove_file(home.file()).unwrap();
            symlink("nowhere/x.json", home.agent_dir().join("auth.json")).unwrap();
        },
        &["link problem"],
        "where there is nothing",
        false,
    ),
    (
        |home| {
            fs::remove_file(home.file()).unwrap();
            symlink("auth.json", home.agent_dir().join("auth.json")).unwrap();
        },
        &["link problem"],
        "cannot be followed",
        false,
    ),
    (
        |home| {
            fs::remove_dir_all(home.agent_dir()).unwrap();
            symlink("gone", home.agent_dir()).unwrap();
        },
        &["link problem"],
        "~/.pi/agent is a link to gone, where there is nothing",
        false,
    ),
    (
        |home| {
            fs::remove_dir_all(home.agent_dir()).unwrap();
            fs::write(home.agent_dir(), "").unwrap();
        },
        &["directory problem"],
        "~/.pi/agent is not a directory",
        false,
    ),
    (
        |home| {
            let entries = r#"{"a":{"type":"api_key","key":"k"},"b":7,"c":{"type":"later"}}"#;
            home.write("auth.json", entries);
        },
        &["entries problem", "entries problem"],
        "The entry `b`",
        false,
    ),
    (
        |home| drop(home.write("oauth.json", home.contents())),
        &["both_files note"],
        "rm ~/.pi/agent/oauth.json",
        false,
    ),
    (
        |home| drop(home.write("oauth.json", r#"{"github-copilot":{"type":"oauth"}}"#)),
        &["both_files problem"],
        "pi login github-copilot",
        false,
    ),
    (
        |home| drop(home.write("oauth.json", r#"{"x":{"type":"api_key","key":"k"}}"#)),
        &["both_files problem"],
        "oauth.json holds an API key for x, for which",
        false,
    ),
    (
        |home| {
            home.write("oauth.json", "{");
            home.write("oauth.json.bad", "an earlier one");
        },
        &["both_files note"],
        "mv -n ~/.pi/agent/oauth.json ~/.pi/agent/oauth.json.bad2",
        false,
    ),
    (
        |home| {
            make_ours(&lock_of(home));
            age(&lock_of(home));
        },
        &["lock problem"],
        "rmdir ~/.pi/agent/auth.json.lock",
        true,
    ),
    (|home| fs::create_dir(lock_of(home)).unwrap(), &["lock note"], "s ago", false),
    (
        |home| {
            fs::create_dir(lock_of(home)).unwrap();
            let later = SystemTime::now() + Duration::from_secs(3600);
            File::open(lock_of(home)).unwrap().set_modified(later).unwrap();
        },
        &["lock note"],
        "ahead of this machine's clock",
        false,
    ),
    (
        |home| drop(home.write("auth.json.lock", "")),
        &["lock problem"],
        "rm ~/.pi/agent/auth.json.lock",
        false,
    ),
    (
        |home| symlink("auth.json", home.agent_dir().join("auth.json.flock")).unwrap(),
        &["lock problem"],
        "auth.json.flock cannot be used",
        false,
    ),
    (
        |home| {
            let left = home.write(".auth.json.1234-0123456789abcdef.tmp", "half a file");
            let long_ago = SystemTime::now() - Duration::from_secs(600);
            File::open(left).unwrap().set_modified(long_ago).unwrap();
            let grave = home.agent_dir().join("auth.json.lock.0123456789abcdef");
            fs::create_dir(&grave).unwrap();
            File::open(grave).unwrap().set_modified(long_ago).unwrap();
        },
        &["leftovers note"],
        "1 temporary file and 1 old lock",
        true,
    ),
    (
        |home| {
            let grave = home.agent_dir().join("auth.json.lock.0123456789abcdef");
            fs::create_dir(&grave).unwrap();
            fs::write(grave.join("x"), "").unwrap();
        },
        &["leftovers note"],
        "rm -r ~/.pi/agent/auth.json.lock.0123456789abcdef",
        false,
    ),
    (
        |home| {
            home.write("auth.json", r#"{"anthropic":{"type":"oauth","access":"a","expires":1}}"#);
        },
        &["logins problem"],
        "pi login anthropic",
        false,
    ),
    (
        |home| {
            let at = r#"{"github-copilot":{"type":"oauth","refresh":"r","enterpriseUrl":"a b"}}"#;
            home.write("auth.json", at);
        },
        &["logins problem"],
        "`a b` is not a hostname",
        false,
    ),
    (
        |home| home.override_providers(r#"{"anthropic":{"token_url":"http://example.com/"}}"#),
        &["providers problem"],
        "anthropic.token_url",
        false,
    ),
    (
        |home| fs::remove_file(home.providers_file()).unwrap(),
        &["providers problem"],
        "there is no such file",
        false,
    ),
    (
        |home| {
            fs::remove_file(home.providers_file()).unwrap();
            fs::create_dir(home.providers_file()).unwrap();
        },
        &["providers problem"],
        "ls -ld ~/providers.json",
        false,
    ),
];

#[test]
fn each_fault_is_found_and_explained_alone_and_fix_mends_what_is_safe() {
    for (number, (make, expected, says, fixable)) in FAULTS.iter().enumerate() {
        let home = healthy();
        make(&home);
        let before = home.snapshot();
        let code = i32::from(expected.iter().any(|finding| finding.ends_with("problem")));
        let ended = offline(&home, &[]).run();
        ended.exits(code);
        assert!(ended.stdout.contains(says), "{number}: {ended}\ndoes not say: {says}");
        let sum = match expected.len() {
            1 if code == 0 => "\n\nNo problems, 1 note.".to_owned(),
            1 => "\n\n1 problem.".to_owned(),
            problems => format!("\n\n{problems} problems."),
        };
        assert!(ended.stdout.contains(&sum), "{number}: {ended}");
        assert_eq!(ended.stdout.contains("`pi doctor --fix` mends it."), *fixable, "{ended}");
        let in_json = offline(&home, &["--json"]).run();
        in_json.exits(code);
        assert_eq!(findings(&in_json), *expected, "{number}: {in_json}");
        for finding in object(&in_json)["findings"].as_array().unwrap() {
            assert_eq!(finding["fixable"], *fixable, "{number}: {in_json}");
            assert!(!finding["message"].as_str().unwrap().is_empty());
        }
        assert_eq!(home.snapshot(), before, "{number}: without --fix nothing is changed");

        let fixed = offline(&home, &["--fix"]).run();
        let (code, sum) = match fixable {
            true => (0, "1 mended, no problems left.\n".to_owned()),
            false => (code, sum),
        };
        fixed.exits(code);
        assert!(fixed.stdout.contains(&sum), "{number}: {fixed}");
        if *fixable {
            assert!(fixed.stdout.contains("  ✓ Mended: "), "{number}: {fixed}");
            let again = offline(&home, &["--json"]).run();
            again.exits(0);
            assert_eq!(findings(&again), [""; 0], "{number}: {again}");
        } else {
            assert_eq!(home.snapshot(), before, "{number}: what is not safe is left");
        }
    }
}

/// Moves a file into a directory `~/shared` and leaves a link to it; gives that directory.
fn behind_a_link(home: &Home, file: &Path) -> PathBuf {
    let directory = home.path().join("shared");
    fs::create_dir(&directory).unwrap();
    set_mode(&directory, 0o755);
    fs::rename(file, directory.join("real.json")).unwrap();
    symlink(directory.join("real.json"), file).unwrap();
    directory
}

#[test]
fn directories_are_judged_as_the_core_judges_them() {
    type Make = fn(&Home);
    let shared = "~/shared can be written by others on this machine (mode 777)";
    let cases: [(Make, &[&str], &str); 5] = [
        (|home| set_mode(&home.agent_dir(), 0o1777), &[], ""),
        (
            |home| set_mode(&behind_a_link(home, &home.file()), 0o777),
            &["link note", "permissions problem"],
            shared,
        ),
        (|home| set_mode(&behind_a_link(home, &home.file()), 0o1777), &["link note"], ""),
        (|home| drop(behind_a_link(home, &home.file())), &["link note"], ""),
        (|home| set_mode(&behind_a_link(home, &home.providers_file()), 0o1777), &[], ""),
    ];
    for (number, (make, expected, says)) in cases.iter().enumerate() {
        let home = healthy();
        make(&home);
        let ended = offline(&home, &["--json"]).run();
        assert_eq!(findings(&ended), *expected, "{number}: {ended}");
        assert!(ended.stdout.contains(says), "{number}: {ended}");
        let status = home.pi(["status"]).run();
        status.exits(0);
        let is_told = status.stderr.contains("since they can write its directory ~/shared");
        assert_eq!(is_told, !says.is_empty(), "{number}: {status}");
    }
}

#[test]
fn what_status_notes_is_told_once() {
    let home = healthy();
    home.override_providers(r#"{"anthropic":{"token_url":"https://t.example.net/"}}"#);
    set_mode(&home.file(), 0o666);
    for more in [&[][..], &["--fix"]] {
        let ended = offline(&home, more).run();
        for text in ["sends logins and tokens of Anthropic", "mode 666", "is in use, but"] {
            let count = match (text, more) {
                ("is in use, but", _) | ("mode 666", ["--fix"]) => 0,
                _ => 1,
            };
            assert_eq!(ended.stdout.matches(text).count(), count, "{text}: {ended}");
        }
    }
}

#[test]
fn a_directory_of_another_user_that_a_link_leads_to_is_told_once() {
    if !rustix::process::geteuid().is_root() {
        crate::skipped("only root can give files away");
        return;
    }
    for file in [Home::file, Home::providers_file] {
        let home = healthy();
        let directory = behind_a_link(&home, &file(&home));
        chown(&directory, Some(54_321), Some(54_321)).unwrap();
        let ended = offline(&home, &[]).run();
        ended.exits(1);
        assert_eq!(ended.stdout.matches("belongs to user 54321").count(), 1, "{ended}");
        assert!(ended.stdout.contains("ls -la ~/shared"), "{ended}");
    }
}

#[test]
fn a_dead_lock_in_which_something_is_is_set_aside_and_told_by_its_new_name() {
    let home = healthy();
    let lock = lock_of(&home);
    make_ours(&lock);
    fs::write(lock.join("x"), "").unwrap();
    age(&lock);
    let ended = offline(&home, &[]).run();
    ended.exits(1);
    assert!(ended.stdout.contains("      rm -r ~/.pi/agent/auth.json.lock\n"), "{ended}");

    let ended = offline(&home, &["--fix"]).run();
    ended.exits(0);
    let names = home.names();
    let grave = names.iter().find(|name| name.starts_with("auth.json.lock.")).unwrap();
    for line in [
        "Mended: the dead lock ~/.pi/agent/auth.json.lock is gone\n".to_owned(),
        format!("      rm -r ~/.pi/agent/{grave}\n"),
        "1 mended, no problems left, 1 note.\n".to_owned(),
    ] {
        assert!(ended.stdout.contains(&line), "{ended}\nlacks {line}");
    }
    assert!(!lock.exists() && home.agent_dir().join(grave).join("x").exists(), "{names:?}");
    let again = offline(&home, &["--json"]).run();
    again.exits(0);
    assert_eq!(findings(&again), ["leftovers note"], "{again}");
}
