//! What is wrong with the way to the providers: clock, proxy, certificates.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use pi_auth_tests::internet::{Certificate, Internet};
use pi_auth_tests::machine::files::make_fifo;
use pi_auth_tests::pi::{Age, Home, Signal};
use pi_auth_tests::wire::{Script, Wire};
use serde_json::json;

use crate::doctor::{findings, object};
use crate::real_addresses::pi;
use crate::sandbox;

const DOCTOR: [&str; 2] = ["doctor", "--json"];

/// A home that is logged in to Anthropic at this address.
fn home_at(origin: &str) -> Home {
    let home = Home::new();
    let url = format!("{origin}/v1/oauth/token");
    home.override_providers(&json!({ "anthropic": { "token_url": url } }).to_string());
    let login = json!({ "type": "oauth", "refresh": "canary-r", "access": "canary-a" });
    home.write("auth.json", json!({ "anthropic": login }).to_string());
    home
}

#[test]
fn a_clock_that_is_wrong_is_told_by_how_much_and_to_which_side() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    for (ahead_s, expected, says) in [
        (30, &[][..], "The clock agrees with that of 127.0.0.1"),
        (-100, &["clock note"], "2 min ahead of that of 127.0.0.1"),
        (200, &["clock note"], "3 min behind that of 127.0.0.1"),
        (86_400, &["clock problem"], "24 h behind"),
        (-900, &["clock problem"], "15 min ahead"),
    ] {
        sandbox.change(|settings| settings.clock_ahead_s = ahead_s);
        let ended = home.pi(DOCTOR).run();
        assert_eq!(findings(&ended), expected, "{ahead_s}: {ended}");
        ended.exits(i32::from(expected == ["clock problem"]));
        assert!(ended.stdout.contains(says), "{ahead_s}: {ended}");
    }
}

#[test]
fn a_server_is_asked_once_without_anything_secret_and_not_followed() {
    let elsewhere = Wire::of(Script::status(200));
    let location = format!("{}/", elsewhere.url());
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let server = Wire::of(Script::answer(302, &[("Location", &location), ("Date", date)], ""));
    let ended = home_at(&server.url()).pi(DOCTOR).run();
    assert_eq!(findings(&ended), ["clock problem"], "{ended}");
    let requests = server.heard();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert!(request.starts_with("HEAD / HTTP/1.1\r\n"), "{request}");
    assert!(!request.contains("canary") && !request.to_lowercase().contains("authorization"));
    assert_eq!(elsewhere.heard(), [""; 0]);
}

#[test]
fn offline_asks_nobody_and_says_so() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let ended = home.pi(["doctor", "--offline", "--json"]).run();
    ended.exits(0).is_quiet();
    assert_eq!(object(&ended)["left_out"][0]["check"], "network", "{ended}");
    let ended = home.pi(["doctor", "--offline"]).run();
    assert!(ended.stdout.contains("  - No server was asked (--offline)"), "{ended}");
    assert_eq!(sandbox.log(), []);
}

#[test]
fn the_real_addresses_are_asked_through_the_proxy_of_whoever_is_logged_in_or_all() {
    let sandbox = sandbox();
    for (file, hosts) in [
        ("{}", &["api.github.com", "platform.claude.com"][..]),
        (r#"{"anthropic":{"type":"oauth","refresh":"r"}}"#, &["platform.claude.com"]),
        (
            r#"{"github-copilot":{"type":"oauth","refresh":"r","enterpriseUrl":"ghe.example.com"}}"#,
            &["api.ghe.example.com"],
        ),
    ] {
        let internet = Internet::start(&sandbox).unwrap();
        let home = Home::new();
        home.write("auth.json", file);
        let ended = pi(&home, &internet, &DOCTOR).run();
        ended.exits(0);
        assert_eq!(findings(&ended), [""; 0], "{ended}");
        let mut asked = internet.hosts();
        asked.sort();
        assert_eq!(asked, hosts);
        let told = format!("Requests go through the proxy {}", internet.proxy_url());
        assert!(ended.stdout.contains(&told), "{ended}");
    }
}

#[test]
fn a_proxy_that_is_not_there_is_named_without_its_password() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::new();
    home.store(&sandbox.issue(), Age::Fresh.expires());
    let url = format!("http://me:canary@{closed}");
    let ended = pi(&home, &internet, &DOCTOR).env("HTTPS_PROXY", url).run();
    ended.exits(1);
    assert_eq!(findings(&ended), ["network problem"], "{ended}");
    let told = format!("from platform.claude.com: the proxy http://{closed} did not open a way");
    assert!(ended.stdout.contains(&told), "{ended}");
    assert!(!ended.stdout.contains("canary") && !ended.stderr.contains("canary"), "{ended}");
}

