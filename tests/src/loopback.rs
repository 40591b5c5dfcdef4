//! One HTTP exchange with a server on this machine, from synchronous code.
//!
//! It never follows a redirect, never retries, never reuses a connection and never looks at proxy
//! variables: what a test sent is exactly what arrived, once, and what it reads is exactly what was
//! answered. It refuses to talk to any host but loopback.

use std::fmt;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Host, Url, form_urlencoded};

use crate::pi::PATIENCE;

/// The longest answer that is read; the sandbox's oversized one fits.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// A request about to be sent. Send it from a plain thread: it runs a small runtime of its own.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    timeout: Duration,
}

impl Request {
    /// A request without a body. It gives up when [`PATIENCE`] is over.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: String::new(),
            timeout: PATIENCE,
        }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// A POST of a JSON document.
    pub fn post_json(url: impl Into<String>, document: &serde_json::Value) -> Self {
        Self::new(Method::POST, url).json(document)
    }

    /// A POST of an `application/x-www-form-urlencoded` body.
    pub fn post_form(url: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::new(Method::POST, url)
            .header(header::CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")
            .body(body)
    }

    /// The same request with a JSON body.
    pub fn json(self, document: &serde_json::Value) -> Self {
        self.header(header::CONTENT_TYPE.as_str(), "application/json").body(document.to_string())
    }

    /// The same request with one more header; `host` takes the place of the address's own.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same request with this body, sent as it is.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// The same request, giving up after this long.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// Says whether the address was refused, the time ran out, or the connection failed.
    pub fn send(self) -> Result<Reply, Error> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?
            .block_on(async {
                let timeout = self.timeout;
                tokio::time::timeout(timeout, exchange(self)).await.unwrap_or(Err(Error::TimedOut))
            })
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Every header.
    pub headers: HeaderMap,
    /// The body, as text.
    pub body: String,
}

impl Reply {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null when it is not JSON, so that `reply.json()["error"]` reads well.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The address is not a plain `http` one of this machine.
    NotLoopback(String),
    /// Nobody answered in time.
    TimedOut,
    /// The connection could not be made, or ended before the answer did.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(url) => write!(f, "{url} is not an http address of this machine"),
            Self::TimedOut => f.write_str("nobody answered in time"),
            Self::Failed(why) => write!(f, "no answer: {why}"),
        }
    }
}

impl std::error::Error for Error {}

async fn exchange(request: Request) -> Result<Reply, Error> {
    let url = loopback_url(&request.url)?;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(80));
    let stream = TcpStream::connect(format!("{host}:{port}")).await.map_err(failed)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::spawn(connection);

    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut wire = hyper::Request::builder().method(request.method).uri(target);
    if !request.headers.iter().any(|(name, _)| header::HOST == name.as_str()) {
        wire = wire.header(header::HOST, format!("{host}:{port}"));
    }
    for (name, value) in &request.headers {
        wire = wire.header(name, value);
    }
    let wire = wire.body(Body::from(request.body)).map_err(failed)?;
    let (head, body) = sender.send_request(wire).await.map_err(failed)?.into_parts();
    let body = to_bytes(Body::new(body), MAX_ANSWER).await.map_err(failed)?;
    Ok(Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn loopback_url(text: &str) -> Result<Url, Error> {
    let refused = || Error::NotLoopback(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if here && url.scheme() == "http" { Ok(url) } else { Err(refused()) }
}

fn failed(error: impl fmt::Display) -> Error {
    Error::Failed(error.to_string())
}
