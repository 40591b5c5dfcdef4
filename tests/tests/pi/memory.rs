//! The memory of a `pi` that holds tokens, and what the agent that it hands over to gets of that.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use pi_auth_tests::machine::plain_user::PlainUser;
use pi_auth_tests::machine::program;
use pi_auth_tests::pi::{Age, Home, binary};

use crate::{sandbox, wait_for_grants};

/// How large its core dumps may be: `0 unlimited`.
fn core_limits(id: u32) -> String {
    let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    line.unwrap().split_whitespace().take(1).collect()
}

#[test]
fn a_pi_that_holds_tokens_leaves_no_core_dump_and_no_other_process_may_read_it() {
    if !cfg!(target_os = "linux") {
        return crate::skipped("limits are read in /proc");
    }
    let user = or_skip!(PlainUser::find());
    let prlimit = or_skip!(program("prlimit").ok_or("prlimit is not installed".to_owned()));
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    user.own(home.path());
    sandbox.keep_answers_back();
    let mut words = vec!["--core=unlimited".into()];
    words.extend(user.words(binary(), &home.bin()));
    words.extend(["token".into(), "anthropic".into()]);
    let pi = home.program(&prlimit, words).start();
    wait_for_grants(&sandbox, 1);
    assert_eq!(core_limits(pi.id()), "0");
    // What is in /proc of a process that must not be dumped belongs to root, so no other process of
    // its user reads its memory there, and none may trace it.
    let owner = fs::metadata(format!("/proc/{}/mem", pi.id())).unwrap().uid();
    assert_eq!(owner, 0);
    sandbox.let_answers_go();
    pi.finish().exits(0);
}

#[test]
fn the_agent_gets_the_limits_that_pi_was_given() {
    let prlimit = or_skip!(program("prlimit").ok_or("prlimit is not installed".to_owned()));
    let home = Home::new();
    home.script("pi", "ulimit -c");
    let words = ["--core=4096000", binary().to_str().unwrap(), "chat"];
    // A shell counts in blocks of 512 or 1024 bytes.
    let printed = home.program(&prlimit, words).run().exits(0).stdout.clone();
    assert!(["8000\n", "4000\n"].contains(&&*printed), "{printed}");
}
