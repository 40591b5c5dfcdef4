//! HTTP requests over rustls, as the core describes them.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use pi_auth_core::flow::Event;
use pi_auth_core::http::url::Url;
use pi_auth_core::http::{
    CONNECT_TIMEOUT_MS, MAX_BODY_BYTES, Method, Request, Response, TOTAL_TIMEOUT_MS,
    TransportFailure, USER_AGENT,
};
use pi_auth_core::secret::Secret;

use crate::clock::now_ms;

/// How long a connection is kept for the next request: for requests in a row, but not from one poll
/// to the next, when the server may just be closing it.
const IDLE: Duration = Duration::from_secs(2);

/// The clients of one job, made when they are first needed.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    /// For https.
    remote: OnceLock<reqwest::Client>,
    /// For plain http, which is for this machine alone: a proxy would carry its secrets over the
    /// network.
    local: OnceLock<reqwest::Client>,
}

/// What a server says of the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// `Date`, as it came.
    pub(crate) date: Option<String>,
    /// `Age`, as it came: a cache has kept the answer for that long.
    pub(crate) age: Option<String>,
    /// When it was asked, by this machine's clock, in epoch milliseconds.
    pub(crate) sent_ms: u64,
    /// When it answered.
    pub(crate) answered_ms: u64,
}

/// Why a server said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    pub(crate) failure: TransportFailure,
    /// The same in the words of whatever failed.
    pub(crate) cause: Option<String>,
}

impl Clients {
    /// Sends `request` and reads the whole answer.
    pub(crate) async fn send(&self, request: &Request) -> Event {
        match self.exchange(request).await {
            Ok(response) => Event::Response(response),
            Err(failure) => Event::TransportFailed { failure },
        }
    }

    /// Whether there is any certificate to trust; without one no client can be made.
    pub(crate) fn trust_any(&self) -> bool {
        self.client(true).is_ok()
    }

    /// Asks the server of `url` for the headers of an answer, whatever it is, with nothing that is
    /// secret, by the way that any request would take.
    pub(crate) async fn greet(&self, url: &str) -> Result<Greeting, Unanswered> {
        let https = Url::parse(url).is_some_and(|url| url.https);
        let client = self.client(https).map_err(|failure| Unanswered { failure, cause: None })?;
        let sent_ms = now_ms();
        let request = client.head(url).header("User-Agent", USER_AGENT);
        let response = request
            .send()
            .await
            .map_err(|error| Unanswered { cause: innermost(&error), failure: failure(error) })?;
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        Ok(Greeting { date: header("date"), age: header("age"), sent_ms, answered_ms: now_ms() })
    }

    fn client(&self, https: bool) -> Result<&reqwest::Client, TransportFailure> {
        match https {
            true => made(&self.remote, |builder| builder),
            false => made(&self.local, reqwest::ClientBuilder::no_proxy),
        }
    }

    async fn exchange(&self, request: &Request) -> Result<Response, TransportFailure> {
        let client = self.client(Url::parse(&request.url).is_some_and(|url| url.https))?;
        let mut builder = match request.method {
            Method::Get => client.get(&request.url),
            Method::Post => client.post(&request.url).body(request.body.expose().to_owned()),
        };
        for header in &request.headers {
            builder = builder.header(&header.name, header.value.expose());
        }
        answer(builder).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Response, TransportFailure> {
    let mut response = request.send().await.map_err(failure)?;
    let text = |value: &reqwest::header::HeaderValue| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    };
    let headers = response.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(TransportFailure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let body = Secret::new(String::from_utf8_lossy(&body).into_owned());
    Ok(Response { status: response.status().as_u16(), headers, body })
}

fn made(
    cell: &OnceLock<reqwest::Client>,
    with: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<&reqwest::Client, TransportFailure> {
    if let Some(client) = cell.get() {
        return Ok(client);
    }
    // Only the first install in a process counts, and a program's own choice stands.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
        .timeout(Duration::from_millis(TOTAL_TIMEOUT_MS))
        .pool_idle_timeout(IDLE)
        .retry(reqwest::retry::never());
    let client = with(builder).build().map_err(|_| TransportFailure::Tls)?;
    Ok(cell.get_or_init(|| client))
}

/// The words of what lies at the bottom of it. What lies above repeats the URL, or says less.
fn innermost(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Some(cause.to_string())
}

fn failure(error: reqwest::Error) -> TransportFailure {
    let mut cause = error.source();
    let mut tls = false;
    while let Some(inner) = cause {
        tls |= inner.is::<rustls::Error>()
            // What rustls reports while reading or writing comes wrapped.
            || inner
                .downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::get_ref)
                .is_some_and(|wrapped| wrapped.is::<rustls::Error>());
        cause = inner.source();
    }
    match () {
        () if tls && error.is_connect() => TransportFailure::Tls,
        () if error.is_timeout() && !error.is_connect() => TransportFailure::Timeout,
        () if error.is_connect() => TransportFailure::Connect,
        () => TransportFailure::Broken,
    }
}
