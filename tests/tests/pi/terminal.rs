//! A person at a terminal.

use pi_auth_tests::loopback::Request;
use pi_auth_tests::pi::{Age, Home, Terminal};
use pi_auth_tests::robot;
use pi_auth_tests::sandbox::{Fault, Sandbox};
use serde_json::{Value, json};

use crate::login::{assert_logged_in, code_page, parameter};
use crate::{sandbox, wait_for_grants};

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const ESC: &str = "\x1b";
const ENTER: &str = "\r";

const PASTE: &str = "Paste the authorization code here:";
const OR_PASTE: &str = "Waiting for the browser, or paste the authorization code here:";

/// A browser that nobody uses.
fn idle_browser(home: &Home) -> String {
    home.script("browser", "exit 0").display().to_string()
}

#[test]
fn a_login_goes_as_the_readme_shows_it() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let browser = idle_browser(&home);
    let mut terminal = Terminal::run(&home, &["login", "--paste"], &[("BROWSER", &browser)]);
    terminal.see_prompt("Select provider to login:");
    terminal.see("> Anthropic (Claude Pro/Max)");
    terminal.press(ENTER);
    terminal.see("Opening browser to authorize...");
    terminal.see_prompt(PASTE);
    let (code, state) = code_page(&terminal.authorize_url());
    // A code that was copied from where it was wrapped.
    let (start, end) = code.split_at(10);
    terminal.paste(&format!("{start}\r\n  {end}\n#{state}\n"));
    terminal.press(ENTER);
    terminal.exits(0);
    terminal.see(
        "✓ Successfully authenticated with Anthropic\n  Tokens saved to ~/.pi/agent/oauth.json",
    );
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_code_that_comes_as_keys_with_line_breaks_is_one_answer() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut terminal = Terminal::run(&home, &["login", "anthropic", "--no-browser"], &[]);
    let (code, state) = code_page(&terminal.authorize_url());
    terminal.see_prompt(PASTE);
    let (start, end) = code.split_at(10);
    // A terminal that knows no brackets.
    terminal.press(&format!("{start}\r{end}#{state}\r"));
    terminal.exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_callback_that_comes_while_the_prompt_is_open_ends_it_cleanly() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let browser = idle_browser(&home);
    let mut terminal = Terminal::run(&home, &["login", "anthropic"], &[("BROWSER", &browser)]);
    terminal.see_prompt(OR_PASTE);
    terminal.press("half a co");
    terminal.see("half a co");
    let url = terminal.authorize_url();
    robot::approve(&url).unwrap();
    terminal.exits(0);
    terminal.see("✓ Successfully authenticated with Anthropic");
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_browser_that_comes_with_another_logins_answer_leaves_the_prompt_open() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let browser = idle_browser(&home);
    let mut terminal = Terminal::run(&home, &["login", "anthropic"], &[("BROWSER", &browser)]);
    terminal.see_prompt(OR_PASTE);
    let url = terminal.authorize_url();
    terminal.press("half a co");
    terminal.see("half a co");
    let stray = format!("{}?code=x&state=y", parameter(&url, "redirect_uri"));
    assert_eq!(Request::get(stray).send().unwrap().status, 400);
    terminal.press("de");
    terminal.see("half a code");
    robot::approve(&url).unwrap();
    terminal.exits(0);
}

#[test]
fn leaving_any_prompt_cancels_and_leaves_the_terminal_as_it_was() {
    let sandbox = sandbox();
    type Prompt = (&'static [&'static str], bool, &'static str);
    let prompts: [Prompt; 6] = [
        (&["login"], false, "Select provider to login:"),
        (&["login", "anthropic", "--no-browser"], false, PASTE),
        (&["login", "anthropic", "--paste"], true, PASTE),
        (&["login", "anthropic"], true, OR_PASTE),
        (&["logout"], false, "Select provider to logout:"),
        (&["logout", "anthropic"], false, "Log out of Anthropic (Claude Pro/Max)? [y/N]"),
    ];
    for (arguments, has_browser, prompt) in prompts {
        for key in [CTRL_C, ESC, CTRL_D] {
            if key == CTRL_D && prompt == OR_PASTE {
                // The end of input does not end what a browser can still answer.
                continue;
            }
            let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
            let before = home.contents();
            let browser = idle_browser(&home);
            let variables = [("BROWSER", browser.as_str())];
            let variables = if has_browser { &variables[..] } else { &[] };
            let mut terminal = Terminal::run(&home, arguments, variables);
            terminal.see_prompt(prompt);
            terminal.press(key);
            terminal.exits(130);
            terminal.see("Cancelled.");
            assert_eq!(home.contents(), before);
        }
    }
}

