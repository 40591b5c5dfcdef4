//! Anthropic's messages: something to spend a token on.

use pi_auth_tests::loopback::{Reply, Request};
use pi_auth_tests::sandbox::{ANTHROPIC_API_KEY, Endpoint, Fault, Kind, REPLY, Sandbox};
use serde_json::{Value, json};

use crate::client::{kinds, sandbox};

const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");
const BETA: (&str, &str) = ("anthropic-beta", "fine-grained, oauth-2025-04-20");
const API_KEY: (&str, &str) = ("x-api-key", ANTHROPIC_API_KEY);

fn send(sandbox: &Sandbox, body: &Value, headers: &[(&str, &str)]) -> Reply {
    let request = Request::post_json(format!("{}/v1/messages", sandbox.base_url()), body);
    let add = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
    headers.iter().fold(request, add).send().unwrap()
}

fn message() -> Value {
    json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": [{ "role": "user", "content": "Hello" }],
    })
}

#[test]
fn a_message_needs_a_token_with_its_beta_or_an_api_key() {
    let sandbox = sandbox();
    let (login, revoked) = (sandbox.issue(), sandbox.issue());
    assert!(sandbox.revoke(&revoked.refresh) && !sandbox.is_valid_access(&revoked.access));
    let bearer = |token: &str| format!("Bearer {token}");
    let (good, gone) = (bearer(&login.access), bearer(&revoked.access));
    let (refresh, key) = (bearer(&login.refresh), bearer(ANTHROPIC_API_KEY));
    let with = |value: &'static str| ("x-api-key", value);
    let cases: [(&[(&str, &str)], u16); 10] = [
        (&[VERSION, BETA, ("Authorization", &good)], 200),
        (&[VERSION, API_KEY], 200),
        (&[VERSION, ("Authorization", &good)], 401),
        (&[VERSION, ("anthropic-beta", "oauth-2025"), ("Authorization", &good)], 401),
        (&[VERSION, BETA, ("Authorization", &gone)], 401),
        (&[VERSION, BETA, ("Authorization", &refresh)], 401),
        (&[VERSION, BETA, ("Authorization", &key)], 401),
        (&[VERSION, BETA, with("sk-ant-api03-other")], 401),
        (&[VERSION, BETA], 401),
        (&[API_KEY], 400),
    ];
    for (headers, status) in cases {
        let reply = send(&sandbox, &message(), headers);
        assert_eq!(reply.status, status, "{headers:?}: {}", reply.body);
        if status != 200 {
            let kind = if status == 401 { "authentication_error" } else { "invalid_request_error" };
            assert_eq!(reply.json()["error"]["type"], kind);
        }
    }
    assert_eq!(kinds(&sandbox).iter().filter(|it| **it == Kind::MessageAnswered).count(), 2);
}

#[test]
fn the_answer_is_a_message() {
    let sandbox = sandbox();
    let reply = send(&sandbox, &message(), &[VERSION, API_KEY]).json();
    assert_eq!((&reply["type"], &reply["role"]), (&json!("message"), &json!("assistant")));
    assert_eq!(reply["content"], json!([{ "type": "text", "text": REPLY }]));
    assert_eq!((&reply["model"], &reply["stop_reason"]), (&message()["model"], &json!("end_turn")));
    for name in ["model", "max_tokens", "messages"] {
        let mut body = message();
        body[name] = Value::Null;
        assert_eq!(send(&sandbox, &body, &[VERSION, API_KEY]).status, 400, "{name}");
    }
}

#[test]
fn the_answer_can_be_streamed() {
    let sandbox = sandbox();
    let mut body = message();
    body["stream"] = json!(true);
    let reply = send(&sandbox, &body, &[VERSION, API_KEY]);
    assert_eq!(reply.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let events: Vec<(String, Value)> = reply
        .body
        .split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let name = name.strip_prefix("event: ").unwrap().to_owned();
            (name, serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap())
        })
        .collect();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected);
    assert!(events.iter().all(|(name, data)| data["type"] == *name));
    assert_eq!(events[0].1["message"]["content"], json!([]));
    assert_eq!(events[2].1["delta"], json!({ "type": "text_delta", "text": REPLY }));
    assert_eq!(events[4].1["delta"]["stop_reason"], "end_turn");
}

#[test]
fn messages_have_faults_of_their_own() {
    let sandbox = sandbox();
    sandbox.fail_next_at(Endpoint::Messages, [Fault::status(529)]);
    assert_eq!(send(&sandbox, &message(), &[VERSION, API_KEY]).status, 529);
    assert_eq!(send(&sandbox, &message(), &[VERSION, API_KEY]).status, 200);
}
