//! Ways out, with the server's word for it (RFC 7009) and without.

use pi_auth_tests::oidc::{Kind, Server};
use pi_auth_tests::pi::{Age, Ended, Home};
use serde_json::Value;

use crate::acme::{
    by_addresses, by_issuer, home, log_in, logged_in, store, tells_no_secret, tokens, with,
};

/// What was said, wherever.
fn said(ended: &Ended) -> String {
    format!("{}{}", ended.stdout, ended.stderr)
}

#[track_caller]
fn assert_logged_out(home: &Home) {
    assert_eq!(home.entry("acme"), Value::Null);
    home.pi(["token", "acme"]).run().exits(4).prints("");
}

fn revocations(server: &Server) -> Vec<u16> {
    let of = |kind| if let Kind::Revocation { status, .. } = kind { Some(status) } else { None };
    server.kinds().into_iter().filter_map(of).collect()
}

#[test]
fn a_logout_ends_the_login_at_the_server_too_and_says_so() {
    let server = Server::start();
    for arguments in [&["logout", "acme"][..], &["logout", "--all", "--yes"]] {
        for age in [Age::Fresh, Age::Expired] {
            let (home, tokens) = logged_in(&server, age);
            let ended = home.pi(arguments).run();
            ended.exits(0);
            tells_no_secret(&ended, &server);
            assert!(said(&ended).contains("confirmed"), "{ended}");
            assert!(!said(&ended).contains("not confirmed"), "{ended}");
            assert_logged_out(&home);
            assert!(!server.accepts(&tokens.access));
            assert_eq!(server.refresh(&tokens.refresh).status, 400);
        }
    }
    assert_eq!(revocations(&server), [200; 4]);
    assert_eq!(server.refreshes(), 0, "nobody refreshes to log out");
}

#[test]
fn a_logout_that_the_server_does_not_confirm_is_one_all_the_same() {
    let server = Server::start();
    for status in [400, 404, 500, 503] {
        server.change(|settings| settings.revocation_status = Some(status));
        let (home, _) = logged_in(&server, Age::Fresh);
        let ended = home.pi(["logout", "acme"]).run();
        ended.exits(0);
        tells_no_secret(&ended, &server);
        assert!(said(&ended).contains("not confirmed"), "{ended}");
        assert_logged_out(&home);
    }
}

#[test]
fn a_logout_works_where_nobody_can_be_reached() {
    let server = Server::start();
    let (home, _) = logged_in(&server, Age::Fresh);
    drop(server);
    let ended = home.pi(["logout", "acme"]).run();
    ended.exits(0);
    assert!(said(&ended).contains("not confirmed"), "{ended}");
    assert_eq!(home.entry("acme"), Value::Null);
}

#[test]
fn a_logout_needs_no_endpoint_for_it() {
    let server = Server::start();
    let mut entry = by_addresses(&server);
    entry.as_object_mut().unwrap().remove("revocation_url");
    let home = home(&entry);
    let tokens = server.log_in();
    store(&home, &tokens, Age::Fresh);
    home.pi(["logout", "acme"]).run().exits(0);
    assert_logged_out(&home);
    assert_eq!(revocations(&server), [0; 0]);
    assert!(server.accepts(&tokens.access));
}

#[test]
fn a_login_without_a_refresh_token_is_ended_by_its_access_token() {
    let server = Server::start();
    let home = home(&with(by_issuer(&server), "scopes", vec!["openid"]));
    log_in(&home, &server).exits(0);
    let access = tokens(&home).access;
    let ended = home.pi(["logout", "acme"]).run();
    ended.exits(0);
    assert!(said(&ended).contains("confirmed"), "{ended}");
    assert!(!server.accepts(&access), "it was the only one to revoke");
    assert_logged_out(&home);
}
