//! Whatever events come, in whatever state: no panic, no half-done promise.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use pi_auth_core::flow::{Effect, Event, Flow, Request};
use pi_auth_core::store::document::Document;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW_MS: u64 = 1_700_000_000_000;

fn file(expires: u64) -> String {
    json!({
        "anthropic": { "type": "oauth", "refresh": "r", "access": "a", "expires": expires },
        "github-copilot": {
            "type": "oauth", "refresh": "r", "access": "a", "expires": expires,
            "enterpriseUrl": "ghe.example.com"
        },
        "acme": { "type": "oauth", "refresh": "r", "access": "a", "expires": expires },
        "foreign": { "type": "api_key", "key": "canary" },
    })
    .to_string()
}

/// Providers of every kind.
const OVERRIDES: &str = r#"{
    "acme": { "flow": "authorization_code", "client_id": "c", "issuer": "https://i" },
    "tv": { "flow": "device_code", "client_id": "c", "token_url": "https://h/t",
        "device_authorization_url": "https://h/d", "revocation_url": "https://h/r" }
}"#;

/// An answer that fits every request.
const ANSWER: &str = r#"{
    "access_token": "n", "refresh_token": "m", "expires_in": 60,
    "token": "proxy-ep=proxy.h", "expires_at": 1700001800,
    "device_code": "d", "user_code": "u", "verification_uri": "https://h/device",
    "issuer": "https://i", "authorization_endpoint": "https://i/a", "token_endpoint": "https://i/t",
    "revocation_endpoint": "https://i/r",
    "data": [{ "id": "m", "model_picker_enabled": true, "policy": { "state": "unconfigured" } }]
}"#;

