//! The token endpoint as it is meant to be: PKCE, single use, rotation, revocation.

use std::time::{Duration, Instant};

use pi_auth_tests::loopback::{Error, Request};
use pi_auth_tests::pi::PATIENCE;
use pi_auth_tests::sandbox::{Config, Kind, Sandbox, Settings};
use serde_json::{Value, json};

use crate::client::{
    VERIFIER, assert_refused, code, credential, exchange_of, post, refresh, refresh_of, sandbox,
    token_request,
};

/// What the log says of the last refusal.
fn last_reason(sandbox: &Sandbox) -> String {
    match sandbox.log().pop().unwrap().kind {
        Kind::Refused { description, .. } => description,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_exchange_is_checked_against_the_authorization_request() {
    let sandbox = sandbox();
    let long = "x".repeat(129);
    let wrong = [
        ("code", json!("other"), "invalid_grant", "the code is unknown"),
        ("redirect_uri", json!("http://localhost:53692/callback"), "invalid_grant", "redirect_uri"),
        ("state", json!("other"), "invalid_grant", "the state is not"),
        ("code_verifier", json!("x".repeat(43)), "invalid_grant", "does not match"),
        ("code_verifier", json!("x".repeat(42)), "invalid_grant", "43 to 128"),
        ("code_verifier", json!(long), "invalid_grant", "43 to 128"),
        ("code_verifier", json!(VERIFIER.replace('~', "/")), "invalid_grant", "43 to 128"),
        ("client_id", json!("other"), "invalid_client", "no client is registered"),
        ("grant_type", json!("password"), "unsupported_grant_type", "not offered"),
        ("code_verifier", Value::Null, "invalid_request", "code_verifier is not a string"),
        ("state", json!(""), "invalid_request", "state is missing"),
    ];
    for (name, value, error, reason) in wrong {
        let mut body = exchange_of(&sandbox, &code(&sandbox));
        body[name] = value;
        assert_refused(&post(&sandbox, &body), error);
        assert!(last_reason(&sandbox).contains(reason), "{}", last_reason(&sandbox));
    }
}

#[test]
fn a_code_is_spent_even_by_a_wrong_attempt() {
    let sandbox = sandbox();
    let good = exchange_of(&sandbox, &code(&sandbox));
    let mut wrong = good.clone();
    wrong["redirect_uri"] = json!("http://localhost:53692/callback");
    assert_refused(&post(&sandbox, &wrong), "invalid_grant");
    assert_refused(&post(&sandbox, &good), "invalid_grant");
}

#[test]
fn a_code_used_twice_revokes_what_it_was_exchanged_for() {
    let sandbox = sandbox();
    let exchange = exchange_of(&sandbox, &code(&sandbox));
    let tokens = credential(&post(&sandbox, &exchange));
    assert!(sandbox.is_valid_access(&tokens.access));
    assert_refused(&post(&sandbox, &exchange), "invalid_grant");
    assert!(!sandbox.is_valid_access(&tokens.access));
    assert_refused(&refresh(&sandbox, &tokens.refresh), "invalid_grant");
    assert!(sandbox.log().iter().any(|entry| matches!(entry.kind, Kind::Revoked { .. })));
}

#[test]
fn a_code_expires() {
    let sandbox = sandbox();
    sandbox.change(|settings| settings.code_lifetime_s = 0);
    let code = code(&sandbox);
    assert_refused(&post(&sandbox, &exchange_of(&sandbox, &code)), "invalid_grant");
    assert_eq!(last_reason(&sandbox), "the code has expired");
}

#[test]
fn an_access_token_expires() {
    let sandbox = sandbox();
    let lasting = sandbox.issue();
    sandbox.change(|settings| settings.access_lifetime_s = 0);
    let expired = credential(&refresh(&sandbox, &lasting.refresh));
    assert_eq!(expired.expires_in, 0);
    assert!(!sandbox.is_valid_access(&expired.access));
    assert!(sandbox.is_valid_access(&lasting.access));
    sandbox.change(|settings| settings.access_lifetime_s = u64::MAX);
    let endless = credential(&refresh(&sandbox, &expired.refresh));
    assert_eq!(endless.expires_in, u64::MAX);
    assert!(sandbox.is_valid_access(&endless.access));
}

#[test]
fn a_refresh_rotates_and_is_counted() {
    let sandbox = sandbox();
    let first = sandbox.issue();
    let second = credential(&refresh(&sandbox, &first.refresh));
    let third = credential(&refresh(&sandbox, &second.refresh));
    assert_ne!(first.refresh, second.refresh);
    assert!(sandbox.is_valid_access(&third.access) && sandbox.is_valid_refresh(&third.refresh));
    assert!(!sandbox.is_valid_refresh(&second.refresh));
    assert_eq!(sandbox.grants(), 2);
}

#[test]
fn a_rotated_out_refresh_token_used_again_revokes_the_whole_family_and_no_other() {
    let sandbox = sandbox();
    let (first, stranger) = (sandbox.issue(), sandbox.issue());
    let second = credential(&refresh(&sandbox, &first.refresh));
    assert_refused(&refresh(&sandbox, &first.refresh), "invalid_grant");
    assert_refused(&refresh(&sandbox, &second.refresh), "invalid_grant");
    assert!(!sandbox.is_valid_access(&first.access) && !sandbox.is_valid_access(&second.access));
    assert!(sandbox.is_valid_access(&stranger.access));
    assert_eq!(sandbox.grants(), 1);
}

#[test]
fn without_rotation_the_same_refresh_token_stays_good() {
    let settings = Settings { rotate: false, ..Settings::default() };
    let sandbox = Sandbox::start(Config { settings, ..Config::default() }).unwrap();
    let first = sandbox.issue();
    let second = credential(&refresh(&sandbox, &first.refresh));
    assert_eq!(first.refresh, second.refresh);
    assert_ne!(first.access, second.access);
    assert!(sandbox.is_valid_refresh(&second.refresh));
}

#[test]
fn an_answer_without_a_refresh_token_leaves_the_old_one_good() {
    let sandbox = sandbox();
    sandbox.change(|settings| settings.send_refresh_token = false);
    let tokens = sandbox.issue();
    for _ in 0..2 {
        let reply = refresh(&sandbox, &tokens.refresh);
        assert_eq!((reply.status, &reply.json()["refresh_token"]), (200, &Value::Null));
    }
}

#[test]
fn a_scope_in_a_refresh_is_refused_and_costs_nothing() {
    let sandbox = sandbox();
    let tokens = sandbox.issue();
    let mut body = refresh_of(&tokens.refresh);
    body["scope"] = json!(tokens.scope);
    assert_refused(&post(&sandbox, &body), "invalid_scope");
    credential(&refresh(&sandbox, &tokens.refresh));
}

#[test]
fn a_form_body_is_refused_and_so_is_json_that_calls_itself_one() {
    let sandbox = sandbox();
    let url = format!("{}/v1/oauth/token", sandbox.base_url());
    let tokens = sandbox.issue();
    let body = refresh_of(&tokens.refresh);
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    let fields = ["grant_type", "client_id", "refresh_token"].map(|name| (name, text(name)));
    let form = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_refused(&Request::post_form(&url, &form).send().unwrap(), "invalid_request");
    let mislabelled = Request::post_form(&url, &[]).body(body.to_string());
    assert_refused(&mislabelled.send().unwrap(), "invalid_request");
    assert_refused(&post(&sandbox, &json!([])), "invalid_request");

    let log = sandbox.log();
    assert_eq!(log[0].content_type(), Some("application/x-www-form-urlencoded"));
    assert_eq!(log[0].field("refresh_token"), Some(tokens.refresh.as_str()));
    assert!(sandbox.is_valid_refresh(&tokens.refresh));
}

#[test]
fn revoke_all_ends_every_login() {
    let sandbox = sandbox();
    let tokens = sandbox.issue();
    sandbox.revoke_all();
    assert!(!sandbox.is_valid_access(&tokens.access));
    assert_refused(&refresh(&sandbox, &tokens.refresh), "invalid_grant");
}

#[test]
fn a_delayed_answer_was_granted_at_once() {
    let sandbox = sandbox();
    let tokens = sandbox.issue();
    sandbox.change(|settings| settings.token_delay_ms = 500);
    let body = refresh_of(&tokens.refresh);
    let hasty = token_request(&sandbox, &body).timeout(Duration::from_millis(250)).send();
    assert_eq!(hasty.unwrap_err(), Error::TimedOut);
    assert_eq!(sandbox.log_after(0, PATIENCE)[0].kind, Kind::Refreshed);
    let begun = Instant::now();
    assert_refused(&refresh(&sandbox, &tokens.refresh), "invalid_grant");
    assert!(begun.elapsed() >= Duration::from_millis(500));
}
