//! `pi login github-copilot --json`: events, and answers as lines.

use pi_auth_tests::pi::{Home, Running};
use pi_auth_tests::robot;
use pi_auth_tests::sandbox::{CopilotAccess, Endpoint, Fault};
use serde_json::{Value, json};

use crate::copilot::{COPILOT, GITHUB, assert_logged_in, quick};

const PROMPT: &str = "GitHub Enterprise domain (leave it empty for github.com):";

#[track_caller]
fn approve(pi: &mut Running) -> Value {
    let shown = pi.event("show_code");
    let text = |name: &str| shown[name].as_str().unwrap();
    robot::approve_device(text("verification_uri"), text("user_code")).unwrap();
    shown
}

#[test]
fn every_step_is_an_event_and_a_wrong_answer_is_asked_again() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", COPILOT, "--json"]).start();
    assert_eq!(pi.event("prompt"), json!({ "type": "prompt", "prompt": PROMPT }));
    pi.write("https://evil.example/@github.com\n");
    let rejected = pi.event("rejected");
    assert_eq!(rejected["prompt"], PROMPT);
    let problem = rejected["message"].as_str().unwrap();
    assert!(problem.contains("is not a hostname"), "{problem}");
    assert_eq!(sandbox.log(), [], "nothing is sent anywhere before that");
    pi.write("ghe.example.com\n");
    let shown = approve(&mut pi);
    let code = shown["user_code"].as_str().unwrap();
    let uri = format!("{}/ghe.example.com/login/device", sandbox.base_url());
    assert_eq!(shown["verification_uri"], uri);
    assert_eq!((&shown["url"], &shown["opens_browser"]), (&json!(uri), &json!(false)));
    assert!(shown["expires_ms"].as_u64().unwrap() > pi_auth_tests::pi::now_ms());
    assert!(shown["warning"].as_str().unwrap().contains("Never enter a code"));
    let ended = pi.finish();
    ended.exits(0).is_quiet();
    assert_eq!(code.len(), 9);

    let all = ended.events();
    let mut types = ended.event_types();
    types.dedup();
    assert_eq!(types, ["prompt", "rejected", "show_code", "progress", "logged_in"], "{ended}");
    let waiting = json!({ "type": "progress", "message": "Waiting for you to authorize" });
    assert!(all.contains(&waiting), "{ended}");
    let last = all.last().unwrap();
    let name = "GitHub Copilot at ghe.example.com";
    let provider = json!({ "id": COPILOT, "name": name, "enterprise": "ghe.example.com" });
    assert_eq!(last["provider"], provider);
    assert_eq!(last["path"], "~/.pi/agent/oauth.json");
    let authority = sandbox.base_url().trim_start_matches("http://");
    let note = format!("~/providers.json sends logins and tokens of {name} to {authority}.");
    assert_eq!(last["notes"], json!([note]));
    assert_logged_in(&home, &sandbox, "ghe.example.com");
}

#[test]
fn an_empty_line_takes_the_default() {
    let logins = ["\n", "  \r\n", "github.com\n"].map(|line| {
        let sandbox = quick();
        let home = Home::at(&sandbox);
        let mut pi = home.pi(["login", COPILOT, "--json"]).start();
        pi.event("prompt");
        pi.write(line);
        approve(&mut pi);
        (sandbox, home, pi)
    });
    for (sandbox, home, pi) in logins {
        pi.finish().exits(0);
        assert_logged_in(&home, &sandbox, GITHUB);
        assert!(home.entry(COPILOT)["enterpriseUrl"].is_null());
    }
}

#[test]
fn the_end_of_input_cancels_and_asks_nobody() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let ended = home.pi(["login", COPILOT, "--json"]).run();
    ended.exits(130).is_quiet();
    assert_eq!(ended.event_types(), ["prompt", "error"]);
    assert_eq!(ended.events()[1]["error"]["code"], "cancelled");
    assert_eq!(sandbox.log(), []);
    assert!(!home.file().exists());
}

#[test]
fn with_the_domain_on_the_command_line_nothing_is_asked() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", COPILOT, "--json", "--enterprise", ""]).start();
    approve(&mut pi);
    let ended = pi.finish();
    ended.exits(0);
    assert_eq!(ended.event_types()[0], "show_code");
}

#[test]
fn who_answers_wrongly_for_ever_is_told_so_in_the_end() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let ended = home.pi(["login", COPILOT, "--json"]).run_with(&"10.0.0.1\n".repeat(9));
    ended.exits(2).is_quiet();
    let last = ended.events().pop().unwrap();
    assert_eq!((&last["type"], &last["error"]["code"]), (&json!("error"), &json!("bad_input")));
    assert_eq!(
        ended.event_types(),
        ["prompt", "rejected", "rejected", "rejected", "rejected", "error"]
    );
    assert_eq!(sandbox.log(), []);
}

#[test]
fn trouble_on_the_way_is_progress_and_a_refusal_is_the_error() {
    let sandbox = quick();
    sandbox.fail_next_at(Endpoint::DevicePoll, [Fault::status(502)]);
    sandbox.change(|settings| settings.github.copilot_access = CopilotAccess::NoSubscription);
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", COPILOT, "--json", "--enterprise", ""]).start();
    approve(&mut pi);
    let ended = pi.finish();
    ended.exits(1).is_quiet();
    let all = ended.events();
    let troubled = |event: &Value| {
        let message = event["message"].as_str().unwrap_or_default();
        event["type"] == "progress" && message.ends_with("; last time: it is in trouble (HTTP 502)")
    };
    assert_eq!(all.iter().filter(|event| troubled(event)).count(), 1, "{ended}");
    let error = &all.last().unwrap()["error"];
    assert_eq!(error["code"], "denied", "{ended}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("This account has no access to GitHub Copilot)"), "{message}");
}
