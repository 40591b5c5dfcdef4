//! HTTP requests over rustls, as the core describes them.

use std::error::Error as _;
use std::time::Duration;

use pi_auth_core::flow::Event;
use pi_auth_core::http::url::Url;
use pi_auth_core::http::{
    CONNECT_TIMEOUT_MS, MAX_BODY_BYTES, Method, Request, Response, TOTAL_TIMEOUT_MS,
    TransportFailure,
};
use pi_auth_core::secret::Secret;

/// Sends `request` and reads the whole answer.
pub(crate) async fn send(request: &Request) -> Event {
    match exchange(request).await {
        Ok(response) => Event::Response(response),
        Err(failure) => Event::TransportFailed { failure },
    }
}

async fn exchange(request: &Request) -> Result<Response, TransportFailure> {
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
    };
    let mut builder = client(&request.url)?.request(method, &request.url);
    for header in &request.headers {
        builder = builder.header(&header.name, header.value.expose());
    }
    builder = builder.body(request.body.expose().to_owned());
    let mut response = builder.send().await.map_err(failure)?;
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

/// One client per request: a flow makes one or two, minutes apart.
fn client(url: &str) -> Result<reqwest::Client, TransportFailure> {
    // Only the first install in a process counts, and a program's own choice stands.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
        .timeout(Duration::from_millis(TOTAL_TIMEOUT_MS))
        .retry(reqwest::retry::never());
    // Plain http is for this machine alone: a proxy would carry its secrets over the network.
    if Url::parse(url).is_some_and(|url| !url.https) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|_| TransportFailure::Tls)
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
