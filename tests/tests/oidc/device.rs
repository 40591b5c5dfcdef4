//! The way in by device code (RFC 8628).

use pi_auth_tests::oidc::person::Person;
use pi_auth_tests::oidc::{Kind, Server};
use pi_auth_tests::pi::{Ended, Home, Running, eventually};

use crate::acme::{
    assert_can_go_on, assert_logged_in, device_by_addresses, device_by_issuer, home, log_in,
    tells_no_secret,
};

/// A login that waits for its person: the page to open, and the code to enter there.
fn waiting(home: &Home) -> (Running, String, String) {
    let mut pi = home.pi(["login", "acme", "--no-browser"]).start();
    let url = pi.authorize_url();
    let code = pi.hear("a code", |stderr| {
        let is_code = |word: &&str| {
            let letters =
                |half: &str| half.len() == 4 && half.bytes().all(|it| it.is_ascii_uppercase());
            word.split_once('-').is_some_and(|(one, two)| letters(one) && letters(two))
        };
        stderr.split_whitespace().find(is_code).map(str::to_owned)
    });
    (pi, url, code)
}

/// When the device asked, counted from the moment that it got its code, in milliseconds.
fn polls(server: &Server) -> Vec<u64> {
    let log = server.log();
    let began = log.iter().rfind(|entry| matches!(entry.kind, Kind::DeviceCode { .. })).unwrap();
    let is_poll = |kind: &Kind| match kind {
        Kind::Granted { grant_type, .. } => grant_type.ends_with(":device_code"),
        Kind::Refused { grant_type: Some(it), .. } => it.ends_with(":device_code"),
        _ => false,
    };
    let after = log.iter().filter(|entry| entry.at_ms >= began.at_ms && is_poll(&entry.kind));
    after.map(|entry| entry.at_ms - began.at_ms).collect()
}

/// Returns whether nobody asked again before this many milliseconds were over. What is told is
/// rounded.
#[track_caller]
fn assert_patient(server: &Server, interval_ms: u64) {
    let polls = polls(server);
    let earlier = std::iter::once(0).chain(polls.iter().copied());
    let gaps: Vec<u64> = earlier.zip(&polls).map(|(earlier, poll)| poll - earlier).collect();
    assert!(!gaps.is_empty() && gaps.iter().all(|gap| gap + 1 >= interval_ms), "{gaps:?}");
}

#[track_caller]
fn finish(pi: Running, server: &Server) -> Ended {
    let ended = pi.finish();
    tells_no_secret(&ended, server);
    ended
}

#[test]
fn a_device_asks_every_five_seconds_where_the_server_names_no_interval() {
    let server = Server::start();
    let home = home(&device_by_issuer(&server));
    let (pi, url, code) = waiting(&home);
    // The person takes their time, so that the device has to ask twice.
    eventually("a poll", || (!polls(&server).is_empty()).then_some(()));
    Person::approves().with_code(&code).opens(&url).unwrap();
    finish(pi, &server).exits(0);
    assert_patient(&server, 5000);
    assert_logged_in(&home, &server);
    assert_can_go_on(&home, &server);
}

#[test]
fn a_device_asks_at_the_interval_that_the_server_names() {
    let server = Server::start();
    server.change(|settings| settings.device_interval_s = Some(1));
    for entry in [device_by_issuer(&server), device_by_addresses(&server)] {
        let home = home(&entry);
        let (pi, url, code) = waiting(&home);
        eventually("a poll", || (!polls(&server).is_empty()).then_some(()));
        Person::approves().with_code(&code).opens(&url).unwrap();
        finish(pi, &server).exits(0);
        assert_patient(&server, 1000);
        assert_logged_in(&home, &server);
    }
}

#[test]
fn who_denies_is_not_logged_in() {
    let server = Server::start();
    server.change(|settings| settings.device_interval_s = Some(1));
    let home = home(&device_by_issuer(&server));
    let (pi, url, code) = waiting(&home);
    Person::denies().with_code(&code).opens(&url).unwrap();
    finish(pi, &server).exits(1).prints("");
    assert!(!home.file().exists() || home.entry("acme").is_null(), "{}", home.contents());
    let polls = polls(&server).len();
    assert_eq!(polls, 1, "a no is not asked about again");
}

#[test]
fn a_browser_opens_the_page_with_the_code_in_it() {
    let server = Server::start();
    server.change(|settings| settings.device_interval_s = Some(1));
    let home = home(&device_by_issuer(&server));
    // This person has not seen the code, and could not enter it.
    log_in(&home, &server).exits(0);
    assert_logged_in(&home, &server);
}
