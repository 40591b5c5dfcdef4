//! HTTP requests over rustls, as the core describes them.

mod failure;
pub(crate) mod greeting;
pub(crate) mod proxy;

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use pi_auth_core::flow::Event;
use pi_auth_core::http::url::Url;
use pi_auth_core::http::{
    CONNECT_TIMEOUT_MS, HttpRequest, HttpResponse, MAX_BODY_BYTES, Method, TOTAL_TIMEOUT_MS,
    TransportFailure, origin,
};
use pi_auth_core::secret::Secret;
use zeroize::Zeroizing;

use proxy::{Variables, Way};

/// How long a connection is kept for the next request: for requests in a row, but not from one poll
/// to the next, when the server may just be closing it.
const IDLE: Duration = Duration::from_secs(2);

/// The most room that is taken for a response before any of it has come, in bytes.
const FIRST_BYTES: usize = 64 * 1024;

/// The clients of one job, made when they are first needed.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    /// Straight to the server.
    direct: OnceLock<reqwest::Client>,
    /// Through the proxy that the variables name.
    proxied: OnceLock<reqwest::Client>,
}

impl Clients {
    /// Sends `request` and reads the whole answer.
    pub(crate) async fn send(&self, request: HttpRequest) -> Event {
        match self.exchange(request).await {
            Ok(response) => Event::Response(response),
            Err(failure) => Event::TransportFailed { failure },
        }
    }

    /// Makes the clients that a request may need, so that what stands in their way is known early.
    ///
    /// # Errors
    /// [`TransportFailure::Tls`] where there is no certificate to trust.
    pub(crate) fn prepare(&self) -> Result<(), TransportFailure> {
        self.client(&Way::Direct)?;
        let variables = Variables::of_process();
        let anywhere = Url::parse("https://pi-auth.invalid/");
        // A variable that cannot be read fails only the servers that it is for.
        if let Some(way @ Way::Through(_)) = anywhere.map(|url| variables.way_to(&url)) {
            self.client(&way)?;
        }
        Ok(())
    }

    /// Returns whether there is any certificate to trust; without one no client can be made.
    pub(crate) fn trust_any(&self) -> bool {
        self.client(&Way::Direct).is_ok()
    }

