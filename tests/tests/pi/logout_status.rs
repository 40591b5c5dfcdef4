//! Ways out, and telling who is logged in.

use pi_auth_tests::pi::{Age, Home};
use serde_json::{Value, json};

use crate::{kinds, sandbox, wait_for_grants};

#[test]
fn a_logout_takes_out_its_entry_and_nothing_else() {
    let sandbox = sandbox();
    let login = r#"{"type":"oauth","refresh":"r","access":"a","expires":1}"#;
    for (before, after) in [
        (format!("{{\n  \"anthropic\": {login}\n}}"), "{}".to_owned()),
        (
            format!(
                "{{ \"a\" : [1 ,2],\n\t\"anthropic\":{login} ,\"a\": 1e5, \"é\\u0041\":null}}\n"
            ),
            "{ \"a\" : [1 ,2] ,\"a\": 1e5, \"é\\u0041\":null}\n".to_owned(),
        ),
        (
            format!("{{\"anthropic\":{login}, \"openai\":{{\"type\":\"api_key\",\"key\":\"k\"}}}}"),
            r#"{"openai":{"type":"api_key","key":"k"}}"#.to_owned(),
        ),
        (
            format!("{{\"anthropic\":{login},\"x\":1,\"anthropic\":{login}}}"),
            "{\"x\":1}".to_owned(),
        ),
    ] {
        let home = Home::at(&sandbox);
        home.write("auth.json", &before);
        let ended = home.pi(["logout", "anthropic"]).run();
        ended.exits(0).says("Anthropic cannot be told from here").prints(
            "✓ Successfully logged out of Anthropic\n  \
             Credentials removed from ~/.pi/agent/auth.json\n",
        );
        assert_eq!(home.contents(), after);
    }
    assert_eq!(kinds(&sandbox), [], "no provider is asked");
}

#[test]
fn a_logout_with_nothing_to_do_says_so_and_changes_nothing() {
    let key = json!({ "anthropic": { "type": "api_key", "key": "k" } }).to_string();
    for contents in [None, Some("{}"), Some(" {\n} "), Some(&key), Some(r#"{"anthropic":7}"#)] {
        for arguments in [&["logout", "anthropic"][..], &["logout", "--all", "--yes"]] {
            let home = Home::new();
            if let Some(contents) = contents {
                home.write("auth.json", contents);
            }
            let before = home.snapshot();
            home.pi(arguments).run().exits(0).prints("There was no login to end.\n");
            assert_eq!(home.snapshot(), before, "{contents:?}");
        }
    }
    let home = Home::new();
    home.write("auth.json", &key);
    home.pi(["logout", "anthropic"]).run().says("note: ").says("left alone");
}

#[test]
fn all_needs_a_yes_ends_every_login_and_leaves_api_keys() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let mut document: Value = serde_json::from_str(&home.contents()).unwrap();
    document["openai"] = json!({ "type": "api_key", "key": "k" });
    document["github-copilot"] = json!({ "type": "oauth", "refresh": "r", "access": "a" });
    home.write("oauth.json", document.to_string());
    let before = home.snapshot();
    let refused = home.pi(["logout", "--all"]).run();
    refused.exits(2).prints("").says("Nothing was logged out.").says("--yes");
    assert_eq!(home.snapshot(), before);

    let ended = home.pi(["logout", "--all", "--yes"]).run();
    ended.exits(0).says("GitHub Copilot cannot be told from here");
    assert_eq!(ended.stdout.matches("Successfully logged out of").count(), 2, "{ended}");
    let left: Value = serde_json::from_str(&home.contents()).unwrap();
    assert_eq!(left, json!({ "openai": { "type": "api_key", "key": "k" } }));
}

