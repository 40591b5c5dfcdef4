//! Refreshes with rotation, and what becomes of a login without a lock.

use pi_auth_tests::oidc::{Kind, Server, Tokens};
use pi_auth_tests::pi::{Age, Ended, Home, Running};

use crate::acme::{
    age, assert_can_go_on, assert_logged_in, by_addresses, by_issuer, home, log_in, logged_in,
    store, tells_no_secret, tokens, with,
};

fn many(home: &Home, count: usize) -> Vec<Running> {
    (0..count).map(|_| home.pi(["token", "acme"]).start()).collect()
}

fn finish(all: Vec<Running>) -> Vec<Ended> {
    all.into_iter().map(Running::finish).collect()
}

#[test]
fn an_expired_token_is_refreshed_once_and_rotates() {
    let server = Server::start();
    for (number, entry) in [by_issuer(&server), by_addresses(&server)].iter().enumerate() {
        let home = home(entry);
        log_in(&home, &server).exits(0);
        let old = tokens(&home);
        age(&home, Age::Expired);
        let ended = home.pi(["token", "acme"]).run();
        ended.exits(0).is_quiet();
        let new = tokens(&home);
        assert_eq!(ended.stdout, format!("{}\n", new.access));
        assert!(new.access != old.access && new.refresh != old.refresh);
        assert_logged_in(&home, &server);

        home.pi(["token", "acme"]).run().exits(0).prints(&ended.stdout).is_quiet();
        assert_eq!(server.refreshes(), 1 + 2 * number);
        // One more, on the server's side of it.
        assert_can_go_on(&home, &server);
    }
}

#[test]
fn fifty_processes_make_one_refresh_and_the_login_lives_on() {
    let server = Server::start();
    let (home, old) = logged_in(&server, Age::Expired);
    // Long enough for all of them to be there before the answer is.
    server.change(|settings| settings.token_delay_ms = 1500);
    let all = finish(many(&home, 50));
    let new = tokens(&home);
    assert_ne!(new.access, old.access);
    for ended in &all {
        ended.exits(0).prints(&format!("{}\n", new.access));
    }
    assert_eq!(server.refreshes(), 1);
    assert_eq!(server.families_revoked(), [""; 0]);
    assert_logged_in(&home, &server);
    assert_can_go_on(&home, &server);
}

/// What the lock is for. Each of these has a file of its own, so that no lock is between them.
#[test]
fn without_a_lock_between_them_they_lose_the_login() {
    let server = Server::start();
    let tokens = server.log_in();
    let homes: Vec<Home> = (0..10).map(|_| home(&by_issuer(&server))).collect();
    for home in &homes {
        store(home, &tokens, Age::Expired);
    }
    let all: Vec<Running> = homes.iter().flat_map(|home| many(home, 1)).collect();
    let losers = finish(all).iter().filter(|ended| ended.code() == Some(4)).count();
    assert!(losers > 0, "each but the first was told to log in anew");
    assert!(!server.families_revoked().is_empty());
    let granted = server.kinds().into_iter().filter_map(|kind| match kind {
        Kind::Granted { access_token: access, refresh_token: Some(refresh), .. } => {
            Some(Tokens { access, refresh })
        }
        _ => None,
    });
    for winner in granted {
        assert!(!server.accepts(&winner.access), "even who was first is logged out");
        assert_eq!(server.refresh(&winner.refresh).status, 400);
    }
}

#[test]
fn a_token_that_lives_for_a_minute_is_got_by_all_and_loses_nothing() {
    let server = Server::start();
    let (home, _) = logged_in(&server, Age::Expired);
    server.change(|settings| settings.access_lifetime_s = 60);
    for ended in finish(many(&home, 10)) {
        ended.exits(0);
        assert!(server.accepts(ended.stdout.trim_end()), "{ended}");
    }
    assert_eq!(server.families_revoked(), [""; 0]);
    assert_can_go_on(&home, &server);
}

#[test]
fn a_login_that_the_server_has_ended_is_kept_and_a_new_one_is_due() {
    let server = Server::start();
    let (home, old) = logged_in(&server, Age::Expired);
    assert_eq!(server.revoke(&old.refresh).status, 200);
    let ended = home.pi(["token", "acme"]).run();
    ended.exits(4).prints("").says("pi login acme");
    tells_no_secret(&ended, &server);
    assert_eq!(tokens(&home), old);

    log_in(&home, &server).exits(0);
    home.pi(["token", "acme"]).run().exits(0).is_quiet();
    assert_logged_in(&home, &server);
}

#[test]
fn a_login_without_a_refresh_token_lasts_as_long_as_its_token() {
    let server = Server::start();
    let home = home(&with(by_issuer(&server), "scopes", vec!["openid"]));
    log_in(&home, &server).exits(0);
    let access = tokens(&home).access;
    home.pi(["token", "acme"]).run().exits(0).prints(&format!("{access}\n"));
    age(&home, Age::Expired);
    home.pi(["token", "acme"]).run().exits(4).prints("").says("pi login acme");
    let asked = |kind: &Kind| matches!(kind, Kind::Refused { .. });
    assert!(!server.kinds().iter().any(asked), "there is nothing to ask with");
    assert_eq!(tokens(&home).access, access);
}
