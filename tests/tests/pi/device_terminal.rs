//! A person at a terminal who logs in by a code.

use pi_auth_tests::pi::{Age, Home, Terminal, eventually};
use pi_auth_tests::robot;
use pi_auth_tests::sandbox::{Endpoint, Fault, Kind, Sandbox};
use serde_json::json;

use crate::copilot::{COPILOT, GITHUB, assert_logged_in, logged_in, person, quick, stored};
use crate::terminal::{EVIL, assert_harmless};

const CTRL_C: &str = "\x03";
const ESC: &str = "\x1b";
const ENTER: &str = "\r";
const DOWN: &str = "\x1b[B";

const PROMPT: &str = "GitHub Enterprise domain (leave it empty for github.com):";
const WARNING: &str = "Never enter a code that somebody sent you: it would give them your account.";
const WAITING: &str = "Waiting for you to authorize  1";

/// `pi login github-copilot --enterprise ""` at this sandbox.
fn login(home: &Home, variables: &[(&str, &str)]) -> Terminal {
    Terminal::run(home, &["login", COPILOT, "--enterprise", ""], variables)
}

/// The person enters the code that is waited for.
fn approve(sandbox: &Sandbox) {
    let pending = eventually("a code", || sandbox.pending_user_codes().pop());
    let page = format!("{}/{}/login/device", sandbox.base_url(), pending.domain);
    robot::approve_device(&page, &pending.user_code).unwrap();
}

#[test]
fn the_selector_lists_both_and_the_domain_is_asked_until_it_can_be_one() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let mut terminal = Terminal::run(&home, &["login"], &[]);
    terminal.see_prompt("> Anthropic (Claude Pro/Max)\n  GitHub Copilot");
    terminal.press(DOWN);
    terminal.see("  Anthropic (Claude Pro/Max)\n> GitHub Copilot");
    terminal.press(ENTER);
    terminal.see_prompt(PROMPT);
    terminal.press(&format!("evil.example/@github.com{ENTER}"));
    terminal.see_another_prompt(PROMPT);
    terminal.see("✗ `evil.example/@github.com` is not a hostname. Give a name such as");
    assert_eq!(terminal.screen().matches(PROMPT).count(), 2, "{}", terminal.screen());
    assert_eq!(sandbox.log(), []);
    terminal.paste(" https://GHE.example.com/ ");
    terminal.press(ENTER);
    terminal.see(&format!("{}/ghe.example.com/login/device", sandbox.base_url()));
    approve(&sandbox);
    terminal.exits(0);
    terminal.see("✓ Successfully authenticated with GitHub Copilot");
    assert_logged_in(&home, &sandbox, "ghe.example.com");
    assert_eq!(stored(&home, "enterpriseUrl"), "ghe.example.com");
}

#[test]
fn an_empty_answer_is_github_and_the_browser_makes_it_one_go() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let browser = home.script("browser", &person("approve")).display().to_string();
    let variables = [("BROWSER", browser.as_str())];
    let mut terminal = Terminal::run(&home, &["login", COPILOT], &variables);
    terminal.see_prompt(PROMPT);
    terminal.press(ENTER);
    terminal.see("Enter this code on the page that is opening:");
    terminal.exits(0);
    assert_logged_in(&home, &sandbox, GITHUB);
    assert!(home.entry(COPILOT)["enterpriseUrl"].is_null());
}

#[test]
fn the_code_is_shown_with_a_count_down_that_is_gone_in_the_end() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let mut terminal = login(&home, &[]);
    terminal.see(WAITING);
    let code = sandbox.pending_user_codes()[0].user_code.clone();
    let uri = format!("{}/github.com/login/device", sandbox.base_url());
    let authority = sandbox.base_url().trim_start_matches("http://");
    let told = format!(
        "~/providers.json sends logins and tokens of GitHub Copilot to {authority}. Open this page \
         in any browser, and enter the code:\n\n    {code}\n\n    {uri}\n\n{WARNING}"
    );
    terminal.see(&told);
    // It counts: the same line shows less and less.
    let left = |screen: String| {
        let (_, rest) = screen.split_once("Waiting for you to authorize  ").unwrap();
        rest.split_once(" left").unwrap().0.to_owned()
    };
    let before = left(terminal.screen());
    eventually("a tick", || (left(terminal.screen()) < before).then_some(()));
    assert_eq!(terminal.screen().matches("Waiting for you").count(), 1);
    approve(&sandbox);
    terminal.exits(0);
    let screen = terminal.screen();
    assert_eq!(
        screen.trim(),
        format!(
            "{told}\n\n\n✓ Successfully authenticated with GitHub Copilot\n  Tokens saved to \
             ~/.pi/agent/oauth.json"
        )
    );
}

#[test]
fn trouble_on_the_way_stands_in_the_same_line() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    sandbox.fail_next_at(Endpoint::DevicePoll, [Fault::status(502)]);
    let mut terminal = login(&home, &[]);
    terminal.see("Waiting for you to authorize; last time: it is in trouble (HTTP 502)  1");
    assert_eq!(terminal.screen().matches("Waiting for you").count(), 1);
    approve(&sandbox);
    terminal.exits(0);
    assert!(!terminal.screen().contains("Waiting"), "{}", terminal.screen());
}