/// Events of every kind, most of them such as hosts really give.
fn event() -> impl Strategy<Value = Value> {
    let contents = prop_oneof![
        4 => Just(json!(file(NOW_MS - 1))),
        2 => Just(json!(file(NOW_MS - 3_600_000))),
        1 => Just(json!(file(NOW_MS + 3_600_000))),
        1 => Just(Value::Null),
        1 => any::<String>().prop_map(Value::from),
    ];
    let store = contents.prop_map(|contents| {
        json!({
            "type": "store_read", "path": "s", "contents": contents
        })
    });
    let overrides = prop_oneof![
        2 => Just(Value::Null),
        4 => Just(json!(OVERRIDES)),
        1 => any::<String>().prop_map(Value::from),
    ]
    .prop_map(|contents| json!({ "type": "overrides_read", "path": "o", "contents": contents }));
    let body = prop_oneof![
        Just(ANSWER.to_string()),
        Just(r#"{"error":"invalid_grant"}"#.to_string()),
        Just(r#"{"error":"authorization_pending"}"#.to_string()),
        Just(r#"{"error":"slow_down","interval":1e300}"#.to_string()),
        Just(ANSWER.replace('1', "99999999999999999999")),
        any::<String>(),
    ];
    let response = (prop_oneof![Just(200u16), Just(400), any::<u16>()], body)
        .prop_map(|(status, body)| json!({ "type": "response", "status": status, "body": body }));
    prop_oneof![
        6 => store,
        4 => overrides,
        4 => response,
        6 => Just(json!({ "type": "locked" })),
        4 => Just(json!({ "type": "written" })),
        2 => Just(json!({ "type": "lock_lost" })),
        1 => Just(json!({ "type": "lock_timed_out", "path": "l" })),
        1 => Just(json!({ "type": "transport_failed", "failure": "timeout" })),
        1 => Just(json!({ "type": "store_failed", "path": "s", "failure": "no_space" })),
        1 => Just(json!({ "type": "store_failed", "path": "s", "failure": "not_utf8" })),
        1 => any::<Option<String>>().prop_map(|value| json!({ "type": "variable", "value": value })),
        2 => any::<u16>().prop_map(|port| json!({ "type": "listening", "port": port })),
        1 => Just(json!({ "type": "listen_failed" })),
        1 => any::<String>().prop_map(|query| json!({ "type": "callback", "query": query })),
        2 => "[a-z#]{0,9}".prop_map(|text| json!({ "type": "pasted", "text": text })),
        1 => any::<String>().prop_map(|text| json!({ "type": "pasted", "text": text })),
        2 => any::<u8>().prop_map(|index| json!({ "type": "chosen", "index": index % 3 })),
        2 => any::<bool>().prop_map(|yes| json!({ "type": "confirmed", "yes": yes })),
        2 => Just(json!({ "type": "woke" })),
        2 => Just(json!({ "type": "shown" })),
        2 => Just(json!({ "type": "unlocked" })),
        1 => any::<String>().prop_map(|text| json!({ "type": "answered", "text": text })),
        1 => Just(json!({ "type": "answered", "text": "ghe.example.com" })),
        1 => Just(json!({ "type": "input_ended" })),
        1 => Just(json!({ "type": "cancelled" })),
    ]
}

fn request() -> impl Strategy<Value = Value> {
    let provider = prop_oneof![
        Just(json!("anthropic")),
        Just(json!("github-copilot")),
        Just(json!("acme")),
        Just(json!("tv")),
        Just(json!("foreign")),
        Just(Value::Null),
        any::<String>().prop_map(Value::from),
    ];
    let kind = prop_oneof![
        3 => Just("login"), 2 => Just("token"), 1 => Just("headers"), 2 => Just("logout"),
        1 => Just("status")
    ];
    (kind, provider, any::<[bool; 3]>(), any::<u64>()).prop_map(|(kind, provider, flag, ms)| {
        // A token is always of some provider.
        let token_of = if provider.is_null() { json!("anthropic") } else { provider.clone() };
        json!({
            "type": kind,
            "provider": if ["token", "headers"].contains(&kind) { token_of } else { provider },
            "min_validity_ms": ms,
            "paste": flag[0], "no_browser": flag[1], "needs_display": flag[2],
            "all": flag[0], "confirmed": flag[1], "interactive": flag[2],
            "environment": { "DISPLAY": ":0" },
            "entropy": "ab".repeat(64),
        })
    })
}

/// Answers that fit the effect: they lead deep into a flow, where the odd ones then strike.
fn fitting(effect: &Effect) -> Value {
    match effect {
        Effect::ReadOverrides => {
            json!({ "type": "overrides_read", "path": "o", "contents": OVERRIDES })
        }
        Effect::ReadStore | Effect::ProbeStore => json!({
            "type": "store_read", "path": "s", "contents": file(NOW_MS - 3_600_000)
        }),
        Effect::LockStore => json!({ "type": "locked" }),
        Effect::WriteStore { .. } => json!({ "type": "written" }),
        Effect::Http { .. } => json!({
            "type": "response", "status": 200,
            "body": ANSWER
        }),
        Effect::Listen { .. } => json!({ "type": "listening", "port": 1 }),
        Effect::Authorize(_) => {
            json!({ "type": "pasted", "text": "Some-Code_that-is-as-long-as-codes-are" })
        }
        Effect::Select { .. } => json!({ "type": "chosen", "index": 0 }),
        Effect::Confirm { .. } => json!({ "type": "confirmed", "yes": true }),
        Effect::UnlockStore => json!({ "type": "unlocked" }),
        Effect::ShowCode(_) => json!({ "type": "shown" }),
        Effect::Prompt { .. } => json!({ "type": "answered", "text": "" }),
        Effect::ReadBackoff => json!({ "type": "backoff_read", "contents": null }),
        Effect::WriteBackoff { .. } => json!({ "type": "backoff_written" }),
        Effect::ReadVariable { .. } => json!({ "type": "variable", "value": null }),
        _ => json!({ "type": "woke" }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_event_in_any_state(
        request in request(),
        steps in prop::collection::vec((prop::option::weighted(0.3, event()), any::<u64>()), 0..30),
    ) {
        let request: Request = pi_auth_core::json::from_str(&request.to_string()).unwrap();
        let (mut flow, mut effect) = Flow::start(request);
        for (odd, now_ms) in steps {
            let over = matches!(effect, Effect::Done { .. } | Effect::Failed { .. });
            // What a provider acts upon only once is never open to cancellation.
            let once = matches!(&effect, Effect::Http { request, .. }
                if ["grant_type=refresh_token", r#""grant_type":"refresh_token""#,
                    "grant_type=authorization_code", r#""grant_type":"authorization_code""#]
                    .iter().any(|grant| request.body.expose().contains(grant)));
            prop_assert!(!once || flow.is_critical(), "{effect:?}");
            prop_assert!(!over || !flow.is_critical(), "{effect:?}");
            if let Effect::WriteStore { contents, .. } = &effect {
                // A flow was shown a file with this entry, or one it had to refuse.
                let written = Document::parse(Some(contents.expose()));
                prop_assert!(written.is_ok());
            }
            // Everything that reaches a log: Debug of what the host and the flow hold.
            let shown = format!("{flow:?} {effect:?}");
            prop_assert!(!shown.contains("canary"), "{shown}");
            let event = odd.unwrap_or_else(|| fitting(&effect));
            let event: Event = pi_auth_core::json::from_str(&event.to_string()).unwrap();
            effect = flow.step(event, if now_ms % 4 == 0 { now_ms } else { NOW_MS });
            if over {
                prop_assert!(matches!(effect, Effect::Failed { .. }), "{effect:?}");
            }
        }
    }
}
