//! `pi login anthropic --json`: events, and answers as lines.

use pi_auth_tests::pi::Home;
use pi_auth_tests::robot;
use serde_json::json;

use crate::login::{assert_logged_in, code_page};
use crate::sandbox;

#[test]
fn json_is_one_event_a_line_with_questions_that_lines_answer() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    sandbox.change(|settings| settings.token_delay_ms = 1500);
    let mut pi = home.pi(["login", "anthropic", "--no-browser", "--json"]).start();
    let asked = pi.event("authorize");
    let url = asked["url"].as_str().unwrap();
    assert_eq!(
        asked,
        json!({
            "type": "authorize",
            "url": url,
            "opens_browser": false,
            "callback": false,
            "message": format!(
                "~/providers.json sends logins and tokens of Anthropic to {}. Open this page in a \
                 browser to authorize:",
                sandbox.base_url().trim_start_matches("http://")
            ),
            "prompt": "Paste the authorization code here:",
        })
    );
    pi.write("nonsense#state\n");
    let again = pi.event("rejected");
    assert_eq!(again["prompt"], asked["prompt"]);
    assert!(again["message"].as_str().unwrap().contains("another login"), "{again}");
    let (code, state) = code_page(url);
    pi.write(&format!("{code}#{state}\n"));
    let last = pi.event("logged_in");
    let ended = pi.finish();
    ended.exits(0).is_quiet();
    let (progress, others): (Vec<String>, Vec<String>) =
        ended.event_types().into_iter().partition(|kind| kind == "progress");
    assert_eq!(others, ["authorize", "rejected", "logged_in"], "{ended}");
    assert!(!progress.is_empty(), "an exchange of over a second is told: {ended}");
    assert_eq!(
        last,
        json!({
            "type": "logged_in",
            "provider": { "id": "anthropic", "name": "Anthropic (Claude Pro/Max)" },
            "path": "~/.pi/agent/oauth.json",
            "notes": [format!(
                "~/providers.json sends logins and tokens of Anthropic to {}.",
                sandbox.base_url().trim_start_matches("http://")
            )],
        })
    );
    assert_logged_in(&home, &sandbox);
}

#[test]
fn json_tells_of_a_callback_and_of_the_end_of_input() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", "anthropic", "--json"]).browser("exit 0").start();
    pi.close_stdin();
    let asked = pi.event("authorize");
    assert_eq!((&asked["callback"], &asked["opens_browser"]), (&json!(true), &json!(true)));
    robot::approve(asked["url"].as_str().unwrap()).unwrap();
    pi.finish().exits(0).is_quiet();

    let ended = home.pi(["login", "anthropic", "--paste", "--json"]).browser("exit 0").run();
    ended.exits(130).is_quiet();
    let last = ended.events().pop().unwrap();
    assert_eq!((&last["type"], &last["error"]["code"]), (&json!("error"), &json!("cancelled")));
}
