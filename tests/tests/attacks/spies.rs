//! Processes beside a login that look into `/proc`: at its memory and its environment, as the same
//! user, and at the arguments of its browser, as another one.

use std::fs;
use std::path::Path;

use pi_auth_tests::machine::plain_user::PlainUser;
use pi_auth_tests::pi::{Home, eventually};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Config, Sandbox};
use url::Url;

use crate::other::Other;
use crate::{attacker, two_users};

/// Tries to open the memory and the environment of a process.
const OPEN: &str = "for name in mem environ; do
    if (exec 3< /proc/$1/$name) 2> /dev/null; then echo $name; fi
done";

/// Prints the arguments of all processes.
const ARGUMENTS: &str = "for file in /proc/[0-9]*/cmdline; do
    { tr '\\0' ' ' < $file; echo; } 2> /dev/null
done";

/// Lets nobody but its own parents look at other processes: such a kernel stops the spy by itself.
const YAMA: &str = "/proc/sys/kernel/yama/ptrace_scope";

/// Lists the files of a process that another process of the same user can open.
fn opened(user: &PlainUser, id: u32) -> String {
    Other::script(user, OPEN, &[&id.to_string()]).end()
}

#[test]
fn no_other_process_of_the_same_user_opens_the_memory_or_the_environment_of_pi() {
    let user = or_skip!(attacker());
    let mut usual = Other::script(&user, "echo up; read -r _", &[]);
    assert_eq!(usual.line(), "up");
    let is_restricted = fs::read_to_string(YAMA).is_ok_and(|scope| scope.trim() != "0");
    let expected = if is_restricted { "environ" } else { "mem\nenviron" };
    assert_eq!(opened(&user, usual.id()), expected, "of any other program it is possible");

    let sandbox = Sandbox::start(Config::default()).unwrap();
    let home = Home::at(&sandbox);
    user.own(home.path());
    let mut pi = home.pi_as(&user, &["login", "anthropic", "--no-browser"]).start();
    let url = pi.authorize_url();
    assert_eq!(opened(&user, pi.id()), "");
    let Landing::Code(code) = robot::approve(&url).unwrap() else {
        panic!("the page shows a code")
    };
    pi.write(&format!("{code}\n"));
    pi.finish().exits(0);
}

#[test]
fn another_user_finds_no_state_and_no_challenge_in_the_arguments_of_any_process() {
    let (user, spy) = or_skip!(two_users());
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let home = Home::at(&sandbox);
    let runs = home.path().join("runs");
    home.script(
        "xdg-open",
        ": > \"$HOME/runs\"; while [ -e \"$HOME/runs\" ]; do /bin/sleep 0.02; done",
    );
    user.own(home.path());
    let mut pi = home.pi_as(&user, &["login", "anthropic"]).env("DISPLAY", ":0").start();
    let url = pi.authorize_url();
    eventually("the browser", || Path::exists(&runs).then_some(()));
    let seen = Other::script(&spy, ARGUMENTS, &[]).end();
    fs::remove_file(&runs).unwrap();

    let program = home.bin().join("xdg-open").display().to_string();
    let browser = seen.lines().find(|line| line.contains(&program));
    assert!(browser.is_some_and(|line| line.contains(" http://localhost:")), "{seen}");
    let page = Url::parse(&url).unwrap();
    for wanted in ["state", "code_challenge"] {
        let (_, value) = page.query_pairs().find(|(name, _)| name == wanted).unwrap();
        assert!(!seen.contains(&*value), "{wanted}");
        assert!(!browser.unwrap().contains(&format!("{wanted}=")), "{browser:?}");
    }
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
}
