//! The loopback server that a browser comes back to (RFC 8252, 7.3 and 8.3).
//!
//! The core decides which requests are let in and what the pages say. A browser that came is
//! answered once the flow knows what its answer was worth, so that the page never claims more than
//! is true.

mod connections;
mod listeners;

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use pi_auth_core::callback::{self, Admission, HEADERS, Loopback, Page};
use pi_auth_core::secret::Secret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use connections::Connections;

/// How long a connection may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(callback::REQUEST_TIMEOUT_MS);
/// How long a page that is under way is waited for at the end.
const LINGER: Duration = Duration::from_millis(500);
/// The longest request head, in bytes; hyper takes no less.
const MAX_HEAD_BYTES: usize = callback::MAX_HEAD_BYTES as usize;
/// How many browsers may wait at once.
const MAX_WAITING: usize = 4;

/// A browser that came to the callback path and waits for its page.
pub(crate) struct Visit {
    /// What it brought.
    pub(crate) query: Secret,
    answer: oneshot::Sender<Page>,
}

impl Visit {
    /// Answers the browser.
    pub(crate) fn answer(self, page: Page) {
        // It may have gone away.
        let _ = self.answer.send(page);
    }
}

/// A callback server. Dropping it closes the port.
pub(crate) struct Callback {
    door: Arc<Door>,
    visits: mpsc::Receiver<Visit>,
    accepting: Vec<JoinHandle<()>>,
    /// Told of each page that was written to a browser.
    delivered: mpsc::Receiver<()>,
}

impl Callback {
    /// Listens on `preferred_port`, or on any free one where that is taken.
    pub(crate) async fn listen(
        on: Loopback,
        preferred_port: u16,
        path: &str,
    ) -> std::io::Result<Self> {
        let listeners = listeners::bind(on, preferred_port).await?;
        let port = match listeners.first() {
            Some(listener) => listener.local_addr()?.port(),
            None => return Err(std::io::ErrorKind::AddrNotAvailable.into()),
        };
        let (door, visits, delivered) = Door::new(port, path);
        let door = Arc::new(door);
        let connections = Arc::new(Connections::default());
        let accept =
            |listener| tokio::spawn(accept(listener, Arc::clone(&door), Arc::clone(&connections)));
        let accepting = listeners.into_iter().map(accept).collect();
        Ok(Callback { door, visits, accepting, delivered })
    }

    pub(crate) fn port(&self) -> u16 {
        self.door.port
    }

    /// Has the first GET of this path led to `url`.
    pub(crate) fn lead(&self, path: &str, url: &str) {
        let _ = self.door.one_time.set((path.to_owned(), url.to_owned()));
    }

    /// The next browser. It never comes where nobody does.
    pub(crate) async fn visit(&mut self) -> Visit {
        match self.visits.recv().await {
            Some(visit) => visit,
            None => std::future::pending().await,
        }
    }

    /// Closes the port; the browsers that came in keep waiting for their pages.
    pub(crate) fn shut(&self) {
        for accepting in &self.accepting {
            accepting.abort();
        }
    }

    /// Closes the port and waits until the page of an answered visit is on its way.
    pub(crate) async fn delivered(mut self) {
        self.shut();
        let _ = tokio::time::timeout(LINGER, self.delivered.recv()).await;
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.shut();
    }
}

/// What is let in, and where it goes.
struct Door {
    port: u16,
    path: String,
    /// The path of the one-time address, and where it leads.
    one_time: OnceLock<(String, String)>,
    /// Set once somebody has been led there.
    is_opened: AtomicBool,
    visited: mpsc::Sender<Visit>,
    /// Told when a page that ends a login was written.
    sent: mpsc::Sender<()>,
}

/// An answer to a request.
enum Answer {
    Page(Page),
    /// A redirect to the authorization URL.
    Lead(String),
}

async fn accept(listener: TcpListener, door: Arc<Door>, connections: Arc<Connections>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.make_room().await;
                let door = Arc::clone(&door);
                connections.add(|has_asked| tokio::spawn(serve(stream, door, has_asked)));
            }
            // Out of descriptors, most likely: others may free some.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    door: Arc<Door>,
    has_asked: Arc<AtomicBool>,
) {
    let is_last = AtomicBool::new(false);
    let service = service_fn(|request| async {
        has_asked.store(true, Relaxed);
        let answer = door.answer(request).await;
        let last = matches!(answer, Answer::Page(Page::LoggedIn(_) | Page::Failed));
        is_last.store(last, Relaxed);
        Ok::<_, Infallible>(answer.into_response())
    });
    // Whatever goes wrong on a connection is that browser's affair.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if is_last.load(Relaxed) {
        let _ = door.sent.try_send(());
    }
}

impl Door {
    fn new(port: u16, path: &str) -> (Self, mpsc::Receiver<Visit>, mpsc::Receiver<()>) {
        let (visited, visits) = mpsc::channel(MAX_WAITING);
        let (sent, delivered) = mpsc::channel(1);
        let (one_time, is_opened) = (OnceLock::new(), AtomicBool::new(false));
        let door = Door { port, path: path.to_owned(), one_time, is_opened, visited, sent };
        (door, visits, delivered)
    }

    async fn answer<B>(&self, request: Request<B>) -> Answer {
        let query = match self.admit(&request) {
            Admission::Page { page } => return Answer::Page(page),
            Admission::OneTime => return self.lead(),
            Admission::Callback { query } => query,
        };
        let (answer, answered) = oneshot::channel();
        if self.visited.send(Visit { query, answer }).await.is_err() {
            return Answer::Page(Page::Over);
        }
        Answer::Page(answered.await.unwrap_or(Page::Over))
    }

    fn admit<B>(&self, request: &Request<B>) -> Admission {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        callback::Request {
            port: self.port,
            path: self.path.clone(),
            one_time_path: self.one_time.get().map(|(path, _)| path.clone()),
            method: request.method().to_string(),
            host: host.map(Into::into),
            target: target.into(),
        }
        .admit()
    }

    fn lead(&self) -> Answer {
        match self.one_time.get() {
            Some((_, url)) if !self.is_opened.swap(true, Relaxed) => Answer::Lead(url.clone()),
            _ => Answer::Page(Page::AlreadyOpened),
        }
    }
}

impl Answer {
    fn into_response(self) -> Response<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in HEADERS {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let (status, html) = match self {
            Answer::Page(page) => (page.status(), page.html()),
            Answer::Lead(url) => match HeaderValue::from_str(&url) {
                Ok(location) => {
                    headers.insert(LOCATION, location);
                    (303, String::new())
                }
                Err(_) => (Page::Failed.status(), Page::Failed.html()),
            },
        };
        let mut response = Response::new(html);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::GONE);
        *response.headers_mut() = headers;
        response
    }
}

#[cfg(test)]
mod tests;