#[test]
fn a_logout_goes_as_it_should_and_asks_first() {
    let sandbox = sandbox();
    for (keys, logs_out) in [("y\r", true), ("YES\r", true), ("n\r", false), ("\r", false)] {
        let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
        let mut terminal = Terminal::run(&home, &["logout"], &[]);
        terminal.see_prompt("Select provider to logout:");
        terminal.see("> Anthropic (Claude Pro/Max)");
        terminal.see("[no other providers logged in]");
        terminal.press(ENTER);
        terminal.see_prompt("Log out of Anthropic (Claude Pro/Max)? [y/N]");
        terminal.press(keys);
        if logs_out {
            terminal.exits(0);
            terminal.see("✓ Successfully logged out of Anthropic");
            terminal.see("  Credentials removed from ~/.pi/agent/oauth.json");
        } else {
            terminal.exits(130);
        }
        assert_eq!(home.entry("anthropic").is_null(), logs_out, "{keys:?}");
    }
}

#[test]
fn a_confirmed_logout_does_not_ask() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let mut terminal = Terminal::run(&home, &["logout", "anthropic", "--yes"], &[]);
    terminal.exits(0);
    assert!(home.entry("anthropic").is_null());

    let mut terminal = Terminal::run(&home, &["logout"], &[]);
    terminal.exits(0);
    terminal.see("There was no login to end.");
}

#[test]
fn the_selector_goes_round_and_chooses_what_is_marked() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let mut document: Value = serde_json::from_str(&home.contents()).unwrap();
    document["openai-codex"] = json!({ "type": "oauth", "refresh": "r", "access": "a" });
    home.write("oauth.json", document.to_string());
    let mut terminal = Terminal::run(&home, &["logout", "--yes"], &[]);
    terminal.see_prompt("> Anthropic (Claude Pro/Max)");
    terminal.press("\x1b[B");
    terminal.see("> openai-codex");
    terminal.press("\x1b[B");
    terminal.see("> Anthropic");
    terminal.press("\x1b[A");
    terminal.see("> openai-codex");
    terminal.press(ENTER);
    terminal.exits(0);
    assert!(home.entry("openai-codex").is_null());
    assert!(!home.entry("anthropic").is_null());
}

#[test]
fn ctrl_c_during_a_refresh_waits_until_the_answer_is_stored() {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.keep_answers_back();
    let mut terminal = Terminal::run(&home, &["token", "anthropic"], &[]);
    wait_for_grants(&sandbox, 1);
    terminal.press(CTRL_C);
    terminal.see("Stopping as soon as");
    sandbox.let_answers_go();
    terminal.exits(130);
    assert_ne!(home.refresh_token(), old.refresh);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_wrong_paste_is_told_and_asked_again() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut terminal = Terminal::run(&home, &["login", "anthropic", "--no-browser"], &[]);
    let (code, state) = code_page(&terminal.authorize_url());
    terminal.see_prompt(PASTE);
    terminal.press(&format!("{code}#wrong{ENTER}"));
    terminal.see_another_prompt(PASTE);
    terminal.see("That code belongs to another login attempt.");
    assert_eq!(terminal.screen().matches(PASTE).count(), 2, "{}", terminal.screen());
    terminal.paste(&format!("{code}#{state}"));
    terminal.press(ENTER);
    terminal.exits(0);
    assert_logged_in(&home, &sandbox);
}

/// What a provider might say to take over a terminal.
pub(crate) const EVIL: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\n\u{8}\u{202e}✓ Successfully authenticated";

/// None of it got through, though its letters may.
#[track_caller]
pub(crate) fn assert_harmless(terminal: &Terminal) {
    let bytes = terminal.bytes();
    for sequence in ["\u{1b}]", "\u{7}", "\u{1b}[2J", "\u{9b}", "\u{8}", "\u{202e}"] {
        assert!(!bytes.contains(sequence), "{sequence:?} in {bytes:?}");
    }
    let screen = terminal.screen();
    let forged = screen.lines().any(|line| line.trim_start().starts_with('✓'));
    assert!(!forged, "a line of its own: {screen}");
}

