//! The proxy that the variables name, and no way past it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use pi_auth_tests::canary;
use pi_auth_tests::internet::Internet;
use pi_auth_tests::pi::{Age, Ended, Home};
use pi_auth_tests::wire::{Script, Wire};
use serde_json::json;

use crate::copilot::quick;
use crate::login;
use crate::real_addresses::pi;

const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A password of nobody.
const PASSWORD: &str = "pr0xy-pAssw0rd-of-nobody";

#[test]
fn a_proxy_is_asked_for_a_tunnel_under_each_of_its_variables() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let home = Home::new();
    for (number, variable) in VARIABLES.into_iter().enumerate() {
        home.store(&sandbox.issue(), Age::Expired.expires());
        let pi = pi(&home, &internet, &["token", "anthropic"]).env_remove("HTTPS_PROXY");
        pi.env(variable, internet.proxy_url()).run().exits(0).is_quiet();
        login::assert_logged_in(&home, &sandbox);
        assert_eq!(internet.hosts(), vec!["platform.claude.com"; number + 1], "{variable}");
    }
    assert_eq!(internet.credentials(), [""; 0]);
}

#[test]
fn one_for_https_wins_over_one_for_all_and_an_empty_one_is_none() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let other = Wire::of(Script::status(502));
    let home = Home::new();
    for variables in [
        &[("HTTPS_PROXY", internet.proxy_url()), ("ALL_PROXY", other.url())][..],
        &[("HTTPS_PROXY", String::new()), ("https_proxy", internet.proxy_url())],
        &[("HTTPS_PROXY", String::new()), ("ALL_PROXY", internet.proxy_url())],
        // Plain http is for this machine alone.
        &[
            ("HTTPS_PROXY", internet.proxy_url()),
            ("HTTP_PROXY", other.url()),
            ("http_proxy", other.url()),
        ],
    ] {
        home.store(&sandbox.issue(), Age::Expired.expires());
        let mut pi = pi(&home, &internet, &["token", "anthropic"]).env_remove("HTTPS_PROXY");
        for (name, value) in variables {
            pi = pi.env(name, value);
        }
        pi.run().exits(0);
    }
    assert_eq!(other.heard(), [""; 0]);
}