    /// The client for this way.
    fn client(&self, way: &Way) -> Result<&reqwest::Client, TransportFailure> {
        match way {
            Way::Local | Way::Direct => made(&self.direct, reqwest::ClientBuilder::no_proxy),
            Way::Through(proxy) => made(&self.proxied, |builder| builder.proxy(proxy.client())),
            Way::NoProxy(_) => Err(TransportFailure::BadProxy),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportFailure> {
        // Right before it is sent, whoever has decided where it goes.
        if !origin::is_allowed(&request.origins, &request.url) {
            return Err(TransportFailure::ForbiddenOrigin);
        }
        let way = way(&request.url)?;
        let client = self.client(&way)?;
        let mut builder = match request.method {
            Method::Get => client.get(&request.url),
            Method::Post => client.post(&request.url).body(wiped(request.body)),
        };
        for header in &request.headers {
            builder = builder.header(&header.name, header.value.expose());
        }
        answer(builder).await.map_err(|failure| blamed(&way, failure))
    }
}

/// The way to the server of `url`.
fn way(url: &str) -> Result<Way, TransportFailure> {
    // What the core cannot read, another parser might read as another server; and plain http leads
    // to this machine alone, also where a core from a file asks for more.
    let url = Url::parse(url).filter(Url::is_safe).ok_or(TransportFailure::Connect)?;
    Ok(Variables::of_process().way_to(&url))
}

/// What could not be connected to is the proxy, or what is behind it.
fn blamed(way: &Way, failure: TransportFailure) -> TransportFailure {
    match way {
        Way::Through(proxy) if failure == TransportFailure::Connect => {
            TransportFailure::Proxy(proxy.shown().to_owned())
        }
        _ => failure,
    }
}

/// A request body whose memory is wiped when it was sent.
fn wiped(body: Secret) -> Bytes {
    struct Body(Secret);
    impl AsRef<[u8]> for Body {
        fn as_ref(&self) -> &[u8] {
            self.0.expose().as_bytes()
        }
    }
    Bytes::from_owner(Body(body))
}

/// The text of a response as it comes in. Its memory is wiped, also where it has to be moved.
#[derive(Default)]
struct Collected(Zeroizing<Vec<u8>>);

impl Collected {
    /// Room for this many bytes.
    fn with_capacity(bytes: usize) -> Self {
        Collected(Zeroizing::new(Vec::with_capacity(bytes)))
    }

    fn push(&mut self, chunk: &[u8]) {
        let needed = self.0.len() + chunk.len();
        if needed > self.0.capacity() {
            // A vector that grows by itself leaves what it held where it was.
            let mut larger = Self::with_capacity(needed.max(2 * self.0.capacity()));
            larger.0.extend_from_slice(&self.0);
            *self = larger;
        }
        self.0.extend_from_slice(chunk);
    }

    /// Gives up the memory as it is, unless the bytes are not UTF-8.
    fn into_text(mut self) -> Secret {
        let bytes = std::mem::take(&mut *self.0);
        Secret::new(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let bytes = Zeroizing::new(error.into_bytes());
                String::from_utf8_lossy(&bytes).into_owned()
            }
        })
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<HttpResponse, TransportFailure> {
    let mut response = request.send().await.map_err(failure::of)?;
    let text = |value: &reqwest::header::HeaderValue| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    };
    let headers = response.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect();
    // What a server says of the length is only a hint.
    let hint = response.content_length().and_then(|length| usize::try_from(length).ok());
    let mut body = Collected::with_capacity(hint.unwrap_or_default().min(FIRST_BYTES));
    while let Some(chunk) = response.chunk().await.map_err(failure::of)? {
        if body.0.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(TransportFailure::TooLarge);
        }
        body.push(&chunk);
    }
    let body = body.into_text();
    Ok(HttpResponse { status: response.status().as_u16(), headers, body })
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
    // There is none where nobody is to be trusted.
    let client = with(builder).build().map_err(|_| TransportFailure::Tls)?;
    Ok(cell.get_or_init(|| client))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_response_is_collected_whole_in_whatever_pieces_it_comes() {
        let text = "é".repeat(1000);
        for piece in [1, 3, 999, 5000] {
            for room in [0, 10, 2000] {
                let mut collected = Collected::with_capacity(room);
                text.as_bytes().chunks(piece).for_each(|chunk| collected.push(chunk));
                assert_eq!(collected.into_text().expose(), text);
            }
        }
        let mut bytes = Collected::default();
        bytes.push(b"a\xffb");
        assert_eq!(bytes.into_text().expose(), "a\u{fffd}b");
    }

    #[test]
    fn a_text_that_was_collected_is_not_copied() {
        let mut collected = Collected::with_capacity(16);
        collected.push(b"text");
        let at = collected.0.as_ptr();
        assert_eq!(collected.into_text().expose().as_ptr(), at);
    }

    #[tokio::test]
    async fn a_url_that_the_core_cannot_read_or_calls_unsafe_is_asked_by_no_way() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let at = server.local_addr().unwrap();
        let clients = Clients::default();
        for url in [
            format!("http://user:password@{at}/"),
            format!("http:\\\\{at}/"),
            format!("http:{at}/"),
            format!(" http://{at}/"),
            // This machine, to the system; to the core, somewhere else.
            format!("http://0.0.0.0:{}/", at.port()),
            "nonsense".to_owned(),
        ] {
            let unanswered = clients.greet(&url).await.unwrap_err();
            assert_eq!(unanswered.failure, TransportFailure::Connect, "{url}");
        }
        assert!(server.accept().is_err(), "it was asked");
    }
    #[tokio::test]
    async fn a_request_goes_to_the_origins_that_it_carries_and_to_no_other() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let url = format!("http://{}/token", server.local_addr().unwrap());
        let other = |origin: &str| vec![origin.to_owned()];
        for origins in [vec![], other("https://api.anthropic.com"), other("http://127.0.0.1:1")] {
            let request = HttpRequest {
                method: Method::Post,
                url: url.clone(),
                headers: Vec::new(),
                body: "canary".into(),
                origins,
            };
            let event = Clients::default().send(request).await;
            let failure = TransportFailure::ForbiddenOrigin;
            assert!(
                matches!(&event, Event::TransportFailed { failure: it } if *it == failure),
                "{event:?}"
            );
        }
        assert!(server.accept().is_err(), "it was asked");
    }
}
