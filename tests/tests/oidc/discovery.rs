//! Metadata: where they are looked for (RFC 8414, OpenID Connect Discovery), and what is not
//! believed.

use pi_auth_tests::oidc::{Kind, Server};
use pi_auth_tests::pi::Age;
use serde_json::{Value, json};

use crate::acme::{
    assert_can_go_on, assert_logged_in, assert_nothing_came_of_it, by_addresses, by_issuer,
    device_by_issuer, home, log_in, logged_in, tokens,
};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// Where metadata were asked for, and what the answer was.
fn asked(server: &Server) -> Vec<(String, u16)> {
    let of = |kind| match kind {
        Kind::Metadata { path, status } => Some((path, status)),
        _ => None,
    };
    server.kinds().into_iter().filter_map(of).collect()
}

fn pretends(server: &Server, name: &str, value: impl Into<Value>) {
    let member = (name.to_owned(), value.into());
    server.change(|settings| settings.metadata = [member].into_iter().collect());
}

#[test]
fn the_address_of_oauth_is_asked_first_and_the_one_of_openid_where_there_is_none() {
    let server = Server::start();
    log_in(&home(&by_issuer(&server)), &server).exits(0);
    assert_eq!(asked(&server), [(OAUTH.to_owned(), 200)]);

    server.change(|settings| settings.oauth_metadata = false);
    let home = home(&by_issuer(&server));
    log_in(&home, &server).exits(0);
    assert_eq!(asked(&server)[1..], [(OAUTH.to_owned(), 404), (OPENID.to_owned(), 200)]);
    assert_logged_in(&home, &server);
}

#[test]
fn nobody_is_asked_who_has_been_told_every_address() {
    let server = Server::start();
    log_in(&home(&by_addresses(&server)), &server).exits(0);
    assert_eq!(asked(&server), []);
}

#[test]
fn metadata_of_another_issuer_are_refused_before_the_person_is_asked() {
    let server = Server::start();
    for (entry, other) in [
        (by_issuer(&server), "https://other.invalid".to_owned()),
        (device_by_issuer(&server), "https://other.invalid".to_owned()),
        (by_issuer(&server), format!("{}.evil.invalid", server.url())),
        (by_issuer(&server), format!("{}/", server.url())),
    ] {
        pretends(&server, "issuer", other.as_str());
        let home = home(&entry);
        let ended = log_in(&home, &server);
        ended.exits(1).prints("").says(&other).says(server.url());
        assert_nothing_came_of_it(&home, &server);
        assert!(!server.kinds().iter().any(|kind| matches!(kind, Kind::DeviceCode { .. })));
    }
}

#[test]
fn no_refresh_token_is_taken_to_the_endpoint_of_another_issuer() {
    let server = Server::start();
    let (home, old) = logged_in(&server, Age::Expired);
    pretends(&server, "issuer", "https://other.invalid");
    let ended = home.pi(["token", "acme"]).run();
    ended.exits(1).prints("").says("https://other.invalid").says(server.url());
    assert_eq!(tokens(&home), old);
    assert!(!server.kinds().iter().any(|kind| matches!(kind, Kind::Refused { .. })));
    assert_eq!(server.refreshes(), 0);
    assert_can_go_on(&home, &server);
}

#[test]
fn endpoints_are_taken_by_https_and_on_loopback_only() {
    let server = Server::start();
    for endpoint in ["authorization_endpoint", "token_endpoint"] {
        for url in ["http://provider.invalid/x", "ftp://127.0.0.1/x", "/x"] {
            pretends(&server, endpoint, url);
            let home = home(&by_issuer(&server));
            log_in(&home, &server).exits(1).prints("");
            assert_nothing_came_of_it(&home, &server);
        }
        pretends(&server, endpoint, Value::Null);
        let home = home(&by_issuer(&server));
        log_in(&home, &server).exits(1).prints("");
        assert_nothing_came_of_it(&home, &server);
    }
    server.change(|settings| settings.metadata.clear());
    log_in(&home(&by_issuer(&server)), &server).exits(0);
}

#[test]
fn without_metadata_there_is_no_login_and_none_is_lost() {
    let server = Server::start();
    let (full, _) = logged_in(&server, Age::Expired);
    let before = tokens(&full);
    let nobody_home = |settings: &mut pi_auth_tests::oidc::Settings| {
        settings.oauth_metadata = false;
        settings.openid_metadata = false;
    };
    server.change(nobody_home);
    let empty = home(&by_issuer(&server));
    log_in(&empty, &server).exits(1).prints("").says(server.url());
    assert!(!empty.file().exists() || empty.entry("acme") == json!(null));

    full.pi(["token", "acme"]).run().exits(1).prints("");
    assert_eq!(tokens(&full), before);
    assert_eq!(server.refreshes(), 0);

    server.change(|settings| settings.openid_metadata = true);
    log_in(&empty, &server).exits(0);
    assert_logged_in(&empty, &server);
}
