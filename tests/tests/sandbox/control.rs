//! The handle and the control plane: what other tests stand on.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::Method;
use pi_auth_tests::loopback::{Error, Reply, Request};
use pi_auth_tests::sandbox::{
    ANTHROPIC_CLIENT_ID, Config, CopilotAccess, CopilotCredential, Credential, Endpoint, Entry,
    Fault, Kind, Sandbox,
};
use serde_json::{Value, json};

use crate::client::{free_port, refresh, refresh_of, sandbox, token_request};
use crate::device_client::{Device, exchange};

fn control(sandbox: &Sandbox, method: Method, path: &str, body: Option<Value>) -> Reply {
    let request = Request::new(method, format!("{}/_sandbox/{path}", sandbox.base_url()));
    match body {
        Some(body) => request.json(&body).send().unwrap(),
        None => request.send().unwrap(),
    }
}

#[test]
fn the_override_file_points_at_the_sandbox() {
    let sandbox = sandbox();
    let base = sandbox.base_url();
    let expected = json!({
        "anthropic": {
            "authorize_url": format!("{base}/oauth/authorize"),
            "token_url": format!("{base}/v1/oauth/token"),
            "redirect_uri": format!("{base}/oauth/code/callback"),
            "api_base_url": base,
        },
        "github-copilot": {
            "device_authorization_url": format!("{base}/{{domain}}/login/device/code"),
            "token_url": format!("{base}/{{domain}}/login/oauth/access_token"),
            "copilot_token_url": format!("{base}/{{domain}}/copilot_internal/v2/token"),
            "api_base_url": format!("{base}/{{domain}}/copilot"),
        },
    });
    assert_eq!(serde_json::from_str::<Value>(&sandbox.providers_json()).unwrap(), expected);
    assert_eq!(control(&sandbox, Method::GET, "providers", None).json(), expected);
}

#[test]
fn settings_change_while_it_runs_and_a_misspelt_one_is_refused() {
    let sandbox = sandbox();
    let changed = control(&sandbox, Method::PATCH, "settings", Some(json!({ "rotate": false })));
    assert_eq!((changed.status, &changed.json()["rotate"]), (200, &json!(false)));
    assert!(!sandbox.settings().rotate && sandbox.settings().send_refresh_token);
    for wrong in [json!({ "rotat": true }), json!({ "rotate": "yes" }), json!([])] {
        assert_eq!(control(&sandbox, Method::PATCH, "settings", Some(wrong)).status, 400);
    }
    assert!(!sandbox.settings().rotate);
}

#[test]
fn its_clock_may_be_wrong() {
    let sandbox = sandbox();
    let ahead_s = || {
        let answer = control(&sandbox, Method::GET, "settings", None);
        let date = httpdate::parse_http_date(answer.header("date").unwrap()).unwrap();
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        since(date) as i64 - since(SystemTime::now()) as i64
    };
    for set in [0, 3600, -86_400] {
        sandbox.change(|settings| settings.clock_ahead_s = set);
        assert!((ahead_s() - set).abs() <= 2, "{set}: {}", ahead_s());
    }
}

#[test]
fn a_setting_inside_another_changes_alone() {
    let sandbox = sandbox();
    let changes = json!({
        "github": { "interval_s": 1, "proxy_ep": null, "copilot_access": "no_subscription" },
        "delays_ms": { "policy": 30 },
    });
    assert_eq!(control(&sandbox, Method::PATCH, "settings", Some(changes)).status, 200);
    let settings = sandbox.settings();
    assert_eq!((settings.github.interval_s, &settings.github.proxy_ep), (1, &None));
    assert_eq!(settings.github.copilot_access, CopilotAccess::NoSubscription);
    assert_eq!(settings.github.code_lifetime_s, 900);
    assert_eq!(settings.delays_ms, BTreeMap::from([(Endpoint::Policy, 30)]));
    for wrong in [json!({ "github": { "intervals": 1 } }), json!({ "delays_ms": { "moon": 1 } })] {
        assert_eq!(control(&sandbox, Method::PATCH, "settings", Some(wrong)).status, 400);
    }
}

