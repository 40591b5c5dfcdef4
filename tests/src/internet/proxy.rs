//! The tunnel (RFC 9110 section 9.3.6) and what is at its end.
//!
//! A tunnel leads to one host. In it, the name that TLS asks for and the host that a request names
//! have to be that host: a client that mixes them up gets no answer, or a 404.

use std::io;
use std::sync::Arc;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::HOST;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;

use super::{State, Tunnel, locked};
use crate::sandbox::hosts;
use crate::sandbox::server::converse;

/// The longest request for a tunnel that is read, in bytes.
const MAX_HEAD: u64 = 16 * 1024;

/// Serves one connection to the proxy.
pub(super) async fn serve(stream: TcpStream, state: Arc<State>, router: Router) {
    // An error here is a client that left, most likely because it did not trust what it saw.
    let _ = tunnel(BufReader::new(stream), &state, router).await;
}

async fn tunnel(mut stream: BufReader<TcpStream>, state: &State, router: Router) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let Some(to) = target(&head) else {
        return answer(&mut stream, "405 Method Not Allowed").await;
    };
    locked(&state.credentials).extend(credentials(&head));
    let host = to.strip_suffix(":443").filter(|host| hosts::is_known(host));
    locked(&state.tunnels).push(Tunnel { to: to.to_owned(), opened: host.is_some() });
    let Some(host) = host else {
        return answer(&mut stream, "502 Bad Gateway").await;
    };
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    let stream = handshake(stream, host, state).await?;
    converse(stream, router, |request| lead(host, request)).await;
    Ok(())
}

/// The lines of a request, up to the empty one.
async fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let (mut head, mut stream) = (String::new(), stream.take(MAX_HEAD));
    loop {
        let before = head.len();
        stream.read_line(&mut head).await?;
        match &head[before..] {
            "" => return Err(io::ErrorKind::UnexpectedEof.into()),
            "\r\n" => return Ok(head),
            _ => {}
        }
    }
}

/// Where the tunnel is to lead.
fn target(head: &str) -> Option<&str> {
    let mut words = head.lines().next()?.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("CONNECT"), Some(to), Some("HTTP/1.1" | "HTTP/1.0"), None) => Some(to),
        _ => None,
    }
}

/// Who asks for it, if that is told.
fn credentials(head: &str) -> Option<String> {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"))?;
    Some(value.to_owned())
}

async fn answer(stream: &mut BufReader<TcpStream>, status: &str) -> io::Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await
}

async fn handshake(
    stream: BufReader<TcpStream>,
    host: &str,
    state: &State,
) -> io::Result<TlsStream<BufReader<TcpStream>>> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let asked = hello.client_hello().server_name().map(str::to_owned);
    if asked.as_deref() != Some(host) {
        return Err(io::Error::other("the tunnel leads to another host"));
    }
    let presented = *locked(&state.presented);
    hello.into_stream(state.authorities.server(host, presented)?).await
}

fn lead(host: &str, request: Request<Incoming>) -> Request<Incoming> {
    match request.headers().get(HOST).and_then(|named| named.to_str().ok()) {
        Some(named) if named == host => hosts::from_host(host, request),
        _ => hosts::nowhere(host, request),
    }
}
