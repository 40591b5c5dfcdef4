//! Ways in by authorization code: callback, paste; and what must not be one.

use pi_auth_tests::loopback::Request;
use pi_auth_tests::oidc::{CLIENT_ID, Kind, Server};
use pi_auth_tests::pi::{Home, now_ms};
use serde_json::{Value, json};
use url::Url;

use crate::acme::{
    address_bar, assert_can_go_on, assert_logged_in, assert_nothing_came_of_it, by_addresses,
    by_issuer, home, log_in, tells_no_secret, tokens, with, with_person,
};

/// Of a URL, what a query parameter says.
#[track_caller]
fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    found.unwrap_or_else(|| panic!("{url} has no {name}"))
}

/// The same URL with another value for a query parameter.
fn tampered(url: &str, name: &str, value: &str) -> String {
    let mut url = Url::parse(url).unwrap();
    let pairs: Vec<_> = url
        .query_pairs()
        .map(|(key, old)| {
            let new = if key == name { value.to_owned() } else { old.into_owned() };
            (key.into_owned(), new)
        })
        .collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.into()
}

#[test]
fn a_browser_brings_the_code_and_every_command_knows_the_provider() {
    let server = Server::start();
    for entry in [by_issuer(&server), by_addresses(&server)] {
        let refreshes = server.refreshes();
        let entry = with(entry, "api_base_url", "https://api.acme.invalid/v1");
        let home = home(&with(entry, "headers", json!({ "X-Acme-Version": "7" })));
        let began = now_ms();
        log_in(&home, &server).exits(0);
        assert_logged_in(&home, &server);
        let stored = home.entry("acme");
        assert_eq!(stored["type"], "oauth");
        // The buffer of five minutes is taken off once.
        let expected = began + 600_000 - 300_000..=now_ms() + 600_000 - 300_000;
        assert!(expected.contains(&stored["expires"].as_u64().unwrap()), "{stored}");
        assert!(home.contents().contains("\"acme\""));

        let status = home.pi(["status", "--json"]).run();
        status.exits(0).is_quiet();
        tells_no_secret(&status, &server);
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        let key = &status["keys"][0];
        assert_eq!(key["provider"], json!({ "id": "acme", "name": "Acme" }), "{status}");
        assert_eq!((&key["kind"], &key["state"]), (&"oauth".into(), &"ready".into()));

        let access = tokens(&home).access;
        home.pi(["token", "acme"]).run().exits(0).prints(&format!("{access}\n")).is_quiet();
        let headers = home.pi(["headers", "acme", "--json"]).run();
        headers.exits(0).is_quiet();
        for part in [&format!("Bearer {access}"), "X-Acme-Version", "https://api.acme.invalid/v1"] {
            assert!(headers.stdout.contains(part), "{headers}\nlacks {part}");
        }
        assert_eq!(server.refreshes(), refreshes, "it is fresh");
        assert_can_go_on(&home, &server);
    }
}

#[test]
fn the_request_is_what_the_standards_ask_for() {
    let server = Server::start();
    let home = home(&by_issuer(&server));
    let mut pi = home.pi(["login", "acme"]).browser("exit 0").start();
    let url = pi.authorize_url();
    assert!(url.starts_with(&format!("{}/auth?", server.url())), "{url}");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("scope", "openid offline_access"),
        ("code_challenge_method", "S256"),
        ("prompt", "consent"),
    ] {
        assert_eq!(parameter(&url, name), value, "{name}");
    }
    let redirect_uri = Url::parse(&parameter(&url, "redirect_uri")).unwrap();
    assert_eq!(
        (redirect_uri.host_str(), redirect_uri.path()),
        (Some("127.0.0.1"), "/callback/acme")
    );
    assert!(redirect_uri.port().is_some(), "any free one (RFC 8252)");

    Request::get(address_bar(&url)).send().unwrap();
    pi.finish().exits(0);
    assert_logged_in(&home, &server);
}

#[test]
fn the_address_of_the_page_that_did_not_load_is_pasted() {
    let server = Server::start();
    for entry in [by_issuer(&server), by_addresses(&server)] {
        for flag in ["--no-browser", "--paste"] {
            let home = home(&entry);
            let mut pi = home.pi(["login", "acme", flag]).browser("exit 0").start();
            let shown = address_bar(&pi.authorize_url());
            pi.write(&format!("{shown}\n"));
            let ended = pi.finish();
            ended.exits(0);
            tells_no_secret(&ended, &server);
            assert_logged_in(&home, &server);
            assert_can_go_on(&home, &server);
        }
    }
}

#[test]
fn who_denies_is_not_logged_in() {
    let server = Server::start();
    let home = home(&by_issuer(&server));
    with_person(home.pi(["login", "acme"]), "deny").run().exits(1).prints("");
    assert_nothing_came_of_it(&home, &server);
    log_in(&home, &server).exits(0);
}

#[test]
fn an_answer_in_the_name_of_another_issuer_is_refused() {
    let server = Server::start();
    let other = "https://other.invalid";
    let home = home(&by_issuer(&server));
    let refused = |ended: &pi_auth_tests::pi::Ended| {
        ended.exits(1).prints("").says(other);
        assert_nothing_came_of_it(&home, &server);
    };
    let mut pi = home.pi(["login", "acme", "--no-browser"]).start();
    let pasted = tampered(&address_bar(&pi.authorize_url()), "iss", other);
    pi.write(&format!("{pasted}\n"));
    refused(&pi.finish());

    server.change(|settings| settings.callback_iss = Some(other.to_owned()));
    refused(&log_in(&home, &server));
}

#[test]
fn an_answer_without_an_issuer_is_refused_where_the_server_has_promised_one() {
    let server = Server::start();
    server.change(|settings| settings.callback_iss = Some(String::new()));
    let strict = home(&by_issuer(&server));
    log_in(&strict, &server).exits(1).prints("").says(server.url());
    assert_nothing_came_of_it(&strict, &server);

    let home = home(&by_addresses(&server));
    log_in(&home, &server).exits(0);
    assert_logged_in(&home, &server);
}

#[test]
fn an_answer_with_the_state_of_another_login_is_refused() {
    let server = Server::start();
    let home = home(&by_issuer(&server));
    let mut pi = home.pi(["login", "acme", "--no-browser"]).start();
    let pasted = tampered(&address_bar(&pi.authorize_url()), "state", "of-another-login");
    pi.write(&format!("{pasted}\n"));
    pi.finish().exits(1).prints("");
    assert_nothing_came_of_it(&home, &server);
    log_in(&home, &server).exits(0);
}

#[test]
fn what_the_token_endpoint_does_not_take_is_told() {
    let server = Server::start();
    let home = home(&with(by_issuer(&server), "token_request", "json"));
    let ended = log_in(&home, &server);
    ended.exits(1).prints("").says("application/x-www-form-urlencoded");
    assert!(is_empty(&home));
    assert!(matches!(server.kinds().last(), Some(Kind::Refused { .. })), "{:?}", server.kinds());
}

#[test]
fn two_logins_stand_side_by_side() {
    let server = Server::start();
    let home = home(&by_issuer(&server));
    let anthropic = json!({ "type": "oauth", "refresh": "r", "access": "a", "expires": 1 });
    let before = json!({ "anthropic": anthropic, "x": [1] });
    home.write("auth.json", before.to_string());
    log_in(&home, &server).exits(0);
    assert_eq!((home.entry("anthropic"), home.entry("x")), (anthropic, json!([1])));
    assert_logged_in(&home, &server);
}

fn is_empty(home: &Home) -> bool {
    !home.file().exists() || home.entry("acme").is_null()
}
