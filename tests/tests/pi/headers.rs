//! `pi headers`: what a request carries, and where it goes.

use pi_auth_tests::loopback::{Reply, Request};
use pi_auth_tests::pi::{Age, Home};
use pi_auth_tests::sandbox::{ANTHROPIC_API_KEY, REPLY};
use serde_json::{Value, json};

use crate::copilot::{COPILOT, GITHUB, entry, logged_in};
use crate::sandbox;

/// Sends a request with the lines that `pi headers` printed, as `curl -H @FILE` would.
fn send(lines: &str, url: String, body: &Value) -> Reply {
    let request = Request::post_json(url, body);
    let with = |request: Request, line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        request.header(name, value)
    };
    lines.lines().fold(request, with).send().unwrap()
}

/// The message in which the sandbox says what was wrong, or said its sentence.
fn said(reply: &Reply) -> String {
    let document = reply.json();
    let chat = document["choices"][0]["message"]["content"].as_str();
    let message = document["content"][0]["text"].as_str();
    chat.or(message).unwrap_or(&reply.body).to_owned()
}

#[test]
fn copilots_headers_are_the_editors_to_the_letter() {
    let sandbox = sandbox();
    let (home, login) = logged_in(&sandbox, Age::Fresh);
    let expected = |initiator: &str| {
        format!(
            "Authorization: Bearer {}\nCopilot-Integration-Id: vscode-chat\nEditor-Plugin-Version: \
             copilot-chat/0.32.4\nEditor-Version: vscode/1.105.1\nOpenai-Intent: \
             conversation-edits\nUser-Agent: GitHubCopilotChat/0.32.4\nX-Initiator: {initiator}\n",
            login.access
        )
    };
    let base = format!("Base URL: {}/github.com/copilot\n", sandbox.base_url());
    let sorted = |text: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n") + "\n"
    };
    let ended = home.pi(["headers", COPILOT]).run();
    assert_eq!(sorted(&ended.exits(0).stdout), expected("user"));
    assert!(ended.stdout.starts_with("Authorization: "), "{ended}");
    assert_eq!(ended.stderr, base, "what is no header is not for curl");
    let ended = home.pi(["headers", COPILOT, "--initiator", "agent"]).run();
    assert_eq!(sorted(&ended.exits(0).stdout), expected("agent"));
    let ended = home.pi(["headers", COPILOT, "--vision"]).run();
    assert!(ended.exits(0).stdout.ends_with("Copilot-Vision-Request: true\n"), "{ended}");
    assert_eq!(sandbox.log(), [], "a fresh token needs no request");

    let ended = home.pi(["headers", COPILOT, "--json", "--vision"]).run();
    let document: Value = serde_json::from_str(&ended.exits(0).is_quiet().stdout).unwrap();
    let expires_ms = home.entry(COPILOT)["expires"].as_u64().unwrap() + 300_000;
    assert_eq!(
        document,
        json!({
            "headers": {
                "Authorization": format!("Bearer {}", login.access),
                "User-Agent": "GitHubCopilotChat/0.32.4",
                "Editor-Version": "vscode/1.105.1",
                "Editor-Plugin-Version": "copilot-chat/0.32.4",
                "Copilot-Integration-Id": "vscode-chat",
                "Openai-Intent": "conversation-edits",
                "X-Initiator": "user",
                "Copilot-Vision-Request": "true",
            },
            "base_url": format!("{}/github.com/copilot", sandbox.base_url()),
            "origins": [sandbox.base_url()],
            "expires_ms": expires_ms,
        })
    );
}

#[test]
fn copilot_takes_a_request_with_exactly_these() {
    let sandbox = sandbox();
    let (home, _) = logged_in(&sandbox, Age::Expired);
    let image = json!([{ "type": "image_url", "image_url": { "url": "data:," } }]);
    for (messages, vision) in [
        (json!([{ "role": "user", "content": "hello" }]), false),
        (json!([{ "role": "user", "content": image }]), true),
        (json!([{ "role": "user", "content": "h" }, { "role": "tool", "content": "r" }]), false),
    ] {
        let body = json!({ "model": "gpt-4.1", "messages": messages });
        let lines = home.pi(["headers", COPILOT, "--body", "-"]).run_with(&body.to_string());
        let base_url = home.pi(["headers", COPILOT, "--base-url"]).run();
        let url = format!("{}/chat/completions", base_url.exits(0).stdout.trim_end());
        let reply = send(&lines.exits(0).stdout, url.clone(), &body);
        assert_eq!((reply.status, said(&reply).as_str()), (200, REPLY), "{messages}");
        // Without its headers, or with another's, it is not taken.
        let bare = home.pi(["headers", COPILOT]).run();
        let reply = send(&bare.stdout, url.clone(), &body);
        assert_eq!(reply.status == 200, !vision, "{messages}: {}", reply.body);
        let bearer: String = lines.stdout.split_inclusive('\n').take(1).collect();
        assert_eq!(send(&bearer, url, &body).status, 400);
    }
}

