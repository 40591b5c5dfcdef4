//! The loopback server that a browser comes back to.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use pi_auth_tests::loopback::{Error, Request};
use pi_auth_tests::pi::{Home, PATIENCE, Running, eventually};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::Fault;
use url::Url;

use crate::login::{NOTES_URL, assert_logged_in, parameter};
use crate::sandbox;

/// A login that waits for a browser: its authorization URL, and its callback's.
pub(crate) fn waiting(home: &Home) -> (Running, String, Url) {
    let mut pi = home.pi(["login", "anthropic"]).browser(NOTES_URL).start();
    let url = pi.authorize_url();
    let callback = Url::parse(&parameter(&url, "redirect_uri")).unwrap();
    (pi, url, callback)
}

/// What is answered to bytes that no browser would send.
fn answer(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may hang up before all of it is sent.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn only_a_get_of_its_path_under_its_own_name_is_let_in() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (pi, url, callback) = waiting(&home);
    let port = callback.port().unwrap();
    let state = parameter(&url, "state");
    let base = format!("http://127.0.0.1:{port}");
    let query = format!("code=planted&state={state}");

    let status = |request: Request| request.send().unwrap().status;
    for path in ["/", "/favicon.ico", "/callback/", "/callback/x", "/CALLBACK", "//callback"] {
        assert_eq!(status(Request::get(format!("{base}{path}?{query}"))), 404, "{path}");
    }
    let to_callback = || format!("{base}/callback?{query}");
    assert_eq!(status(Request::post_form(to_callback(), &[("code", "planted")])), 405);
    for host in ["evil.invalid", "127.0.0.1", "localhost:1", "127.0.0.1.evil.invalid", ""] {
        let request =
            format!("GET /callback?{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = answer(port, &request);
        assert!(answer.starts_with("HTTP/1.1 4"), "{host}: {answer}");
        assert!(!answer.contains("planted"), "it repeats what it was sent: {answer}");
    }
    for request in [
        format!("GET /callback?{query} HTTP/1.0\r\n\r\n"),
        format!("GET /callback?{query}&x={} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(100_000)),
        "\x16\x03\x01\x02\x00\x01\x00".to_owned(),
    ] {
        let answer = answer(port, &request);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }

    // None of it cost anything.
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn it_listens_on_loopback_only_and_only_during_the_login() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (pi, url, callback) = waiting(&home);
    let port = callback.port().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    if has_ipv6() {
        TcpStream::connect(("::1", port)).unwrap();
    }
    assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
    // Another test may have got the port since, but nobody answers there for this login.
    let after = Request::get(format!("{callback}?state={}", parameter(&url, "state"))).send();
    assert!(!matches!(&after, Ok(reply) if reply.status == 200), "{after:?}");
}

#[test]
fn the_port_is_closed_after_the_login() {
    let sandbox = sandbox();
    let home = Home::new();
    let port = free_port();
    prefer_port(&home, &sandbox, port);
    let (pi, url, callback) = waiting(&home);
    assert_eq!(callback.port(), Some(port));
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
    let refused = Request::get(callback.as_str()).send();
    assert!(matches!(refused, Err(Error::Failed(_))), "{refused:?}");
}

#[test]
fn where_the_preferred_port_is_taken_another_one_is_used() {
    let sandbox = sandbox();
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    prefer_port(&home, &sandbox, port);
    let (pi, url, callback) = waiting(&home);
    assert_ne!(callback.port(), Some(port));
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn where_the_port_is_taken_on_the_other_family_another_one_is_used_and_the_code_goes_nowhere_else()
{
    let Ok(taken) = TcpListener::bind("[::1]:0") else {
        return crate::skipped("there is no ::1 here");
    };
    let sandbox = sandbox();
    let home = Home::new();
    let port = taken.local_addr().unwrap().port();
    prefer_port(&home, &sandbox, port);
    let (pi, url, callback) = waiting(&home);
    assert_ne!(callback.port(), Some(port));
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
    taken.set_nonblocking(true).unwrap();
    assert!(taken.accept().is_err(), "somebody came to the other");
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_browser_that_takes_localhost_for_ipv6_is_let_in() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    if !has_ipv6() {
        return crate::skipped("there is no ::1 here");
    }
    let (pi, url, callback) = waiting(&home);
    let port = callback.port().unwrap();
    let state = parameter(&url, "state");
    let mut stream = TcpStream::connect(("::1", port)).unwrap();
    let request = format!(
        "GET /callback?error=access_denied&state={state} HTTP/1.1\r\nHost: [::1]:{port}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("The login did not work"), "{answer}");
    pi.finish().exits(1).says("was refused in the browser");
}

#[test]
fn where_port_53692_is_taken_another_one_is_used() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    // Other tests hold it for moments.
    let taken = eventually("port 53692", || TcpListener::bind("127.0.0.1:53692").ok());
    let (pi, url, callback) = waiting(&home);
    assert_ne!(callback.port(), Some(53692));
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
    drop(taken);
}

#[test]
fn an_answer_with_another_logins_state_is_ignored_and_the_real_one_still_works() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (pi, url, callback) = waiting(&home);
    for query in ["code=planted&state=guessed", "code=planted", "error=access_denied&state=", ""] {
        let page = Request::get(format!("{callback}?{query}")).send().unwrap();
        assert_eq!(page.status, 400, "{query}");
        assert!(page.body.contains("This page belongs to another login"), "{}", page.body);
    }
    let landing = robot::approve(&url).unwrap();
    assert!(matches!(landing, Landing::Callback { status: 200, .. }), "{landing:?}");
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn the_page_tells_of_success_only_once_the_login_is_stored() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    sandbox.change(|settings| settings.token_delay_ms = 800);
    let (pi, url, _) = waiting(&home);
    let landing = robot::approve(&url).unwrap();
    assert_logged_in(&home, &sandbox);
    match landing {
        Landing::Callback { status, body, .. } => {
            assert_eq!(status, 200);
            assert!(body.contains("You are logged in to Anthropic"), "{body}");
            assert!(!body.contains("<script"), "{body}");
        }
        other => panic!("{other:?}"),
    }
    pi.finish().exits(0);
}

#[test]
fn the_page_tells_of_failure_when_the_exchange_or_the_storing_fails() {
    type Spoil = fn(&Home, &pi_auth_tests::sandbox::Sandbox);
    let spoils: [Spoil; 2] = [
        |_, sandbox| sandbox.fail_next(Fault::status(500)),
        |home, _| {
            home.write("oauth.json", "{ this is not JSON");
        },
    ];
    for spoil in spoils {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let (pi, url, _) = waiting(&home);
        spoil(&home, &sandbox);
        match robot::approve(&url).unwrap() {
            Landing::Callback { status, body, .. } => {
                assert_eq!(status, 400);
                assert!(body.contains("The login did not work"), "{body}");
            }
            other => panic!("{other:?}"),
        }
        pi.finish().exits(1).prints("");
    }
}

#[test]
fn a_refusal_is_told_on_the_page_too() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (pi, url, _) = waiting(&home);
    match robot::deny(&url).unwrap() {
        Landing::Callback { status, body, .. } => {
            assert_eq!(status, 400);
            assert!(body.contains("The login did not work"), "{body}");
        }
        other => panic!("{other:?}"),
    }
    pi.finish().exits(1);
}

#[test]
fn browsers_that_connect_and_say_nothing_do_not_keep_the_real_one_out() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (pi, url, callback) = waiting(&home);
    let port = callback.port().unwrap();
    let silent: Vec<_> =
        (0..20).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let landing = thread::spawn(move || robot::approve(&url)).join().unwrap().unwrap();
    assert!(matches!(landing, Landing::Callback { status: 200, .. }), "{landing:?}");
    pi.finish().exits(0);
    drop(silent);
}

/// Returns whether this machine has `::1` at all.
fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn prefer_port(home: &Home, sandbox: &pi_auth_tests::sandbox::Sandbox, port: u16) {
    let mut providers: serde_json::Value = serde_json::from_str(&sandbox.providers_json()).unwrap();
    let uri = format!("http://localhost:{port}/callback");
    providers["anthropic"]["loopback_redirect_uri"] = uri.into();
    home.override_providers(&providers.to_string());
}