#[test]
fn a_logout_during_a_refresh_wins() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.keep_answers_back();
    let refresh = home.pi(["token", "anthropic"]).start();
    wait_for_grants(&sandbox, 1);
    let logout = home.pi(["logout", "anthropic"]).run();
    logout.exits(0);
    assert_eq!(home.entry("anthropic"), Value::Null);
    sandbox.let_answers_go();
    refresh.finish();
    assert_eq!(home.entry("anthropic"), Value::Null, "the refresh brought it back");
    home.pi(["token", "anthropic"]).run().exits(4).prints("");
}

#[test]
fn status_tells_who_is_logged_in_and_0_or_4_whether_it_helps() {
    let sandbox = sandbox();
    let write = |document: Value| {
        let home = Home::at(&sandbox);
        home.write("auth.json", document.to_string());
        home
    };
    let login = |age: Age| json!({ "type": "oauth", "refresh": "r", "access": "a", "expires": age.expires() });
    let no_refresh = json!({ "type": "oauth", "access": "a", "expires": 1 });
    for (home, code, lines) in [
        (Home::at(&sandbox), 4, &["You are not logged in. Run `pi login`."][..]),
        (
            write(json!({ "anthropic": login(Age::Fresh) })),
            0,
            &["Anthropic (Claude Pro/Max)\n", "✓ logged in; the token is valid for 7 h"],
        ),
        (
            write(json!({ "anthropic": login(Age::Due) })),
            0,
            &["✓ logged in; the token is refreshed"],
        ),
        (
            write(json!({ "anthropic": no_refresh })),
            4,
            &["✗ the login has expired. Run `pi login anthropic`."],
        ),
        (
            write(json!({ "openai": { "type": "api_key", "key": "k" } })),
            0,
            &["openai\n", "✓ an API key is stored"],
        ),
        (write(json!({ "anthropic": 7 })), 4, &["neither a login nor an API key"]),
    ] {
        let before = home.snapshot();
        let ended = home.pi(["status"]).run();
        ended.exits(code).says("sends logins and tokens of Anthropic to 127.0.0.1:");
        for line in lines.iter().chain(&["~/.pi/agent/"]) {
            assert!(ended.stdout.contains(line), "{ended}\nlacks {line}");
        }
        home.pi(["status", "--json"]).run().exits(code).is_quiet();
        assert_eq!(home.snapshot(), before);
    }
    assert_eq!(kinds(&sandbox), [], "no provider is asked");
}

#[test]
fn status_tells_what_a_login_hides() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let with_key = || home.pi(["status"]).env("ANTHROPIC_API_KEY", "sk-ant-api03-x");
    let ended = with_key().run();
    ended.exits(0);
    assert!(ended.stdout.contains("ANTHROPIC_API_KEY is set (not used"), "{ended}");
    home.pi(["logout", "anthropic"]).run().exits(0);
    let ended = with_key().run();
    ended.exits(0);
    assert!(ended.stdout.contains("✓ ANTHROPIC_API_KEY is set\n"), "{ended}");
}

#[test]
fn status_in_json_is_for_programs() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    home.override_providers("{}");
    let expires = home.entry("anthropic")["expires"].as_u64().unwrap();
    let ended = home.pi(["status", "--json"]).env("ANTHROPIC_API_KEY", "sk-ant-api03-x").run();
    ended.exits(0).is_quiet();
    let provider = json!({ "id": "anthropic", "name": "Anthropic (Claude Pro/Max)" });
    assert_eq!(
        serde_json::from_str::<Value>(&ended.stdout).unwrap(),
        json!({
            "path": "~/.pi/agent/oauth.json",
            "keys": [
                {
                    "provider": provider, "kind": "oauth", "source": "stored",
                    "active": true, "state": "ready", "expires_ms": expires + 300_000, "enterprise": null,
                },
                {
                    "provider": provider, "kind": "api_key",
                    "source": { "variable": "ANTHROPIC_API_KEY" },
                    "active": false, "state": "ready", "expires_ms": null, "enterprise": null,
                },
            ],
            "redirected": [],
            "notes": [],
        })
    );
}