#[test]
fn every_endpoint_has_a_queue_of_faults_of_its_own() {
    let sandbox = sandbox();
    let endpoints = [
        ("token", Endpoint::Token),
        ("messages", Endpoint::Messages),
        ("device_authorization", Endpoint::DeviceAuthorization),
        ("device_poll", Endpoint::DevicePoll),
        ("copilot_token", Endpoint::CopilotToken),
        ("models", Endpoint::Models),
        ("policy", Endpoint::Policy),
        ("chat", Endpoint::Chat),
    ];
    for (number, (name, _)) in endpoints.iter().enumerate() {
        let fault = json!({ "status": { "code": 500 + number } });
        let queued = control(&sandbox, Method::POST, &format!("faults/{name}"), Some(fault));
        assert_eq!(queued.json().as_array().map(Vec::len), Some(1), "{name}");
    }
    for (code, (_, endpoint)) in (500..).zip(endpoints) {
        assert_eq!(sandbox.pending_faults_at(endpoint), [Fault::status(code)]);
    }
    assert_eq!(control(&sandbox, Method::DELETE, "faults/policy", None).status, 204);
    assert_eq!(control(&sandbox, Method::GET, "faults/policy", None).json(), json!([]));
    assert_eq!(
        control(&sandbox, Method::GET, "faults", None).json().as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(control(&sandbox, Method::DELETE, "faults", None).status, 204);
    assert_eq!(sandbox.pending_faults_at(Endpoint::Chat), []);
    assert_eq!(control(&sandbox, Method::POST, "faults/moon", Some(json!("hang"))).status, 400);
}

#[test]
fn every_fault_can_be_queued_over_http_by_its_name() {
    let sandbox = sandbox();
    let list = json!([
        { "status": { "code": 429, "headers": { "Retry-After": "7" } } },
        "html_200",
        "cut_json",
        "empty_200",
        { "oauth_error": { "error": "invalid_grant" } },
        "hang",
        "close",
        "drop_after_grant",
        "wrong_types",
        "oversized",
        { "redirect": { "location": "http://127.0.0.1:9/" } },
        "no_refresh_token",
        { "odd_answer": { "body": "{}" } },
        { "github_error": { "error": "slow_down", "interval_s": 10 } },
    ]);
    assert_eq!(control(&sandbox, Method::POST, "faults", Some(list)).status, 200);
    let one = control(&sandbox, Method::POST, "faults", Some(json!("hang")));
    assert_eq!((one.status, one.json().as_array().map(Vec::len)), (200, Some(15)));
    let pending = sandbox.pending_faults();
    assert_eq!((&pending[0], &pending[14]), (&Fault::rate_limited(7), &Fault::Hang));
    assert_eq!(control(&sandbox, Method::POST, "faults", Some(json!("explode"))).status, 400);
    assert_eq!(control(&sandbox, Method::DELETE, "faults", None).status, 204);
    assert_eq!(control(&sandbox, Method::GET, "faults", None).json(), json!([]));
}

#[test]
fn credentials_are_issued_checked_and_revoked_over_http() {
    let sandbox = sandbox();
    let issued = control(&sandbox, Method::POST, "issue", None);
    let tokens: Credential = serde_json::from_str(&issued.body).unwrap();
    let valid = |token: Value| {
        control(&sandbox, Method::POST, "check", Some(token)).json()["valid"].as_bool().unwrap()
    };
    assert!(valid(json!({ "access": tokens.access })));
    assert!(valid(json!({ "refresh": tokens.refresh })));
    assert!(!valid(json!({ "access": "sk-ant-oat01-other" })));
    assert_eq!(control(&sandbox, Method::POST, "revoke_all", None).status, 204);
    assert!(!valid(json!({ "access": tokens.access })));
}

#[test]
fn logins_at_copilot_are_issued_checked_and_revoked_over_http() {
    let sandbox = sandbox();
    let post = |path: &str, body: Value| control(&sandbox, Method::POST, path, Some(body));
    let valid = |kind: &str, domain: &str, token: &str| {
        let reply = post("check", json!({ kind: { "domain": domain, "token": token } }));
        reply.json()["valid"].as_bool().unwrap()
    };
    let github = post("issue_github", json!({ "domain": "github.com" })).json();
    assert!(valid("github", "github.com", github["token"].as_str().unwrap()));
    let issued = post("issue_copilot", json!({ "domain": "ghe.example.com" }));
    let login: CopilotCredential = serde_json::from_str(&issued.body).unwrap();
    assert!(valid("github", "ghe.example.com", &login.refresh));
    assert!(valid("copilot", "ghe.example.com", &login.access));
    assert!(!valid("copilot", "github.com", &login.access));
    let revoke = |token: &str| post("revoke", json!({ "token": token })).json()["revoked"].clone();
    assert_eq!((revoke(&login.refresh), revoke("other")), (json!(true), json!(false)));
    assert!(!valid("github", "ghe.example.com", &login.refresh));
    assert_eq!(post("issue_github", json!({})).status, 400);
}

#[test]
fn user_codes_and_exchanges_can_be_asked_for_over_http() {
    let sandbox = sandbox();
    let device = Device::new(&sandbox);
    let waiting = json!([{ "domain": "github.com", "user_code": device.text("user_code") }]);
    assert_eq!(control(&sandbox, Method::GET, "user_codes", None).json(), waiting);
    let token = sandbox.issue_github("github.com");
    exchange(&sandbox, "github.com", &token);
    let counted = json!({ "grants": 0, "exchanges": 1 });
    assert_eq!(control(&sandbox, Method::GET, "grants", None).json(), counted);
    device.poll();
    let log = control(&sandbox, Method::GET, "log", None);
    assert_eq!(serde_json::from_str::<Vec<Entry>>(&log.body).unwrap(), sandbox.log());
    let polled = &log.json()[2];
    assert_eq!((&polled["kind"], &polled["interval_s"]), (&json!("polled"), &json!(5)));
    assert_eq!(polled["too_early"], true);
}

#[test]
fn the_log_keeps_what_was_sent_and_reads_the_same_over_http() {
    let sandbox = sandbox();
    let tokens = sandbox.issue();
    let request = token_request(&sandbox, &refresh_of(&tokens.refresh));
    request.header("User-Agent", "pi-auth/0.1").send().unwrap();
    refresh(&sandbox, "unknown");

    let log = sandbox.log();
    assert_eq!(log.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(log[0].kind, Kind::Refreshed);
    assert_eq!(
        (log[0].request.method.as_str(), log[0].request.path.as_str()),
        ("POST", "/v1/oauth/token")
    );
    assert_eq!(log[0].user_agent(), Some("pi-auth/0.1"));
    assert_eq!(log[0].content_type(), Some("application/json"));
    assert_eq!(log[0].field("client_id"), Some(ANTHROPIC_CLIENT_ID));
    assert_eq!(log[0].field("refresh_token"), Some(tokens.refresh.as_str()));
    assert!(matches!(&log[1].kind, Kind::Refused { error, .. } if error == "invalid_grant"));

    let document = control(&sandbox, Method::GET, "log", None);
    assert_eq!(document.json()[0]["kind"], "refreshed");
    assert_eq!(serde_json::from_str::<Vec<Entry>>(&document.body).unwrap(), log);
    let rest = control(&sandbox, Method::GET, "log?after=1", None);
    assert_eq!(serde_json::from_str::<Vec<Entry>>(&rest.body).unwrap(), log[1..]);
    assert_eq!(sandbox.log_after(1, Duration::ZERO), log[1..]);
    assert_eq!(sandbox.log_after(2, Duration::from_millis(20)), []);
    assert_eq!(control(&sandbox, Method::GET, "grants", None).json()["grants"], 1);
}

#[test]
fn a_request_to_nowhere_is_logged() {
    let sandbox = sandbox();
    let url = format!("{}/v1/oauth/tokens", sandbox.base_url());
    assert_eq!(Request::post_json(url, &json!({})).send().unwrap().status, 404);
    let log = sandbox.log();
    assert_eq!(log[0].request.path, "/v1/oauth/tokens");
    assert!(matches!(&log[0].kind, Kind::Refused { error, .. } if error == "not_found"));
}

#[test]
fn it_takes_the_port_it_is_given_and_gives_it_back() {
    let port = free_port();
    for _ in 0..2 {
        let sandbox = Sandbox::start(Config { port, ..Config::default() }).unwrap();
        assert_eq!(sandbox.base_url(), format!("http://127.0.0.1:{port}"));
        assert!(Sandbox::start(Config { port, ..Config::default() }).is_err());
        sandbox.fail_next(Fault::Hang);
        let hanging = token_request(&sandbox, &json!({})).timeout(Duration::from_millis(50));
        assert_eq!(hanging.send().unwrap_err(), Error::TimedOut);
    }
}

#[test]
fn the_client_talks_to_this_machine_only() {
    for elsewhere in ["http://example.com/", "https://localhost/", "ftp://localhost/", "nonsense"] {
        let refused = Request::get(elsewhere).send().unwrap_err();
        assert_eq!(refused, Error::NotLoopback(elsewhere.to_owned()));
    }
}
