//! Copilot's chat: something to spend a token on.

use pi_auth_tests::loopback::{Reply, Request};
use pi_auth_tests::sandbox::{Kind, REPLY, Sandbox};
use serde_json::{Value, json};

use crate::client::{kinds, sandbox};
use crate::device_client::{DOMAIN, dressed};

/// A chat request that is good but for what the test puts in.
pub(crate) fn chat(sandbox: &Sandbox, token: &str, changes: Value, more: &[(&str, &str)]) -> Reply {
    let mut body =
        json!({ "model": "gpt-4.1", "messages": [{ "role": "user", "content": "Hello" }] });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    let url = format!("{}/{DOMAIN}/copilot/chat/completions", sandbox.base_url());
    let request = dressed(Request::post_json(url, &body), token)
        .header("Openai-Intent", "conversation-edits")
        .header("X-Initiator", "user");
    let add = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
    more.iter().fold(request, add).send().unwrap()
}

#[test]
fn the_chat_answers_as_openai_does() {
    let sandbox = sandbox();
    let token = sandbox.issue_copilot(DOMAIN).access;
    let whole = chat(&sandbox, &token, json!({}), &[]).json();
    assert_eq!(whole["choices"][0]["message"]["content"], REPLY);
    let streamed = chat(&sandbox, &token, json!({ "stream": true }), &[]);
    assert_eq!(streamed.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let events: Vec<&str> = streamed
        .body
        .split_terminator("\n\n")
        .map(|it| it.strip_prefix("data: ").unwrap())
        .collect();
    let first: Value = serde_json::from_str(events[0]).unwrap();
    let second: Value = serde_json::from_str(events[1]).unwrap();
    assert_eq!(first["choices"][0]["delta"]["content"], REPLY);
    assert_eq!(second["choices"][0]["finish_reason"], "stop");
    assert_eq!(events[2..], ["[DONE]"]);
    assert_eq!(kinds(&sandbox), [Kind::ChatAnswered, Kind::ChatAnswered]);
    assert_eq!(sandbox.log()[0].header("x-initiator"), Some("user"));
}

#[test]
fn an_image_needs_the_vision_header() {
    let sandbox = sandbox();
    let token = sandbox.issue_copilot(DOMAIN).access;
    let image = json!({ "messages": [{ "role": "user", "content": [
        { "type": "text", "text": "What is this?" },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } },
    ]}]});
    let status = |body: &Value, headers: &[(&str, &str)]| {
        chat(&sandbox, &token, body.clone(), headers).status
    };
    assert_eq!(status(&image, &[]), 400);
    assert_eq!(status(&image, &[("Copilot-Vision-Request", "true")]), 200);
    assert_eq!(status(&json!({}), &[("Copilot-Vision-Request", "false")]), 400);
    assert_eq!(status(&json!({ "messages": [] }), &[]), 400);
}