#[test]
fn who_leaves_while_waiting_has_cancelled_and_an_older_login_is_kept() {
    let sandbox = quick();
    let (home, _) = logged_in(&sandbox, Age::Expired);
    let before = home.contents();
    let mut terminal = login(&home, &[]);
    terminal.see(WAITING);
    terminal.press(CTRL_C);
    terminal.exits(130);
    let screen = terminal.screen();
    assert!(screen.trim_end().ends_with(&format!("{WARNING}\n\nCancelled.")), "{screen}");
    assert_eq!(home.contents(), before);
    assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    for key in [CTRL_C, ESC] {
        let home = Home::at(&sandbox);
        let mut terminal = Terminal::run(&home, &["login", COPILOT], &[]);
        terminal.see_prompt(PROMPT);
        terminal.press(key);
        terminal.exits(130);
        assert!(!home.file().exists());
    }
}

#[test]
fn who_says_no_sees_a_clean_screen_too() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let browser = home.script("browser", &person("deny")).display().to_string();
    let mut terminal = login(&home, &[("BROWSER", &browser)]);
    terminal.exits(1);
    let screen = terminal.screen();
    assert!(screen.contains("error: The login to GitHub Copilot was refused in the browser."));
    assert!(!screen.contains("Waiting"), "{screen}");
}

#[test]
fn a_dumb_terminal_gets_words_alone_and_one_without_colours_no_colours() {
    let sandbox = quick();
    let logins = [("TERM", "dumb"), ("NO_COLOR", "1")].map(|variable| {
        let home = Home::at(&sandbox);
        let mut terminal = login(&home, &[variable]);
        terminal.see("Waiting for you to authorize");
        approve(&sandbox);
        (home, terminal)
    });
    let [dumb, uncoloured] = logins.map(|(_home, mut terminal)| {
        terminal.exits(0);
        terminal.bytes()
    });
    assert!(!dumb.contains('\x1b'), "{dumb:?}");
    let line = "Waiting for you to authorize; there are 1";
    assert_eq!(dumb.matches(line).count(), 1, "told once: {dumb:?}");
    assert!(uncoloured.contains("\r\x1b[K"), "the line is cleared: {uncoloured:?}");
    let paints = |rest: &str| {
        let end = rest.find(|c: char| c.is_ascii_alphabetic());
        end.is_some_and(|at| rest[at..].starts_with('m'))
    };
    assert!(!uncoloured.split("\x1b[").skip(1).any(paints), "{uncoloured:?}");
}

#[test]
fn what_a_device_is_told_to_show_cannot_act_on_the_terminal() {
    let answer = |document: serde_json::Value| Fault::Status {
        code: 200,
        headers: Default::default(),
        body: document.to_string(),
    };
    let sandbox = quick();
    let home = Home::at(&sandbox);
    // Without blanks, and as long as a code may be.
    let code: String = EVIL.split_whitespace().collect();
    let code: String = code.chars().take(32).collect();
    let shows = answer(json!({
        "device_code": "d", "user_code": code, "verification_uri": "https://h.example/device",
        "expires_in": 900, "interval": 60,
    }));
    sandbox.fail_next_at(Endpoint::DeviceAuthorization, [shows]);
    let mut terminal = login(&home, &[]);
    terminal.see("owned");
    terminal.see(WAITING);
    terminal.press(CTRL_C);
    terminal.exits(130);
    assert_harmless(&terminal);

    let leads_astray = answer(json!({
        "device_code": "d", "user_code": "ABCD", "verification_uri": format!("https://h/{EVIL}"),
        "expires_in": 900, "interval": 60,
    }));
    sandbox.fail_next_at(Endpoint::DeviceAuthorization, [leads_astray]);
    let mut terminal = login(&home, &[]);
    terminal.exits(1);
    assert_harmless(&terminal);
}

#[test]
fn what_an_error_says_cannot_act_on_the_terminal() {
    let oauth = || Fault::OauthError { error: EVIL.to_owned(), description: EVIL.to_owned() };
    let message = || {
        let body = json!({ "error_details": { "message": EVIL } }).to_string();
        Fault::Status { code: 403, headers: Default::default(), body }
    };
    let cases = [
        (Endpoint::DeviceAuthorization, oauth()),
        (Endpoint::DevicePoll, oauth()),
        (Endpoint::CopilotToken, message()),
    ];
    let logins = cases.map(|(endpoint, fault)| {
        let sandbox = quick();
        let home = Home::at(&sandbox);
        sandbox.fail_next_at(endpoint, [fault]);
        let browser = home.script("browser", &person("approve")).display().to_string();
        let terminal = login(&home, &[("BROWSER", &browser)]);
        (sandbox, home, terminal)
    });
    for (sandbox, _home, mut terminal) in logins {
        terminal.exits(1);
        terminal.see("owned");
        assert_harmless(&terminal);
        assert!(sandbox.log().iter().any(|it| matches!(it.kind, Kind::Fault { .. })));
    }
    let sandbox = quick();
    let (home, _) = logged_in(&sandbox, Age::Expired);
    sandbox.fail_next_at(Endpoint::CopilotToken, [message()]);
    let mut terminal = Terminal::run(&home, &["token", COPILOT], &[]);
    terminal.exits(1);
    terminal.see("owned");
    assert_harmless(&terminal);
}