#[test]
fn the_body_tells_who_began_and_whether_there_is_an_image_in_every_shape() {
    let sandbox = sandbox();
    let (home, _) = logged_in(&sandbox, Age::Fresh);
    let user = |content: Value| json!({ "role": "user", "content": content });
    let chat = |last: Value| json!({ "messages": [user(json!("u")), last] });
    let responses = |last: Value| json!({ "input": [user(json!("u")), last] });
    let part = |kind: &str| json!([{ "type": kind }]);
    let result = |content: Value| user(json!([{ "type": "tool_result", "content": content }]));
    for (body, initiator, vision) in [
        (chat(user(json!("u"))), "user", false),
        (chat(json!({ "role": "assistant", "content": "a" })), "agent", false),
        (chat(json!({ "role": "tool", "content": "t" })), "agent", false),
        (chat(user(part("image_url"))), "user", true),
        (responses(user(part("input_text"))), "user", false),
        (responses(json!({ "type": "function_call_output", "output": "o" })), "agent", false),
        (responses(user(part("input_image"))), "user", true),
        (chat(user(part("text"))), "user", false),
        (chat(result(json!("r"))), "agent", false),
        (chat(result(part("image"))), "agent", true),
        (json!("no request"), "user", false),
    ] {
        let file = home.path().join("body.json");
        std::fs::write(&file, body.to_string()).unwrap();
        let from_file = home.pi(["headers", COPILOT, "--body", file.to_str().unwrap()]).run();
        let from_stdin = home.pi(["headers", COPILOT, "--body", "-"]).run_with(&body.to_string());
        for ended in [from_file, from_stdin] {
            let line = format!("\nX-Initiator: {initiator}\n");
            assert!(ended.exits(0).stdout.contains(&line), "{body}: {ended}");
            let has_vision = ended.stdout.contains("\nCopilot-Vision-Request: true\n");
            assert_eq!(has_vision, vision, "{body}: {ended}");
        }
        // Who asks knows better than the body.
        let other = if initiator == "user" { "agent" } else { "user" };
        let words = ["headers", COPILOT, "--body", "-", "--vision", "--initiator", other];
        let ended = home.pi(words).run_with(&body.to_string());
        let end = format!("X-Initiator: {other}\nCopilot-Vision-Request: true\n");
        assert!(ended.exits(0).stdout.ends_with(&end), "{body}: {ended}");
    }
}

#[test]
fn the_base_url_is_the_tokens_or_the_enterprises_or_that_of_individuals() {
    let home = Home::new();
    let individual = "https://api.individual.githubcopilot.com";
    for (token, enterprise, base_url) in [
        ("tid=1;proxy-ep=proxy.business.githubcopilot.com;x=1", None, {
            "https://api.business.githubcopilot.com"
        }),
        ("tid=1;proxy-ep=copilot.githubcopilot.com", None, "https://copilot.githubcopilot.com"),
        ("tid=1;proxy-ep=copilot-api.ghe.example.com", Some("ghe.example.com"), {
            "https://copilot-api.ghe.example.com"
        }),
        ("tid=1;proxy-ep=proxy.ghe.example.com", Some("ghe.example.com"), {
            "https://api.ghe.example.com"
        }),
        ("tid=1;proxy-ep=proxy.eu.ghe.example.com", Some("ghe.example.com"), {
            "https://api.eu.ghe.example.com"
        }),
        ("tid=1;proxy-ep=ghe.example.com", Some("ghe.example.com"), "https://ghe.example.com"),
        ("tid=1;proxy-ep=proxy.evilghe.example.com", Some("ghe.example.com"), {
            "https://copilot-api.ghe.example.com"
        }),
        ("tid=1;proxy-ep=proxy.example.com", Some("ghe.example.com"), {
            "https://copilot-api.ghe.example.com"
        }),
        // Nobody but GitHub and the Enterprise: whoever made the token.
        ("tid=1;proxy-ep=copilot.example.com", None, individual),
        ("tid=1;proxy-ep=proxy.evilgithubcopilot.com", None, individual),
        ("tid=1;proxy-ep=copilot-api.ghe.example.com", None, individual),
        ("tid=1;proxy-ep=proxy.h.example;x", Some("ghe.example.com"), {
            "https://copilot-api.ghe.example.com"
        }),
        ("tid=1;x=1", Some("ghe.example.com"), "https://copilot-api.ghe.example.com"),
        ("tid=1;x=1", None, individual),
        ("tid=1;proxy-ep=evil.example/@x;x=1", None, individual),
        ("tid=1;proxy-ep=;x=1", Some("ghe.example.com"), "https://copilot-api.ghe.example.com"),
    ] {
        let mut login = json!({
            "type": "oauth", "refresh": "r", "access": token, "expires": Age::Fresh.expires(),
        });
        if let Some(domain) = enterprise {
            login["enterpriseUrl"] = domain.into();
        }
        home.write("auth.json", json!({ COPILOT: login }).to_string());
        let ended = home.pi(["headers", COPILOT, "--base-url"]).run();
        ended.exits(0).prints(&format!("{base_url}\n")).is_quiet();
        let ended = home.pi(["headers", COPILOT, "--json"]).run();
        let document: Value = serde_json::from_str(&ended.exits(0).stdout).unwrap();
        assert_eq!(document["base_url"], base_url, "{token}");
    }
}

