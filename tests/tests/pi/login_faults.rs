//! What stands between a person and a login: crowds at the callback, and pastes that are none.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use pi_auth_tests::loopback::Request;
use pi_auth_tests::pi::{Home, PATIENCE, Terminal};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::Kind;

use crate::callback::waiting;
use crate::login::{assert_logged_in, code_page};
use crate::{kinds, sandbox};

const PASTE: &str = "Paste the authorization code here:";
const ENTER: &str = "\r";

/// The right browser comes, and is let in.
#[track_caller]
fn assert_lets_in(url: &str) {
    let landing = robot::approve(url).unwrap();
    assert!(matches!(landing, Landing::Callback { status: 200, .. }), "{landing:?}");
}

#[test]
fn two_hundred_strangers_at_once_do_not_keep_the_right_browser_out() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (pi, url, callback) = waiting(&home);
    let port = callback.port().unwrap();
    // Those who say nothing, and those who bring the answer to another login.
    let silent: Vec<_> =
        (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let strangers: Vec<_> = (0..100)
        .map(|number| {
            let stray = format!("{callback}?code=planted&state={number}");
            thread::spawn(move || Some(Request::get(stray).send().ok()?.status))
        })
        .collect();
    assert_lets_in(&url);
    for stranger in strangers {
        // Who comes after the right one finds the door closed.
        let status = stranger.join().unwrap();
        assert!(matches!(status, None | Some(400 | 410)), "{status:?}");
    }
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
    drop(silent);
}

#[test]
fn who_never_comes_to_the_end_of_a_request_is_hung_up_on_after_ten_seconds() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (mut pi, url, callback) = waiting(&home);
    let port = callback.port().unwrap();
    let began = Instant::now();
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            thread::spawn(move || {
                stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
                for byte in b"GET /callback?code=planted&state=x HTTP/1.1\r\nHost: x".iter().cycle()
                {
                    let sent = stream.write_all(&[*byte]);
                    if sent.is_err() || matches!(stream.read(&mut [0; 64]), Ok(0)) {
                        return;
                    }
                    assert!(began.elapsed() < PATIENCE, "nobody hung up");
                }
            })
        })
        .collect();
    for client in slow {
        client.join().unwrap();
    }
    assert!(began.elapsed() > Duration::from_secs(9), "{:?}", began.elapsed());
    assert!(pi.runs(), "it cost the login nothing");
    assert_lets_in(&url);
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_megabyte_at_the_callback_is_refused_and_the_right_answer_still_works() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (pi, url, callback) = waiting(&home);
    let megabyte = "x".repeat(1 << 20);
    for request in [
        format!("GET /callback?code={megabyte} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET /callback HTTP/1.1\r\nHost: localhost\r\nX: {megabyte}\r\n\r\n"),
        format!("GET /callback HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(100_000)),
        format!(
            "POST /callback HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{megabyte}",
            1 << 20
        ),
        megabyte.clone(),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", callback.port().unwrap())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may hang up before all of it is sent.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(!answer.contains("xxxx"), "it repeats what it was sent");
    }
    assert_lets_in(&url);
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_code_that_was_used_is_refused_in_plain_words_and_the_stored_login_is_kept() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut first = home.pi(["login", "anthropic", "--no-browser"]).start();
    let (code, state) = code_page(&first.authorize_url());
    first.write(&format!("{code}#{state}\n"));
    first.finish().exits(0);
    let before = home.contents();
    // A bare code says nothing of the login that it belongs to.
    let mut second = home.pi(["login", "anthropic", "--no-browser"]).start();
    second.authorize_url();
    second.write(&format!("{code}\n"));
    let ended = second.finish();
    ended.exits(1).prints("").says("did not take the authorization code: invalid_grant");
    ended.says("use the new code within a few minutes");
    assert_eq!(home.contents(), before);
    let refused =
        |kind: &Kind| matches!(kind, Kind::Refused { error, .. } if error == "invalid_grant");
    assert_eq!(kinds(&sandbox).iter().filter(|kind| refused(kind)).count(), 1);
}

#[test]
fn a_paste_of_nothing_or_of_a_megabyte_is_asked_again_at_a_terminal() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut terminal = Terminal::run(&home, &["login", "anthropic", "--no-browser"], &[]);
    let (code, state) = code_page(&terminal.authorize_url());
    terminal.see_prompt(PASTE);
    let asked_again = |terminal: &mut Terminal, why: &str| {
        terminal.see_another_prompt(PASTE);
        terminal.see(why);
    };
    terminal.press(ENTER);
    asked_again(&mut terminal, "Nothing was pasted.");
    terminal.paste("  \r\n \r\n");
    terminal.press(ENTER);
    asked_again(&mut terminal, "Nothing was pasted.");
    let before = terminal.bytes().len();
    terminal.paste(&"a".repeat(1 << 20));
    terminal.press(ENTER);
    asked_again(&mut terminal, "far longer than an authorization code");
    let shown = terminal.bytes().len() - before;
    assert!(shown < 1 << 17, "{shown} bytes were painted for one paste");
    terminal.paste(&format!("{code}#{state}"));
    terminal.press(ENTER);
    terminal.exits(0);
    assert_logged_in(&home, &sandbox);
}
