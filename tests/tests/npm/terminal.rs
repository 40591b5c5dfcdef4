//! The package's own interaction: a person at a terminal.

use pi_auth_tests::npm::{node, package};
use pi_auth_tests::pi::{Home, Terminal};
use pi_auth_tests::robot;
use pi_auth_tests::sandbox::{Config, GithubSettings, Sandbox, Settings};
use portable_pty::PtySize;

const SIZE: PtySize = PtySize { rows: 24, cols: 200, pixel_width: 0, pixel_height: 0 };

/// A login to Copilot at a terminal, whose code is on the screen.
fn begun(sandbox: &Sandbox, home: &Home) -> (Terminal, String) {
    begun_with(sandbox, home, &[])
}

/// Begins such a login with more variables.
fn begun_with(sandbox: &Sandbox, home: &Home, variables: &[(&str, &str)]) -> (Terminal, String) {
    let program = package().join("test/programs/login.mjs");
    let words = [program.to_str().unwrap(), "github-copilot"];
    let mut terminal = Terminal::open(SIZE, home, &node().unwrap(), &words, variables);
    terminal.see_prompt("Enterprise");
    terminal.press("\r");
    let page = format!("{}/github.com/login/device", sandbox.base_url());
    terminal.see(&page);
    terminal.see("Waiting");
    (terminal, page)
}

fn sandbox() -> Sandbox {
    let github = GithubSettings { interval_s: 1, ..GithubSettings::default() };
    let settings = Settings { github, ..Settings::default() };
    Sandbox::start(Config { settings, ..Config::default() }).unwrap()
}

#[test]
fn a_person_answers_and_is_logged_in() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (mut terminal, page) = begun(&sandbox, &home);
    robot::approve_device(&page, &robot::pending_user_code(&page).unwrap()).unwrap();
    terminal.exits(0);
    assert!(home.entry("github-copilot")["access"].is_string());
}

#[test]
fn a_dumb_terminal_gets_words_alone() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (mut terminal, page) = begun_with(&sandbox, &home, &[("TERM", "dumb")]);
    robot::approve_device(&page, &robot::pending_user_code(&page).unwrap()).unwrap();
    terminal.exits(0);
    assert!(!terminal.bytes().contains('\x1b'), "{:?}", terminal.bytes());
    assert!(home.entry("github-copilot")["access"].is_string());
}

/// Keys come one by one only while something is asked: after that, Ctrl-C is a signal again.
#[test]
fn ctrl_c_ends_a_login_while_nothing_is_asked() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (mut terminal, _) = begun(&sandbox, &home);
    terminal.press("\x03");
    terminal.ends_by("Interrupt");
    assert_eq!(home.names(), Vec::<String>::new());
}