#[test]
fn versions_and_the_base_url_are_data_that_can_be_changed() {
    let sandbox = sandbox();
    let (home, _) = logged_in(&sandbox, Age::Expired);
    let mut providers: Value = serde_json::from_str(&sandbox.providers_json()).unwrap();
    let newer = [
        ("User-Agent", "GitHubCopilotChat/0.35.0"),
        ("Editor-Version", "vscode/1.107.0"),
        ("Editor-Plugin-Version", "copilot-chat/0.35.0"),
    ];
    for (name, value) in newer {
        providers[COPILOT]["headers"][name] = value.into();
    }
    home.override_providers(&providers.to_string());
    let ended = home.pi(["headers", COPILOT]).run();
    for (name, value) in newer {
        assert!(ended.exits(0).stdout.contains(&format!("{name}: {value}\n")), "{ended}");
        assert_eq!(ended.stdout.matches(&format!("{name}: ")).count(), 1, "{ended}");
        // The exchange carried them as well.
        assert_eq!(sandbox.log()[0].header(&name.to_lowercase()), Some(value));
    }
    assert!(ended.stdout.contains("Copilot-Integration-Id: vscode-chat\n"), "{ended}");
    let elsewhere = json!({ COPILOT: { "api_base_url": "https://proxy.example.com/copilot/" } });
    home.override_providers(&elsewhere.to_string());
    let ended = home.pi(["headers", COPILOT, "--base-url"]).run();
    ended.exits(0).prints("https://proxy.example.com/copilot\n");
}

#[test]
fn anthropic_takes_a_request_with_what_is_printed_for_a_login_and_for_a_key() {
    let sandbox = sandbox();
    let url = || format!("{}/v1/messages", sandbox.base_url());
    let hello = json!({ "model": "m", "max_tokens": 1, "messages": [{ "role": "user" }] });
    let (home, login) = Home::logged_in(&sandbox, Age::Fresh);
    let ended = home.pi(["headers", "anthropic"]).run();
    assert_eq!(
        ended.exits(0).stdout,
        format!(
            "Authorization: Bearer {}\nanthropic-version: 2023-06-01\nanthropic-beta: \
             oauth-2025-04-20\n",
            login.access
        )
    );
    assert_eq!(said(&send(&ended.stdout, url(), &hello)), REPLY);

    let home = Home::at(&sandbox);
    let ended = home.pi(["headers", "anthropic"]).env("ANTHROPIC_API_KEY", ANTHROPIC_API_KEY).run();
    ended
        .exits(0)
        .prints(&format!("x-api-key: {ANTHROPIC_API_KEY}\nanthropic-version: 2023-06-01\n"));
    assert_eq!(said(&send(&ended.stdout, url(), &hello)), REPLY);
    // What only Copilot wants to know is not told to others.
    let words = ["headers", "anthropic", "--initiator", "agent", "--vision"];
    home.pi(words).env("ANTHROPIC_API_KEY", ANTHROPIC_API_KEY).run().prints(&ended.stdout);
    home.pi(["headers", "anthropic", "--base-url"])
        .env("ANTHROPIC_API_KEY", ANTHROPIC_API_KEY)
        .run()
        .exits(0)
        .prints(&format!("{}\n", sandbox.base_url()));
}

#[test]
fn who_is_not_logged_in_or_asks_wrongly_gets_nothing() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    home.pi(["headers", COPILOT]).run().exits(4).prints("").says("pi login github-copilot");
    home.pi(["headers", "anthropic", "--json"]).run().exits(4).prints("");
    home.pi(["headers", "nobody"]).run().exits(2).prints("").says("There is no provider `nobody`.");
    home.pi(["headers"]).run().exits(2).prints("");
    home.pi(["headers", COPILOT, "--initiator", "robot"]).run().exits(2).prints("");
    home.pi(["headers", COPILOT, "--json", "--base-url"]).run().exits(2).prints("");
    assert!(!home.agent_dir().exists());

    let login = sandbox.issue_copilot(GITHUB);
    let stored = json!({ COPILOT: entry(&login, Age::Fresh.expires()) });
    home.write("auth.json", stored.to_string());
    let nowhere = home.path().join("nowhere\u{1b}[2J.json");
    let ended = home.pi(["headers", COPILOT, "--body", nowhere.to_str().unwrap()]).run();
    ended.exits(1).prints("").says("Could not read").says("nowhere[2J.json");
    let directory = home.path().to_str().unwrap();
    home.pi(["headers", COPILOT, "--body", directory]).run().exits(1).prints("");
}
