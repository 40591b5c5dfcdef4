use std::fs;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::net::TcpStream;

use super::*;

const PATH: &str = "/callback";

async fn ask(address: &str, port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect((address, port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(address: &str, port: u16, target: &str) -> String {
    ask(address, port, &format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")).await
}

/// Returns whether this machine has `::1` at all.
async fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").await.is_ok()
}

#[tokio::test]
async fn localhost_is_both_families_on_one_port_and_an_address_that_one_alone() {
    for (on, ipv4, ipv6) in
        [(Loopback::Both, true, true), (Loopback::Ipv4, true, false), (Loopback::Ipv6, false, true)]
    {
        if ipv6 && !has_ipv6().await {
            continue;
        }
        let callback = Callback::listen(on, 0, PATH).await.unwrap();
        let answers = async |address| TcpStream::connect((address, callback.port())).await.is_ok();
        assert_eq!((answers("127.0.0.1").await, answers("::1").await), (ipv4, ipv6), "{on:?}");
        assert!(!answers("127.0.0.2").await);
    }
}

#[tokio::test]
async fn where_either_family_is_taken_both_go_to_another_port() {
    for taken in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(other) = TcpListener::bind(taken).await else { continue };
        let port = other.local_addr().unwrap().port();
        let callback = Callback::listen(Loopback::Both, port, PATH).await.unwrap();
        assert_ne!(callback.port(), port, "{taken}");
        assert!(TcpStream::connect(("127.0.0.1", callback.port())).await.is_ok());
        let reached = TcpStream::connect(("::1", callback.port())).await.is_ok();
        assert_eq!(reached, has_ipv6().await);
    }
}

#[tokio::test]
async fn the_one_time_address_leads_on_once_whichever_way_it_is_asked_for() {
    let callback = Callback::listen(Loopback::Both, 0, PATH).await.unwrap();
    let port = callback.port();
    assert!(get("127.0.0.1", port, "/open/x").await.starts_with("HTTP/1.1 404"));
    callback.lead("/open/x", "https://h/authorize?state=s");
    let head = format!("HEAD /open/x HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    assert!(ask("127.0.0.1", port, &head).await.starts_with("HTTP/1.1 405"));
    let first = get("127.0.0.1", port, "/open/x").await;
    assert!(first.starts_with("HTTP/1.1 303"), "{first}");
    assert!(first.contains("location: https://h/authorize?state=s\r\n"), "{first}");
    assert!(first.contains("cache-control: no-store\r\n"), "{first}");
    assert!(first.contains("referrer-policy: no-referrer\r\n"), "{first}");
    for _ in 0..2 {
        let later = get("127.0.0.1", port, "/open/x").await;
        assert!(later.starts_with("HTTP/1.1 410"), "{later}");
        assert!(later.contains("This address was already opened"), "{later}");
        assert!(!later.contains("state=s"), "{later}");
    }
}

#[tokio::test]
async fn of_too_many_connections_the_oldest_unfinished_one_is_closed() {
    let mut callback = Callback::listen(Loopback::Ipv4, 0, PATH).await.unwrap();
    let port = callback.port();
    // The oldest of all has sent its request, and is kept.
    let asked = tokio::spawn(async move { get("127.0.0.1", port, "/callback?code=c").await });
    let visit = callback.visit().await;
    let mut silent = Vec::new();
    for _ in 0..=callback::MAX_CONNECTIONS {
        silent.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    for closed in &mut silent[..2] {
        assert!(matches!(closed.read(&mut [0]).await, Ok(0) | Err(_)));
    }
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_millis(200), silent[2].read(&mut byte));
    assert!(read.await.is_err(), "it is still open");
    visit.answer(Page::Failed);
    assert!(asked.await.unwrap().starts_with("HTTP/1.1 400"));
}

/// Feeds the server what the fuzz target `request` is fed with, over a stream in memory.
#[tokio::test]
async fn bytes_of_any_kind_are_answered_by_a_page_or_not_at_all() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/request");
    let mut count = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let (door, mut visits, _sent) = Door::new(5000, PATH);
        door.one_time.set(("/open/x".into(), "https://h/".into())).unwrap();
        let (mut client, server) = duplex(1 << 16);
        client.write_all(&bytes[..bytes.len().min(1 << 15)]).await.unwrap();
        client.shutdown().await.unwrap();
        let serving = tokio::spawn(serve(server, Arc::new(door), Arc::default()));
        if let Some(visit) = visits.recv().await {
            visit.answer(Page::Ignored);
        }
        serving.await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let is_known = ["303", "400", "404", "405", "410", "414", "421", "431"]
            .iter()
            .any(|status| answer.starts_with(&format!("HTTP/1.1 {status}")));
        let is_http_1_0 = answer.starts_with("HTTP/1.0 4") || answer.starts_with("HTTP/1.0 303");
        assert!(answer.is_empty() || is_known || is_http_1_0, "{bytes:?}: {answer}");
        count += 1;
    }
    assert!(count > 10, "{count} inputs");
}