#[test]
fn proxy_variables_that_cannot_be_used_are_told_by_their_name() {
    let home = Home::new();
    for (name, value, says) in [
        ("HTTPS_PROXY", "me:canary@ not a url", "HTTPS_PROXY is not the URL of a proxy"),
        ("HTTPS_PROXY", "http://me:canary/x@h:1", "HTTPS_PROXY is not the URL of a proxy"),
        ("HTTPS_PROXY", "http://me:canary#x@h:1", "write / as %2F"),
        ("HTTPS_PROXY", "http://:3128", "HTTPS_PROXY is not the URL of a proxy"),
        ("all_proxy", "socks5://me:canary@h:1080", "all_proxy names a SOCKS proxy"),
    ] {
        let ended = home.pi(["doctor", "--offline"]).env(name, value).run();
        ended.exits(1);
        assert!(ended.stdout.contains(says), "{ended}");
        assert!(!ended.stdout.contains("canary"), "{ended}");
    }
    let ended = home.pi(DOCTOR).env("HTTPS_PROXY", "a b").run();
    assert_eq!(findings(&ended), ["proxy problem"], "{ended}");
    let told = "platform.claude.com and api.github.com cannot be asked before";
    assert!(ended.stdout.contains(told), "nobody is asked past it: {ended}");
    let https = ("HTTPS_PROXY", "http://proxy.invalid:1");
    let exempt = home.pi(["doctor", "--offline"]).env(https.0, https.1);
    let ended = exempt.env("NO_PROXY", "platform.claude.com").run();
    ended.exits(0);
    assert!(ended.stdout.contains("NO_PROXY exempts platform.claude.com"), "{ended}");
    assert!(ended.stdout.contains("through the proxy http://proxy.invalid:1"), "{ended}");
}

#[test]
fn certificates_that_cannot_be_read_or_hold_none_are_told() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let home = Home::new();
    home.store(&sandbox.issue(), Age::Fresh.expires());
    let empty = home.path().join("empty.pem");
    fs::write(&empty, "nothing\n").unwrap();
    let unusable = home.path().join("unusable.pem");
    fs::write(&unusable, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n").unwrap();
    for (path, says) in [
        (unusable, "of which no certificate can be used"),
        ("".into(), "SSL_CERT_FILE is set, but empty."),
        (home.path().join("none.pem"), "which cannot be read"),
        (empty, "in which there is no certificate"),
        (home.path().to_path_buf(), "which cannot be read"),
    ] {
        let ended = pi(&home, &internet, &DOCTOR).env("SSL_CERT_FILE", &path).run();
        ended.exits(1);
        assert_eq!(findings(&ended), ["certificates problem", "network problem"], "{ended}");
        assert!(ended.stdout.contains(says), "{ended}");
    }
    assert_eq!(internet.hosts(), [""; 0], "no request is made");
}

#[test]
fn a_pipe_in_the_place_of_certificates_is_told_and_never_waited_for() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let home = Home::new();
    home.store(&sandbox.issue(), Age::Fresh.expires());
    let directory = home.path().join("certificates");
    fs::create_dir(&directory).unwrap();
    let pipe = directory.join("pipe");
    make_fifo(&pipe);

    let ended = pi(&home, &internet, &DOCTOR).env("SSL_CERT_FILE", &pipe).run();
    ended.exits(1);
    assert_eq!(findings(&ended), ["certificates problem"], "{ended}");
    assert!(ended.stdout.contains("No server can be asked before SSL_CERT_FILE"), "{ended}");
    assert_eq!(internet.hosts(), [""; 0]);

    let ended = pi(&home, &internet, &DOCTOR).env("SSL_CERT_DIR", &directory).run();
    ended.exits(0);
    assert_eq!(findings(&ended), ["certificates note"], "others are trusted: {ended}");
}

#[test]
fn a_certificate_that_is_not_to_be_trusted_is_told() {
    let sandbox = sandbox();
    let home = Home::new();
    home.store(&sandbox.issue(), Age::Fresh.expires());
    for (presented, says, mend) in [
        (Certificate::UnknownAuthority, "an authority that is not trusted (", "SSL_CERT_FILE"),
        (Certificate::Expired, "has expired or is not valid yet (", "Check this machine's clock"),
        (Certificate::OtherName, "for another name (", "other.invalid"),
    ] {
        let internet = Internet::start(&sandbox).unwrap();
        internet.present(presented);
        let ended = pi(&home, &internet, &DOCTOR).run();
        ended.exits(1);
        assert_eq!(findings(&ended), ["network problem"], "{ended}");
        assert!(ended.stdout.contains(says) && ended.stdout.contains(mend), "{ended}");
    }
}

#[test]
fn a_server_that_never_answers_is_given_ten_seconds_and_ctrl_c_ends_it_at_once() {
    let server = Wire::of(Script::new().hang());
    let home = home_at(&server.url());
    let mut interrupted = home.pi(["doctor"]).start();
    let asking = format!("Asking 127.0.0.1:{} for the time...", server.port());
    let waits = |stderr: &str| stderr.find(&asking);
    interrupted.hear("what it waits for", waits);
    interrupted.signal(Signal::INT);
    interrupted.finish().exits(130).prints("");

    let began = Instant::now();
    let ended = home.pi(DOCTOR).run();
    assert!(began.elapsed() > Duration::from_secs(9), "{:?}", began.elapsed());
    ended.exits(1);
    assert_eq!(findings(&ended), ["network problem"], "{ended}");
    assert!(ended.stdout.contains("no answer in time"), "{ended}");
}
