//! The module as a whole, natively: what both doors lead to.

#![allow(clippy::unwrap_used)]

use pi_auth_wasm::buffers::MAX_BYTES;
use pi_auth_wasm::call::call;
use pi_auth_wasm::module::Module;
use pi_auth_wasm::registry::Registry;
use serde_json::{Value, json};

const STATUS: &str = r#"{"type":"status"}"#;

fn parsed(answer: &str) -> Value {
    serde_json::from_str(answer).unwrap()
}

/// A call that was wrong, and in whose words nothing of it is.
fn assert_problem(answer: &str) {
    let answer = parsed(answer);
    assert_eq!(answer["error"]["code"], "bad_input", "{answer}");
    assert!(answer["error"]["message"].is_string() && answer["error"]["advice"].is_string());
    assert!(answer.get("effect").is_none() && !answer.to_string().contains("canary"), "{answer}");
}

#[test]
fn a_flow_has_a_handle_until_it_ends() {
    let mut registry = Registry::new();
    let first = parsed(&registry.start(STATUS));
    assert_eq!(first["handle"], 1);
    assert_eq!(first["critical"], false);
    assert_eq!(first["effect"]["type"], "read_overrides");
    let read = json!({"type": "overrides_read", "path": "o", "contents": null}).to_string();
    let second = parsed(&registry.step(1, &read, 0));
    assert_eq!((&second["handle"], &second["effect"]["type"]), (&1.into(), &"read_store".into()));
    let read = json!({"type": "store_read", "path": "s", "contents": null}).to_string();
    let last = parsed(&registry.step(1, &read, 0));
    assert_eq!(last["effect"]["type"], "done");
    assert!(last.get("handle").is_none() && registry.is_empty());
    assert_problem(&registry.step(1, &read, 0));
    assert_eq!(parsed(&registry.start(STATUS))["handle"], 2, "a handle is never used twice");
}

#[test]
fn flows_do_not_see_each_other() {
    let mut registry = Registry::new();
    let handles = [(); 3].map(|()| parsed(&registry.start(STATUS))["handle"].as_u64());
    assert_eq!(handles, [Some(1), Some(2), Some(3)]);
    registry.drop(2);
    registry.drop(2);
    registry.drop(0);
    assert_problem(&registry.step(2, r#"{"type":"cancelled"}"#, 0));
    let ended = parsed(&registry.step(1, r#"{"type":"cancelled"}"#, 0));
    assert_eq!(ended["effect"]["error"]["code"], "cancelled");
    assert_eq!(registry.len(), 1);
    assert_eq!(parsed(&registry.step(3, r#"{"type":"cancelled"}"#, 0))["effect"]["type"], "failed");
}

#[test]
fn what_is_no_event_leaves_the_flow_as_it_was() {
    let mut registry = Registry::new();
    registry.start(STATUS);
    for event in
        ["", "{", "[]", "7", r#"{"type":"canary"}"#, r#"{"type":"pasted","text":["canary"]}"#]
    {
        assert_problem(&registry.step(1, event, 0));
    }
    let read = json!({"type": "overrides_read", "path": "o", "contents": null}).to_string();
    assert_eq!(parsed(&registry.step(1, &read, u64::MAX))["effect"]["type"], "read_store");
    let failed = parsed(&registry.step(1, r#"{"type":"woke"}"#, 0));
    assert_eq!(failed["effect"]["error"]["code"], "bad_input", "a wrong event ends it");
    assert!(registry.is_empty());
}

#[test]
fn what_is_no_request_begins_nothing() {
    let mut registry = Registry::new();
    for request in ["", "null", r#"{"type":"canary"}"#, r#"{"type":"token","provider":["canary"]}"#]
    {
        assert_problem(&registry.start(request));
    }
    assert!(registry.is_empty());
}

#[test]
fn questions_by_table() {
    let about = &parsed(&call(r#"{"type":"about"}"#))["value"];
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (&about["max_body_bytes"], &about["max_file_bytes"]),
        (&json!(1 << 20), &json!(1 << 20))
    );
    assert_eq!(
        (&about["lock_touch_every_ms"], &about["lock_patience_ms"]),
        (&json!(2_000), &json!(40_000))
    );
    assert_eq!(
        (&about["migration_looks"], &about["migration_look_every_ms"], &about["buffer_ms"]),
        (&json!(10), &json!(20), &json!(300_000))
    );
    assert!(about["lock_activity"].as_str().unwrap().contains("another pi"), "{about}");
    for (question, expected) in [
        (json!({"type": "is_answered_by", "state": "s", "query": "code=c&state=s"}), json!(true)),
        (json!({"type": "is_answered_by", "state": "s", "query": "code=c&state=t"}), json!(false)),
        (json!({"type": "is_answered_by", "state": "", "query": "code=c"}), json!(false)),
        (
            json!({"type": "is_dead_lock", "age_ms": 31_000, "watched_ms": 2_600, "is_ours": true}),
            json!(true),
        ),
        (
            json!({"type": "is_dead_lock", "age_ms": 31_000, "watched_ms": 2_600, "is_ours": false}),
            json!(false),
        ),
        (json!({"type": "is_migrating", "renamed_ms": 98_000, "now_ms": 100_000}), json!(true)),
        (json!({"type": "is_migrating", "renamed_ms": 97_000, "now_ms": 100_000}), json!(false)),
        (
            json!({"type": "is_allowed_origin", "origins": ["https://*.h.example"],
                "url": "https://a.h.example/x"}),
            json!(true),
        ),
        (
            json!({"type": "is_allowed_origin", "origins": ["https://*.h.example"],
                "url": "https://h.example.evil/"}),
            json!(false),
        ),
        (json!({"type": "plain", "text": "a\u{1b}b\u{202e}"}), json!("ab")),
    ] {
        assert_eq!(parsed(&call(&question.to_string()))["value"], expected, "{question}");
    }
    assert_problem(&call(r#"{"type":"canary"}"#));
}

#[test]
fn only_what_was_lent_is_read() {
    let mut module = Module::new();
    let at = module.buffers.lend(STATUS.len()).unwrap();
    module.buffers.bytes_mut(at).unwrap().copy_from_slice(STATUS.as_bytes());
    for (address, len) in [(0, 1), (at + 1, 1), (at, STATUS.len() + 1), (usize::MAX, usize::MAX)] {
        let (answer, len) = module.start(address, len);
        assert_problem(module.buffers.text(answer, len).unwrap());
        module.buffers.take_back(answer);
    }
    let (answer, len) = module.start(at, STATUS.len());
    assert_eq!(parsed(module.buffers.text(answer, len).unwrap())["handle"], 1);
    module.buffers.take_back(answer);
    module.buffers.take_back(answer);
    module.buffers.bytes_mut(at).unwrap()[0] = 0xff;
    let (answer, len) = module.start(at, STATUS.len());
    assert_problem(module.buffers.text(answer, len).unwrap());
    module.buffers.take_back(answer);
    module.buffers.take_back(at);
    assert!(module.buffers.is_empty());
    assert_eq!(module.buffers.lend(MAX_BYTES + 1), None);
    assert!(module.buffers.lend(0).is_some_and(|at| at != 0));
}
