//! A client written as plainly as can be, whose every parameter a test may get wrong.

use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pi_auth_tests::loopback::{Reply, Request};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{ANTHROPIC_CLIENT_ID, Config, Credential, Kind, Sandbox};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const VERIFIER: &str = "a-verifier.of_43~unreserved-characters-long";
pub(crate) const STATE: &str = "a state & <more>";

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::start(Config::default()).unwrap()
}

/// A good authorization request to the code page, with some parameters replaced; an empty one is
/// left out.
pub(crate) fn authorize_url(sandbox: &Sandbox, replaced: &[(&str, &str)]) -> String {
    let base = sandbox.base_url();
    let redirect_uri = code_page(sandbox);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut parameters = vec![
        ("code", "true"),
        ("client_id", ANTHROPIC_CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", &redirect_uri),
        ("scope", "org:create_api_key user:profile user:inference"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", STATE),
    ];
    for (name, value) in replaced {
        parameters.retain(|(known, _)| known != name);
        if !value.is_empty() {
            parameters.push((name, value));
        }
    }
    url::Url::parse_with_params(&format!("{base}/oauth/authorize"), parameters).unwrap().into()
}

pub(crate) fn code_page(sandbox: &Sandbox) -> String {
    format!("{}/oauth/code/callback", sandbox.base_url())
}

/// Logs in up to the code, by way of the code page.
pub(crate) fn code(sandbox: &Sandbox) -> String {
    match robot::approve(&authorize_url(sandbox, &[])).unwrap() {
        Landing::Code(shown) => shown.strip_suffix(&format!("#{STATE}")).unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The body of a good exchange of this code.
pub(crate) fn exchange_of(sandbox: &Sandbox, code: &str) -> Value {
    json!({
        "grant_type": "authorization_code",
        "client_id": ANTHROPIC_CLIENT_ID,
        "code": code,
        "state": STATE,
        "redirect_uri": code_page(sandbox),
        "code_verifier": VERIFIER,
    })
}

/// The body of a good refresh.
pub(crate) fn refresh_of(refresh_token: &str) -> Value {
    json!({
        "grant_type": "refresh_token",
        "client_id": ANTHROPIC_CLIENT_ID,
        "refresh_token": refresh_token,
    })
}

pub(crate) fn token_request(sandbox: &Sandbox, body: &Value) -> Request {
    Request::post_json(format!("{}/v1/oauth/token", sandbox.base_url()), body)
}

pub(crate) fn post(sandbox: &Sandbox, body: &Value) -> Reply {
    token_request(sandbox, body).send().unwrap()
}

pub(crate) fn refresh(sandbox: &Sandbox, refresh_token: &str) -> Reply {
    post(sandbox, &refresh_of(refresh_token))
}

/// The tokens of an answer that must be good.
pub(crate) fn credential(reply: &Reply) -> Credential {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let document = reply.json();
    assert_eq!(document["token_type"], "Bearer");
    let text = |name: &str| document[name].as_str().unwrap().to_owned();
    Credential {
        access: text("access_token"),
        refresh: text("refresh_token"),
        expires_in: document["expires_in"].as_u64().unwrap(),
        scope: text("scope"),
    }
}

#[track_caller]
pub(crate) fn assert_refused(reply: &Reply, error: &str) {
    assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some(error)));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

/// What happened, without the requests that made it happen.
pub(crate) fn kinds(sandbox: &Sandbox) -> Vec<Kind> {
    sandbox.log().into_iter().map(|entry| entry.kind).collect()
}

/// A port on which nobody else listens now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
