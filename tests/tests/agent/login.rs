//! With the extension: the agent's logins are the core's. A person types, reads and has a browser.

use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use pi_auth_tests::agent::{Version, send_messages_to};
use pi_auth_tests::pi::{Home, Terminal, eventually};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{
    Config, GithubSettings, Kind, Model, Policy, REPLY, Sandbox, Settings,
};
use serde_json::Value;

use crate::copilot::{COPILOT, model};
use crate::screen::{command, log_in, offered, open, word};
use crate::{access, asked_with, only, sandbox};

#[test]
fn a_code_that_is_pasted_logs_in_and_the_next_prompt_is_answered_with_it() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        send_messages_to(&sandbox, &home);
        let mut agent = open(version, &home, &[]);
        log_in(&mut agent, "anthropic");
        let page = word(&mut agent, sandbox.base_url());
        let Landing::Code(code) = robot::approve(&page).unwrap() else { panic!("no code") };

        // A slip is told, and asked for again.
        agent.paste("code#of-another-login");
        agent.press("\r");
        agent.see("another login");
        agent.paste(&code);
        agent.press("\r");
        agent.see("Logged in to Anthropic");
        let entry = home.entry("anthropic");
        assert!(sandbox.is_valid_access(entry["access"].as_str().unwrap()));
        assert!(sandbox.is_valid_refresh(entry["refresh"].as_str().unwrap()));
        let exchange = only(&sandbox, &Kind::CodeExchanged);
        assert!(exchange.user_agent().unwrap_or_default().starts_with("pi-auth/"), "{exchange:?}");

        agent.press("Say hello.\r");
        agent.see(REPLY);
        asked_with(&sandbox, &access(&home));

        command(&mut agent, "logout");
        agent.see("Select provider to logout");
        agent.press("\r");
        agent.see("Logged out of Anthropic");
        assert!(home.entry("anthropic").is_null(), "{}", home.contents());
    }
}

#[test]
fn a_browser_brings_the_code_back_by_itself() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        send_messages_to(&sandbox, &home);
        // The agent opens what it is given to show.
        let robot = env!("CARGO_BIN_EXE_pi-auth-sandbox");
        home.script("xdg-open", &format!("exec {robot} approve \"$1\""));
        let mut agent = open(version, &home, &[("DISPLAY", ":0")]);
        log_in(&mut agent, "anthropic");
        agent.see("Logged in to Anthropic");
        assert!(sandbox.is_valid_access(&access(&home)));
    }
}

#[test]
fn a_login_that_is_cancelled_leaves_nothing_and_can_be_begun_again() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        // A callback that no other test has.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut overrides: Value = serde_json::from_str(&sandbox.providers_json()).unwrap();
        overrides["anthropic"]["loopback_redirect_uri"] =
            format!("http://localhost:{port}/callback").into();
        home.override_providers(&overrides.to_string());
        let mut agent = open(version, &home, &[("DISPLAY", ":0")]);
        log_in(&mut agent, "anthropic");
        let first = word(&mut agent, sandbox.base_url());
        escape(&mut agent, &first);
        assert!(home.entry("anthropic").is_null());
        // An older agent returns to its editor, and one of today to its lists.
        escape(&mut agent, "Select");
        log_in(&mut agent, "anthropic");
        let second = word(&mut agent, sandbox.base_url());
        assert_ne!(first, second);
        // The callback of the first is closed, or it would have got another port.
        let callback = format!("localhost%3A{port}%2Fcallback");
        assert!(first.contains(&callback) && second.contains(&callback), "{first} {second}");
    }
}

/// Presses Escape until this is no longer on the screen.
#[track_caller]
fn escape(agent: &mut Terminal, text: &str) {
    eventually("it is left", || {
        let is_gone = !agent.screen().contains(text);
        if !is_gone {
            agent.press("\x1b");
        }
        // What follows an Escape at once would be a key with Alt.
        sleep(Duration::from_millis(300));
        is_gone.then_some(())
    });
}

/// One model that needs no consent, one whose policy a login accepts, and one that an administrator
/// has refused. All versions know the latter two.
fn at_github(version: Version) -> Sandbox {
    let model = |id: &str, policy| Model {
        id: id.to_owned(),
        name: id.to_owned(),
        model_picker_enabled: true,
        policy,
        tool_calls: true,
    };
    let models = vec![
        model(self::model(version), None),
        model("claude-sonnet-4.6", Some(Policy::Unconfigured)),
        model("gpt-5.3-codex", Some(Policy::Disabled)),
    ];
    let github = GithubSettings { interval_s: 1, models, ..GithubSettings::default() };
    let settings = Settings { github, ..Settings::default() };
    Sandbox::start(Config { settings, ..Config::default() }).unwrap()
}

#[test]
fn a_code_that_is_entered_in_a_browser_logs_in_and_only_usable_models_are_offered() {
    for version in Version::ALL {
        let sandbox = at_github(version);
        let home = Home::at(&sandbox);
        let mut agent = open(version, &home, &[]);
        log_in(&mut agent, "copilot");
        agent.see("Enterprise");
        agent.press("\r");
        let page = word(&mut agent, sandbox.base_url());
        let code = robot::pending_user_code(&page).unwrap();
        agent.see(&code);
        // Whoever is asked to enter a code that they have not asked for is to know.
        agent.see("Never");
        robot::approve_device(&page, &code).unwrap();
        agent.see("Logged in to GitHub Copilot");

        let offered = offered(&mut agent, COPILOT);
        let mut expected = [model(version), "claude-sonnet-4.6"];
        expected.sort_unstable();
        let mut found: Vec<&str> = offered.iter().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{}", agent.screen());
        agent.press(model(version));
        agent.press("\r");
        agent.see(&format!("Model: {}", model(version)));

        agent.press("Say hello.\r");
        agent.see(REPLY);
        let chat = only(&sandbox, &Kind::ChatAnswered);
        let token = home.entry(COPILOT)["access"].as_str().unwrap().to_owned();
        assert_eq!(chat.header("authorization"), Some(format!("Bearer {token}").as_str()));

        command(&mut agent, "logout");
        agent.see("Select provider to logout");
        agent.press("\r");
        agent.see("Logged out of GitHub Copilot");
        assert!(home.entry(COPILOT).is_null(), "{}", home.contents());
    }
}
