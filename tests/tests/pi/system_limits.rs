//! Limits that the system sets to a process: open files, the size of a file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use pi_auth_tests::machine::program;
use pi_auth_tests::pi::{Age, Ended, Home, binary, eventually};
use pi_auth_tests::sandbox::{Kind, Sandbox};

use crate::login::{self, assert_logged_in};
use crate::{kinds, sandbox, wait_for_grants};

/// Runs `pi ARGUMENTS` under a limit: `--nofile=12`.
fn limited(home: &Home, limit: &str, arguments: &[&str]) -> Result<Ended, String> {
    let prlimit = program("prlimit").ok_or("prlimit is not installed")?;
    let words = [limit, binary().to_str().unwrap()];
    Ok(home.program(&prlimit, words.iter().chain(arguments)).run())
}

/// Either it has worked, or it says why, and nothing was sent whose answer would be lost.
#[track_caller]
fn assert_works_or_tells(sandbox: &Sandbox, home: &Home, ended: &Ended, what: &str) {
    assert!(!ended.stderr.contains("panicked"), "{what}: {ended}");
    match ended.code() {
        Some(0) => assert_logged_in(home, sandbox),
        Some(1) => {
            assert_eq!(sandbox.grants(), 0, "{what}: an answer was lost: {ended}");
            let error = ended.stderr.split_once("error: ").map_or("", |(_, error)| error);
            assert!(error.lines().nth(1).is_some_and(|it| it.len() > 10), "{what}: {ended}");
        }
        code => panic!("{what}: it ended with {code:?}: {ended}"),
    }
    let mut left = home.names();
    left.retain(|name| name.ends_with(".lock") || name.ends_with(".tmp"));
    assert_eq!(left, [""; 0], "{what}: {ended}");
}

#[test]
fn however_few_files_may_be_open_nothing_panics_and_nothing_is_lost() {
    let mut worked = 0;
    // Below 4 no program with a shared library starts.
    for limit in 4..=40 {
        let sandbox = sandbox();
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        let limit = format!("--nofile={limit}");
        let ended = or_skip!(limited(&home, &limit, &["token", "anthropic"]));
        assert_works_or_tells(&sandbox, &home, &ended, &limit);
        worked += usize::from(ended.code() == Some(0));
    }
    assert!(worked > 5, "it works with 40 open files at the latest");
}

#[test]
fn however_few_files_may_be_open_every_command_ends_by_itself() {
    for limit in 4..=24 {
        for arguments in [&["login", "anthropic", "--no-browser"][..], &["status"], &["doctor"]] {
            let sandbox = sandbox();
            let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
            let limit = format!("--nofile={limit}");
            let ended = or_skip!(limited(&home, &limit, arguments));
            assert!(ended.code().is_some(), "{limit}: {ended}");
            assert!(!ended.stderr.contains("panicked"), "{limit}: {ended}");
        }
    }
}

/// Sets the limit of a process so that it can open a file only where it has closed another, and
/// that is one of those whose numbers are no higher than `above`. Returns how many it can open
/// anyway.
fn allow_no_further_file(prlimit: &Path, process: u32, above: u32) -> usize {
    let open: Vec<u32> = open_files(process).into_iter().map(|(number, _)| number).collect();
    let limit = (above..).find(|number| !open.contains(number)).unwrap();
    let words = [format!("--pid={process}"), format!("--nofile={limit}")];
    assert!(Command::new(prlimit).args(words).status().unwrap().success());
    (0..limit).filter(|number| !open.contains(number)).count()
}

/// Returns the open files of a process, and where each leads.
fn open_files(process: u32) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    let file = |entry: fs::DirEntry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, fs::read_link(entry.path()).ok()?))
    };
    entries.filter_map(file).collect()
}

#[test]
fn an_answer_is_stored_by_a_process_that_can_open_no_further_file() {
    let prlimit = or_skip!(program("prlimit").ok_or("prlimit is not installed".to_owned()));
    if !cfg!(target_os = "linux") {
        return crate::skipped("open files are counted in /proc");
    }
    for reads_again in [false, true] {
        let sandbox = sandbox();
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        sandbox.keep_answers_back();
        let pi = home.pi(["token", "anthropic"]).start();
        wait_for_grants(&sandbox, 1);
        assert_eq!(allow_no_further_file(&prlimit, pi.id(), 0), 0);
        if reads_again {
            // Somebody writes without the lock, so it is read and merged once more.
            let with_key = home.contents().replacen('{', "{\n  \"x\": {\"type\":\"api_key\"},", 1);
            home.write("oauth.json", &with_key);
        }
        sandbox.let_answers_go();
        pi.finish().exits(0).is_quiet();
        assert_logged_in(&home, &sandbox);
        assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    }
}

#[test]
fn a_new_login_is_stored_by_a_process_that_can_open_no_further_file() {
    let prlimit = or_skip!(program("prlimit").ok_or("prlimit is not installed".to_owned()));
    if !cfg!(target_os = "linux") {
        return crate::skipped("open files are counted in /proc");
    }
    for [by_callback, behind_a_link] in [[false, false], [true, false], [false, true]] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        if behind_a_link {
            // Then there are two of the agent's locks to take.
            let real = home.write("real.json", "{}");
            symlink(&real, home.agent_dir().join("auth.json")).unwrap();
        }
        sandbox.keep_answers_back();
        let robot = env!("CARGO_BIN_EXE_pi-auth-sandbox");
        let mut pi = match by_callback {
            true => home
                .pi(["login", "anthropic"])
                .browser(&format!("exec '{robot}' approve \"$1\""))
                .start(),
            false => home.pi(["login", "anthropic", "--no-browser"]).start(),
        };
        if !by_callback {
            login::paste(&mut pi);
        }
        let is_exchanged = || kinds(&sandbox).contains(&Kind::CodeExchanged).then_some(());
        eventually("an exchange of the code", is_exchanged);
        let held = open_files(pi.id()).into_iter().filter(|(_, path)| *path == home.agent_dir());
        let above = held.map(|(number, _)| number).max().unwrap_or_default();
        // The lock alone takes more than one.
        assert!(allow_no_further_file(&prlimit, pi.id(), above) <= 1);
        sandbox.let_answers_go();
        pi.finish().exits(0);
        assert_logged_in(&home, &sandbox);
    }
}

#[test]
fn a_limit_on_the_size_of_files_ends_no_pi_and_leaves_nothing_behind() {
    for bytes in [0, 1, 4096, 16_000] {
        for arguments in [
            &["token", "anthropic"][..],
            &["logout", "anthropic"],
            &["login", "anthropic", "--no-browser"],
        ] {
            let sandbox = sandbox();
            let (home, _) = Home::logged_in(&sandbox, Age::Expired);
            let before = home.contents();
            let ended = or_skip!(limited(&home, &format!("--fsize={bytes}"), arguments));
            ended.exits(1).says("this process may not write a file that large").says("ulimit -f");
            assert_works_or_tells(&sandbox, &home, &ended, &bytes.to_string());
            assert_eq!(home.contents(), before);
        }
    }
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    or_skip!(limited(&home, "--fsize=100000", &["token", "anthropic"])).exits(0).is_quiet();
    assert_logged_in(&home, &sandbox);
}
