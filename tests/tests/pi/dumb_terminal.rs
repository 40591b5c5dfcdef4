//! A terminal that obeys no control sequences (`TERM=dumb`): it gets words and line ends alone.

use pi_auth_tests::pi::{Age, Home, Terminal};
use pi_auth_tests::robot;

use crate::login::{assert_logged_in, code_page};
use crate::sandbox;

const DUMB: (&str, &str) = ("TERM", "dumb");

#[track_caller]
fn assert_only_words(terminal: &Terminal) {
    let bytes = terminal.bytes();
    let control = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
    assert!(!bytes.contains(control), "{bytes:?}");
}

#[test]
fn a_person_picks_and_pastes_by_lines() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut terminal = Terminal::run(&home, &["login", "--no-browser"], &[DUMB]);
    terminal.see("1. Anthropic");
    terminal.see("Number (1-2):");
    terminal.press("7\n");
    terminal.press("1\n");
    let (code, state) = code_page(&terminal.authorize_url());
    terminal.see("Paste the authorization code here:");
    terminal.press("123456\n");
    terminal.see("That is not an authorization code of this provider.");
    terminal.press(&format!("{code}#{state}\n"));
    terminal.exits(0);
    assert_only_words(&terminal);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_browser_that_comes_back_ends_the_prompt_on_a_line_of_its_own() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let browser = home.script("browser", "exit 0");
    let variables = [DUMB, ("BROWSER", browser.to_str().unwrap())];
    let mut terminal = Terminal::run(&home, &["login", "anthropic"], &variables);
    let url = terminal.authorize_url();
    terminal.see("Waiting for the browser");
    robot::approve(&url).unwrap();
    terminal.exits(0);
    assert_only_words(&terminal);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_logout_is_confirmed_by_a_line_and_the_end_of_input_ends_a_login() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let mut terminal = Terminal::run(&home, &["logout", "--all"], &[DUMB]);
    terminal.see("[y/N]");
    terminal.press("perhaps\n");
    terminal.press("y\n");
    terminal.exits(0);
    assert_only_words(&terminal);

    for (key, code) in [("\x04", 130), ("\x03", 130)] {
        let mut terminal = Terminal::run(&home, &["login", "anthropic", "--no-browser"], &[DUMB]);
        terminal.see("Paste the authorization code here:");
        terminal.press(key);
        terminal.exits(code);
        assert!(!terminal.bytes().contains('\x1b'), "{:?}", terminal.bytes());
    }
}

#[test]
fn every_command_writes_words_alone() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    for words in [&["status"][..], &["doctor", "--offline"], &["--help"], &["login", "--help"]] {
        let mut terminal = Terminal::run(&home, words, &[DUMB]);
        terminal.exits(0);
        assert!(!terminal.bytes().is_empty());
        assert_only_words(&terminal);
    }
}