#[test]
fn what_a_token_endpoint_says_cannot_act_on_the_terminal() {
    let sandbox = sandbox();
    let fault = || Fault::OauthError { error: EVIL.to_owned(), description: EVIL.to_owned() };
    for (age, code) in [(Age::Expired, 1), (Age::Due, 0)] {
        let (home, _) = Home::logged_in(&sandbox, age);
        sandbox.fail_next(fault());
        let mut terminal = Terminal::run(&home, &["token", "anthropic"], &[]);
        terminal.exits(code);
        terminal.see("owned");
        assert_harmless(&terminal);
    }
    let home = Home::at(&sandbox);
    sandbox.fail_next(fault());
    let mut terminal = Terminal::run(&home, &["login", "anthropic", "--no-browser"], &[]);
    let (code, state) = code_page(&terminal.authorize_url());
    terminal.see_prompt(PASTE);
    terminal.press(&format!("{code}#{state}{ENTER}"));
    terminal.exits(1);
    terminal.see("owned");
    assert_harmless(&terminal);
}

#[test]
fn what_a_callback_brings_cannot_act_on_the_terminal() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let browser = idle_browser(&home);
    let mut terminal = Terminal::run(&home, &["login", "anthropic"], &[("BROWSER", &browser)]);
    terminal.see_prompt(OR_PASTE);
    let url = terminal.authorize_url();
    let state = parameter(&url, "state");
    let query = [("state", state.as_str()), ("error", EVIL), ("error_description", EVIL)];
    let callback = parameter(&url, "redirect_uri");
    let callback = url::Url::parse_with_params(&callback, query).unwrap();
    Request::get(callback).send().unwrap();
    terminal.exits(1);
    terminal.see("owned");
    assert_harmless(&terminal);
}

#[test]
fn what_a_person_pastes_cannot_act_on_the_terminal() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut terminal = Terminal::run(&home, &["login", "anthropic", "--no-browser"], &[]);
    terminal.see_prompt(PASTE);
    terminal.paste("https://provider.invalid/?error=x%1b%5d0%3bowned%07\u{202e}\u{9b}31m");
    terminal.press(ENTER);
    terminal.exits(1);
    terminal.see("owned");
    assert_harmless(&terminal);
}

#[test]
fn what_a_file_calls_things_cannot_act_on_the_terminal() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    named(&home, &sandbox, EVIL);
    let login = json!({ "type": "oauth", "refresh": "r", "access": "a", "expires": 1 });
    home.write("auth.json", json!({ "anthropic": login, EVIL: login }).to_string());
    let mut terminal = Terminal::run(&home, &["status"], &[]);
    terminal.exits(0);
    terminal.see("owned");
    for sequence in ["\u{1b}]", "\u{7}", "\u{1b}[2J", "\u{9b}", "\u{202e}"] {
        assert!(!terminal.bytes().contains(sequence), "{sequence:?}");
    }
    for arguments in [&["login"][..], &["logout"], &["logout", "--all"]] {
        let mut terminal = Terminal::run(&home, arguments, &[]);
        terminal.see_prompt("owned");
        terminal.press(CTRL_C);
        terminal.exits(130);
        assert_harmless(&terminal);
    }
    let preference = [("PI_AUTH_PREFER", EVIL)];
    let mut terminal = Terminal::run(&home, &["token", "anthropic"], &preference);
    terminal.exits(1);
    assert_harmless(&terminal);
    for arguments in [&["token", EVIL][..], &["login", EVIL], &["logout", EVIL], &[EVIL]] {
        let home = Home::new();
        let mut terminal = Terminal::run(&home, arguments, &[]);
        terminal.exits(2);
        terminal.see("owned");
        assert_harmless(&terminal);
    }
}

fn named(home: &Home, sandbox: &Sandbox, name: &str) {
    let mut providers: Value = serde_json::from_str(&sandbox.providers_json()).unwrap();
    providers["anthropic"]["name"] = name.into();
    home.override_providers(&providers.to_string());
}

#[test]
fn colours_are_for_those_who_want_them() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    for (variables, coloured) in
        [(&[][..], true), (&[("NO_COLOR", "1")], false), (&[("TERM", "dumb")], false)]
    {
        let mut terminal = Terminal::run(&home, &["status"], variables);
        terminal.exits(0);
        terminal.see("Anthropic");
        assert_eq!(terminal.bytes().contains('\x1b'), coloured, "{variables:?}");
    }
    // Prompts move the cursor even then, but paint nothing.
    let mut terminal = Terminal::run(&home, &["login"], &[("NO_COLOR", "1")]);
    terminal.see_prompt("> Anthropic");
    terminal.press(CTRL_C);
    terminal.exits(130);
    let bytes = terminal.bytes();
    let paints = bytes.split("\x1b[").skip(1).any(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
    });
    assert!(!paints, "{bytes:?}");
}
