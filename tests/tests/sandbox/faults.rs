//! Each fault does what its name says, once, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use pi_auth_tests::loopback::{Error, Reply};
use pi_auth_tests::pi::PATIENCE;
use pi_auth_tests::sandbox::{Config, Credential, Fault, Kind, Sandbox};
use serde_json::Value;

use crate::client::{
    assert_refused, code, credential, exchange_of, kinds, post, refresh, refresh_of, sandbox,
    token_request,
};

/// Refreshes into a fault that answers, and sees to it that nothing was granted: the same refresh
/// token is good for the next request.
fn refresh_into(fault: Fault) -> Reply {
    let sandbox = sandbox();
    let tokens = sandbox.issue();
    let name = fault.name();
    sandbox.fail_next(fault);
    let reply = refresh(&sandbox, &tokens.refresh);
    assert_eq!(sandbox.grants(), 0);
    credential(&refresh(&sandbox, &tokens.refresh));
    assert_eq!(kinds(&sandbox), [Kind::Fault { name }, Kind::Refreshed]);
    reply
}

/// Refreshes into a fault that gives no answer.
fn no_answer(sandbox: &Sandbox, tokens: &Credential, fault: Fault) -> Error {
    let patience = if fault == Fault::Hang { Duration::from_secs(2) } else { PATIENCE };
    sandbox.fail_next(fault);
    let request = token_request(sandbox, &refresh_of(&tokens.refresh));
    request.timeout(patience).send().unwrap_err()
}

#[test]
fn status_answers_with_that_status_headers_and_body() {
    let reply = refresh_into(Fault::rate_limited(7));
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
    let reply = refresh_into(Fault::Status {
        code: 502,
        headers: BTreeMap::from([("Content-Type".to_owned(), "text/plain".to_owned())]),
        body: "bad gateway".to_owned(),
    });
    assert_eq!((reply.status, reply.body.as_str()), (502, "bad gateway"));
    assert_eq!(reply.header("content-type"), Some("text/plain"));
    assert_eq!(refresh_into(Fault::status(500)).status, 500);
}

#[test]
fn html_200_is_a_web_page() {
    let reply = refresh_into(Fault::Html200);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn cut_json_is_the_beginning_of_a_document() {
    let reply = refresh_into(Fault::CutJson);
    let error = serde_json::from_str::<Value>(&reply.body).unwrap_err();
    assert!(reply.status == 200 && error.is_eof(), "{error}");
}

#[test]
fn empty_200_is_empty() {
    let reply = refresh_into(Fault::Empty200);
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
}

#[test]
fn oauth_error_is_that_error() {
    let reply = refresh_into(Fault::OauthError {
        error: "invalid_grant".to_owned(),
        description: "Refresh token expired".to_owned(),
    });
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["error"], "invalid_grant");
    assert_eq!(reply.json()["error_description"], "Refresh token expired");
}

#[test]
fn wrong_types_has_the_right_names_and_the_wrong_types() {
    let reply = refresh_into(Fault::WrongTypes);
    assert!(reply.status == 200 && reply.json()["access_token"].is_number());
    assert!(reply.json()["refresh_token"].is_object() && reply.json()["expires_in"].is_string());
}

#[test]
fn oversized_is_a_good_document_of_more_than_a_mebibyte() {
    let reply = refresh_into(Fault::Oversized);
    assert!(reply.body.len() > 1024 * 1024);
    assert!(reply.json()["access_token"].is_string());
}

#[test]
fn redirect_asks_for_the_same_body_elsewhere() {
    let reply = refresh_into(Fault::Redirect { location: "http://127.0.0.1:9/x".to_owned() });
    assert_eq!((reply.status, reply.header("location")), (307, Some("http://127.0.0.1:9/x")));
}

#[test]
fn hang_never_answers() {
    let sandbox = sandbox();
    let tokens = sandbox.issue();
    assert_eq!(no_answer(&sandbox, &tokens, Fault::Hang), Error::TimedOut);
    credential(&refresh(&sandbox, &tokens.refresh));
}

#[test]
fn close_drops_the_connection_and_grants_nothing() {
    let sandbox = sandbox();
    let tokens = sandbox.issue();
    let error = no_answer(&sandbox, &tokens, Fault::Close);
    assert!(matches!(error, Error::Failed(_)), "{error}");
    credential(&refresh(&sandbox, &tokens.refresh));
}

#[test]
fn drop_after_grant_rotates_and_drops_the_connection() {
    let sandbox = sandbox();
    let tokens = sandbox.issue();
    let error = no_answer(&sandbox, &tokens, Fault::DropAfterGrant);
    assert!(matches!(error, Error::Failed(_)), "{error}");
    assert_eq!(sandbox.grants(), 1);
    assert_refused(&refresh(&sandbox, &tokens.refresh), "invalid_grant");
    let log = sandbox.log();
    assert_eq!(log[0].request.id, log[1].request.id);
    assert_eq!(
        (&log[0].kind, &log[1].kind),
        (&Kind::Fault { name: "drop_after_grant".to_owned() }, &Kind::Refreshed)
    );
}

#[test]
fn no_refresh_token_leaves_it_out_of_one_answer() {
    let sandbox = sandbox();
    let tokens = sandbox.issue();
    sandbox.fail_next(Fault::NoRefreshToken);
    let reply = refresh(&sandbox, &tokens.refresh);
    assert!(reply.json()["access_token"].is_string() && reply.json()["refresh_token"].is_null());
    credential(&refresh(&sandbox, &tokens.refresh));

    let code = code(&sandbox);
    sandbox.fail_next(Fault::NoRefreshToken);
    let reply = post(&sandbox, &exchange_of(&sandbox, &code));
    assert!(reply.json()["access_token"].is_string() && reply.json()["refresh_token"].is_null());
}

#[test]
fn faults_are_met_in_order_and_spare_the_code() {
    let faults = vec![Fault::status(500), Fault::rate_limited(1)];
    let sandbox = Sandbox::start(Config { faults, ..Config::default() }).unwrap();
    let exchange = exchange_of(&sandbox, &code(&sandbox));
    assert_eq!(post(&sandbox, &exchange).status, 500);
    assert_eq!(sandbox.pending_faults(), [Fault::rate_limited(1)]);
    assert_eq!(post(&sandbox, &exchange).status, 429);
    credential(&post(&sandbox, &exchange));
}
