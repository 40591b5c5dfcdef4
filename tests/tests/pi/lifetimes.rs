//! Lifetimes that are short, doubtful or endless, and what is said of files that hold little.

use pi_auth_tests::pi::{Age, Home, now_ms};
use pi_auth_tests::sandbox::{Fault, Sandbox};
use serde_json::json;

use crate::sandbox;

fn stored(sandbox: &Sandbox, expires: u64) -> Home {
    let (home, tokens) = Home::logged_in(sandbox, Age::Fresh);
    home.store(&tokens, expires);
    home
}

#[test]
fn a_token_that_lives_for_five_minutes_or_less_is_not_refreshed_at_every_call() {
    for lifetime_s in [60, 200, 300] {
        let sandbox = sandbox();
        sandbox.change(|settings| settings.access_lifetime_s = lifetime_s);
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        let first = home.pi(["token", "anthropic"]).run();
        first.exits(0).is_quiet();
        for _ in 0..3 {
            home.pi(["token", "anthropic"]).run().exits(0).prints(&first.stdout).is_quiet();
        }
        assert_eq!(sandbox.grants(), 1, "{lifetime_s} s");
        let entry = home.entry("anthropic");
        let end = entry["realExpiry"]["at"].as_u64().unwrap();
        assert_eq!(end - entry["expires"].as_u64().unwrap(), lifetime_s * 500, "half of its life");
    }
}

#[test]
fn a_short_life_is_served_until_its_real_end_and_no_longer() {
    let sandbox = sandbox();
    sandbox.change(|settings| settings.access_lifetime_s = 200);
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let token = home.pi(["token", "anthropic"]).run().exits(0).stdout.clone();
    // As if half of its life, and then all of it, had passed.
    for (left_ms, code) in [(60_000, 0), (0, 1)] {
        let mut entry = home.entry("anthropic");
        entry["expires"] = (now_ms() - 60_000).into();
        entry["realExpiry"]["at"] = (now_ms() + left_ms).into();
        home.write("oauth.json", json!({ "anthropic": entry }).to_string());
        let _ = std::fs::remove_file(home.agent_dir().join("auth.json.backoff"));
        sandbox.fail_next(Fault::status(503));
        let ended = home.pi(["token", "anthropic"]).run();
        ended.exits(code).prints(if code == 0 { &token } else { "" });
    }
    // The agent has stored another token: what was remembered is not about that one.
    let (mut entry, tokens) = (home.entry("anthropic"), sandbox.issue());
    (entry["access"], entry["refresh"]) = (tokens.access.clone().into(), tokens.refresh.into());
    home.write("oauth.json", json!({ "anthropic": entry }).to_string());
    let _ = std::fs::remove_file(home.agent_dir().join("auth.json.backoff"));
    sandbox.fail_next(Fault::status(503));
    home.pi(["token", "anthropic"]).run().exits(0).prints(&format!("{}\n", tokens.access));
}

#[test]
fn the_largest_safe_integer_means_that_it_does_not_expire() {
    let sandbox = sandbox();
    let home = stored(&sandbox, 9_007_199_254_740_991);
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    home.pi(["token", "anthropic", "--min-validity", "9000h"]).run().exits(0).is_quiet();
    assert_eq!(sandbox.log(), [], "nothing is refreshed");
    let ended = home.pi(["status"]).run();
    ended.exits(0);
    assert!(ended.stdout.contains("logged in; the token does not expire"), "{ended}");
    let ended = home.pi(["status", "--json"]).run();
    assert!(ended.stdout.contains("9007199254740991"), "{ended}");
    let ended = home.pi(["doctor", "--offline"]).run();
    assert!(ended.stdout.contains("does not expire"), "{ended}");
}

#[test]
fn a_lifetime_beyond_a_year_is_told_and_never_counted_in_days() {
    let sandbox = sandbox();
    // 20,767,251 days.
    let home = stored(&sandbox, now_ms() + 20_767_251 * 86_400_000);
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    let status = home.pi(["status"]).run();
    let doctor = home.pi(["doctor", "--offline"]).run();
    for ended in [status, doctor] {
        assert!(ended.stdout.contains("for more than a year"), "{ended}");
        assert!(!ended.stdout.contains("20767251"), "{ended}");
    }
    sandbox.change(|settings| settings.access_lifetime_s = 1_794_285_667_200);
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let ended = home.pi(["token", "anthropic"]).run();
    ended.exits(0).says("note: Anthropic says that its token is valid for more than a year");
}

#[test]
fn a_blank_file_is_one_that_holds_nothing() {
    for blank in ["", "\n", " \r\n\t", "\u{feff}", "\u{feff}\n"] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        home.write("auth.json", blank);
        let ended = home.pi(["token", "anthropic"]).run();
        ended.exits(4).says("You are not logged in to Anthropic").says("~/.pi/agent/auth.json");
        home.pi(["status"]).run().exits(4);
        assert_eq!(home.contents(), blank);
        let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
        let (code, state) = crate::login::code_page(&pi.authorize_url());
        pi.write(&format!("{code}#{state}\n"));
        pi.finish().exits(0);
        assert!(sandbox.is_valid_refresh(&home.refresh_token()), "{blank:?}");
    }
}

#[test]
fn whoever_is_not_logged_in_is_told_which_file_was_looked_at() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    for (name, contents) in [("oauth.json", None), ("auth.json", Some("{}"))] {
        if let Some(contents) = contents {
            home.write(name, contents);
        }
        let ended = home.pi(["token", "anthropic"]).run();
        ended.exits(4).says(&format!("~/.pi/agent/{name} holds no login."));
    }
}

#[test]
fn an_entry_of_an_unknown_kind_is_called_that_and_kept_until_a_login_replaces_it() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let text = r#"{"anthropic": {"type": "passkey", "id": 7}}"#;
    home.write("auth.json", text);
    let ended = home.pi(["token", "anthropic"]).run();
    ended.exits(4).says("The entry `anthropic` in ~/.pi/agent/auth.json is of a kind");
    assert!(!ended.stderr.contains("not logged in"), "{ended}");
    assert_eq!(home.contents(), text);
    let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
    let (code, state) = crate::login::code_page(&pi.authorize_url());
    pi.write(&format!("{code}#{state}\n"));
    pi.finish().exits(0).says("neither a login nor an API key, was replaced.");
    assert_eq!(home.entry("anthropic")["type"], "oauth");
}

#[test]
fn a_servers_full_stop_is_not_doubled() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.fail_next(Fault::OauthError {
        error: "invalid_client".into(),
        description: "client_secret is missing.".into(),
    });
    let ended = home.pi(["token", "anthropic"]).run();
    ended.exits(1).says("invalid_client: client_secret is missing.\n");
    assert!(!ended.stderr.contains(".."), "{ended}");
}
