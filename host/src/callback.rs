//! The loopback server that a browser comes back to (RFC 8252, 7.3 and 8.3).
//!
//! It listens on 127.0.0.1 only, takes GET requests of one path, and leaves the decision to the
//! flow: a browser that came is answered once the flow knows what its answer was worth, so that the
//! page never claims more than is true.

mod page;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use pi_auth_core::secret::Secret;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub(crate) use page::Page;

/// How long a connection may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a page that is under way is waited for at the end.
const LINGER: Duration = Duration::from_millis(500);
/// The longest request head, in bytes; hyper takes no less.
const MAX_HEAD_BYTES: usize = 8192;
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
    port: u16,
    visits: mpsc::Receiver<Visit>,
    accepting: JoinHandle<()>,
    /// Told of each page that was written to a browser.
    delivered: mpsc::Receiver<()>,
}

impl Callback {
    /// Listens on `preferred_port`, or on any free one where that is taken.
    pub(crate) async fn listen(preferred_port: u16, path: &str) -> std::io::Result<Self> {
        let bind = |port| TcpListener::bind(("127.0.0.1", port));
        let listener = match bind(preferred_port).await {
            Ok(listener) => listener,
            Err(_) => bind(0).await?,
        };
        let port = listener.local_addr()?.port();
        let (visited, visits) = mpsc::channel(MAX_WAITING);
        let (sent, delivered) = mpsc::channel(1);
        let door = Arc::new(Door { port, path: path.to_owned(), visited, sent });
        let accepting = tokio::spawn(accept(listener, door));
        Ok(Callback { port, visits, accepting, delivered })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
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
        self.accepting.abort();
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
    visited: mpsc::Sender<Visit>,
    /// Told when a page that ends a login was written.
    sent: mpsc::Sender<()>,
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&door)));
            }
            // Out of descriptors, most likely: others may free some.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(stream: TcpStream, door: Arc<Door>) {
    let is_last = AtomicBool::new(false);
    let service = service_fn(|request| async {
        let page = door.page(request).await;
        is_last.store(matches!(page, Page::LoggedIn { .. } | Page::Failed), Relaxed);
        Ok::<_, Infallible>(page.into_response())
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
    async fn page(&self, request: Request<Incoming>) -> Page {
        // A page on some other site can make its own name point here; its Host gives it away.
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let ours = ["localhost", "127.0.0.1"].map(|name| format!("{name}:{}", self.port));
        if !host.is_some_and(|host| ours.iter().any(|name| name.eq_ignore_ascii_case(host))) {
            return Page::WrongHost;
        }
        if request.uri().path() != self.path {
            return Page::NotFound;
        }
        if request.method() != Method::GET {
            return Page::WrongMethod;
        }
        let query = Secret::new(request.uri().query().unwrap_or_default());
        let (answer, answered) = oneshot::channel();
        if self.visited.send(Visit { query, answer }).await.is_err() {
            return Page::Over;
        }
        answered.await.unwrap_or(Page::Over)
    }
}

impl Page {
    fn into_response(self) -> Response<String> {
        let status = match self {
            Page::LoggedIn { .. } => StatusCode::OK,
            Page::Failed | Page::Ignored => StatusCode::BAD_REQUEST,
            Page::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Page::NotFound => StatusCode::NOT_FOUND,
            Page::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Page::Over => StatusCode::GONE,
        };
        let mut response = Response::new(self.html());
        *response.status_mut() = status;
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
            // The address holds the code; no other site is to learn it.
            (REFERRER_POLICY, "no-referrer"),
        ] {
            response.headers_mut().insert(name, hyper::header::HeaderValue::from_static(value));
        }
        response
    }
}
