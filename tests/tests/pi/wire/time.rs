//! Answers that take for ever, and connections that break.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use pi_auth_tests::pi::{Age, Ended, Home};
use pi_auth_tests::wire::Script;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};
use serde_json::json;

use super::answers::Means;
use super::jobs;

const A_SECOND: Duration = Duration::from_secs(1);

/// Answers that would go on for ever.
fn endless() -> [(&'static str, Script); 5] {
    let headed = || Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{");
    [
        ("no answer", Script::new().hang()),
        ("a head, a byte a second", Script::new().send("HTTP/1.1 200 O").endlessly("K", A_SECOND)),
        ("a body, a byte a second", headed().endlessly(" ", A_SECOND)),
        ("half a body", headed().hang()),
        (
            "news for ever",
            Script::new().endlessly("HTTP/1.1 103 Early Hints\r\n\r\n", A_SECOND / 4),
        ),
    ]
}

#[test]
fn nothing_that_goes_on_for_ever_passes_the_thirty_seconds() {
    let sandboxes = jobs::ALL.map(|_| jobs::sandbox());
    let began = Instant::now();
    let jobs: Vec<_> = jobs::ALL
        .into_iter()
        .zip(&sandboxes)
        .flat_map(|at| endless().map(|(name, script)| (at, name, script)))
        .map(|((job, sandbox), name, script)| job.start(sandbox, name, Means::TooLate, script))
        .collect();
    for job in jobs {
        job.ends();
    }
    let took = began.elapsed();
    assert!(took.as_secs() >= 29, "{took:?}");
}

#[test]
fn a_connection_that_is_reset_is_a_broken_one_whenever_it_is() {
    let sandboxes = jobs::ALL.map(|_| jobs::sandbox());
    let moments = [
        ("before an answer", Script::new().reset()),
        (
            "in its head",
            Script::new().send("HTTP/1.1 200 OK\r\nContent-Ty").wait(A_SECOND / 5).reset(),
        ),
        (
            "in its body",
            Script::new()
                .send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"access_token\":")
                .wait(A_SECOND / 5)
                .reset(),
        ),
    ];
    let jobs: Vec<_> = jobs::ALL
        .into_iter()
        .zip(&sandboxes)
        .flat_map(|at| moments.clone().map(|(name, script)| (at, name, script)))
        .map(|((job, sandbox), name, script)| job.start(sandbox, name, Means::Broken, script))
        .collect();
    for job in jobs {
        job.ends();
    }
}

#[test]
fn a_reset_after_a_whole_answer_costs_nothing() {
    let sandbox = jobs::sandbox();
    let tokens = sandbox.issue();
    let grant = json!({
        "access_token": tokens.access, "refresh_token": tokens.refresh, "token_type": "Bearer",
        "expires_in": 28_800,
    });
    let body = grant.to_string();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let wire = pi_auth_tests::wire::Wire::of(Script::new().send(answer).wait(A_SECOND / 5).reset());
    let home = Home::new();
    let url = format!("{}/v1/oauth/token", wire.url());
    home.override_providers(&json!({ "anthropic": { "token_url": url } }).to_string());
    home.store(&sandbox.issue(), Age::Expired.expires());
    home.pi(["token", "anthropic"]).run().exits(0).prints(&format!("{}\n", tokens.access));
    assert_eq!(home.refresh_token(), tokens.refresh);
}

/// Refreshes at whatever answers at this address, or does not.
fn refresh_at(address: SocketAddr) -> Ended {
    let sandbox = jobs::sandbox();
    let home = Home::new();
    let url = format!("http://{address}/token");
    home.override_providers(&json!({ "anthropic": { "token_url": url } }).to_string());
    home.store(&sandbox.issue(), Age::Expired.expires());
    let before = home.contents();
    let ended = home.pi(["token", "anthropic"]).run();
    ended.exits(1).prints("").says("Your login is kept.");
    assert_eq!(home.contents(), before);
    ended
}

#[test]
fn a_server_that_hangs_up_unread_is_a_broken_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    refresh_at(address).says("the connection broke");
}

#[test]
fn an_address_that_takes_no_connection_is_given_up_after_ten_seconds() {
    // A queue of one, which is full: the system drops what comes on top of it.
    let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let full = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&full, &any).unwrap();
    listen(&full, 0).unwrap();
    let full = TcpListener::from(full);
    let address = full.local_addr().unwrap();
    let connect = || TcpStream::connect_timeout(&address, A_SECOND / 2);
    let waiting: Vec<TcpStream> = (0..4).map_while(|_| connect().ok()).collect();
    if connect().is_ok() {
        crate::skipped("this system lets a full queue grow");
        return;
    }
    let began = Instant::now();
    refresh_at(address).says("could not connect").says("Check your connection");
    let took = began.elapsed();
    assert!(took.as_secs() >= 9, "{took:?}");
    drop((waiting, full));
}