#[test]
fn its_password_is_for_the_proxy_alone() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let home = Home::new();
    home.store(&sandbox.issue(), Age::Expired.expires());
    let with_password = internet.proxy_url().replace("//", &format!("//user:{PASSWORD}%40@"));
    let pi = pi(&home, &internet, &["token", "anthropic"]).env("HTTPS_PROXY", with_password);
    pi.talkative().run().exits(0).is_quiet();
    let basic = base64(&format!("user:{PASSWORD}@"));
    assert_eq!(internet.credentials(), [format!("Basic {basic}")]);
    for entry in sandbox.log() {
        assert_eq!(entry.header("proxy-authorization"), None);
        assert!(!format!("{entry:?}").contains(&basic), "{entry:?}");
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn a_proxy_that_opens_no_way_is_named_without_its_password() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let answers = [
        (
            "407",
            Script::answer(407, &[("Proxy-Authenticate", "Basic realm=\"\u{1b}[31mx\"")], "no"),
        ),
        ("403", Script::status(403)),
        ("502", Script::status(502)),
        ("a redirect", Script::answer(302, &[("Location", "http://127.0.0.1:1/")], "")),
        ("garbage", Script::new().send("SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        (
            "headers without an end",
            Script::new()
                .send("HTTP/1.1 200 OK\r\n")
                .endlessly("x: y\r\n".repeat(99), Duration::ZERO),
        ),
        ("hung up on", Script::new()),
        ("a reset", Script::new().reset()),
        ("no answer", Script::new().hang()),
        (
            "an answer, a byte a second",
            Script::new().send("HTTP/1.1 2").endlessly("0", Duration::from_secs(1)),
        ),
    ];
    let began = Instant::now();
    let wires: Vec<_> =
        answers.into_iter().map(|(name, script)| (name, Wire::of(script))).collect();
    let runs: Vec<_> = wires
        .iter()
        .map(|(name, wire)| (*name, wire.port()))
        .chain([("not there", closed)])
        .map(|(name, port)| {
            let home = Home::new();
            home.store(&sandbox.issue(), Age::Expired.expires());
            let pi = pi(&home, &internet, &["token", "anthropic"]);
            let proxy = format!("http://user:{PASSWORD}@127.0.0.1:{port}");
            let running = pi.env("HTTPS_PROXY", proxy).talkative().start();
            (name, port, home, running)
        })
        .collect();
    for (name, port, home, running) in runs {
        let before = home.contents();
        let ended = running.finish();
        let words = format!("the proxy http://127.0.0.1:{port} did not open a way to it");
        assert!(ended.stderr.contains(&words), "{name}: {ended}");
        ended.exits(1).prints("").says("Your login is kept.").says("NO_PROXY");
        assert_eq!(home.contents(), before, "{name}");
        let remembered = home.names().iter().any(|name| name.ends_with(".backoff"));
        assert!(!remembered, "{name}: who mends it need not wait");
    }
    let took = began.elapsed();
    assert!(took.as_secs() >= 9, "a proxy has ten seconds, like any server: {took:?}");
    let basic = base64(&format!("user:{PASSWORD}"));
    for (name, wire) in wires {
        let heard = wire.heard().concat();
        assert!(
            heard.starts_with("CONNECT platform.claude.com:443 HTTP/1.1\r\n"),
            "{name}: {heard}"
        );
        assert!(heard.contains(&format!("Basic {basic}")), "{name}: {heard}");
        assert!(!heard.contains("sk-ant-") && canary::found(&heard, |_| false).is_none(), "{name}");
    }
    assert_eq!(sandbox.log(), []);
}

/// Refreshes at an https server of this machine with these variables. The port is the server's.
fn refresh(port: u16, variables: &[(&str, &str)]) -> Ended {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let home = Home::new();
    let url = format!("https://localhost:{port}/token");
    home.override_providers(&json!({ "anthropic": { "token_url": url } }).to_string());
    home.store(&sandbox.issue(), Age::Expired.expires());
    let pi = home.pi(["token", "anthropic"]).env("SSL_CERT_FILE", internet.ca_pem_path());
    variables.iter().fold(pi, |pi, (name, value)| pi.env(name, value)).run()
}

#[test]
fn a_variable_that_names_no_proxy_is_an_error_and_no_way_past_it() {
    let server = Wire::of(Script::new());
    for value in [
        "::",
        "http://",
        "http://:3128",
        "socks5://127.0.0.1:1080",
        "ftp://127.0.0.1",
        "a b",
        "/etc/passwd",
    ] {
        for variable in VARIABLES {
            let ended = refresh(server.port(), &[(variable, value)]);
            ended.exits(1).prints("").says("a variable names a proxy that is none");
            ended.says("Set HTTPS_PROXY");
        }
    }
    for secret in [
        format!("socks5://user:{PASSWORD}@127.0.0.1:1080"),
        format!("http://user:{PASSWORD}/x@127.0.0.1:3128"),
        format!("http://user:{PASSWORD}#x@127.0.0.1:3128"),
        format!("user:x?{PASSWORD}@127.0.0.1:3128"),
        format!("http://user:1234/{PASSWORD}@127.0.0.1:3128"),
    ] {
        let ended = refresh(server.port(), &[("HTTPS_PROXY", &secret)]);
        ended.exits(1).says("a variable names a proxy that is none");
    }
    assert_eq!(server.heard(), [""; 0], "it went past the proxy");
}

#[test]
fn whom_no_proxy_lists_is_reached_without_one() {
    let server = Wire::of(Script::new());
    let proxy = Wire::of(Script::status(502));
    let port = server.port();
    let with_port = format!("localhost:{port}");
    let with_other_port = format!("localhost:{}", port.wrapping_add(1));
    for (variable, exceptions, is_direct) in [
        ("NO_PROXY", "localhost", true),
        ("no_proxy", "localhost", true),
        ("NO_PROXY", "LocalHost", true),
        ("NO_PROXY", ".localhost", true),
        ("NO_PROXY", "example.com, localhost ,", true),
        ("NO_PROXY", "*", true),
        ("NO_PROXY", &with_port, true),
        ("NO_PROXY", &with_other_port, false),
        ("NO_PROXY", "host", false),
        ("NO_PROXY", "alhost", false),
        ("NO_PROXY", "localhost.example.com", false),
        ("NO_PROXY", "127.0.0.1", false),
        ("NO_PROXY", "", false),
    ] {
        let (to_server, to_proxy) = (server.heard().len(), proxy.heard().len());
        let ended = refresh(port, &[("HTTPS_PROXY", &proxy.url()), (variable, exceptions)]);
        ended.exits(1);
        let heard = (server.heard().len() - to_server, proxy.heard().len() - to_proxy);
        let expected = if is_direct { (1, 0) } else { (0, 1) };
        assert_eq!(heard, expected, "{variable}={exceptions}: {ended}");
    }
}
