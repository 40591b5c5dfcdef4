//! The thread, the listener, and the art of hanging up.
//!
//! The connections are served by hyper rather than by `axum::serve`, because a handler there always
//! answers, and a provider that breaks does not.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// A server on a thread of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves each connection as `converse` does.
    pub(crate) fn start<C>(
        listener: TcpListener,
        converse: impl Fn(TcpStream) -> C + Send + 'static,
    ) -> io::Result<Self>
    where
        C: Future<Output = ()> + Send + 'static,
    {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, converse) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been reported already.
            let _ = thread.join();
        }
    }
}

/// The response of a handler that wants the connection closed and nothing sent.
pub(super) fn hang_up() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(HangUp);
    response
}

#[derive(Debug, Clone, Copy)]
struct HangUp;

async fn accept<C>(listener: tokio::net::TcpListener, converse: impl Fn(TcpStream) -> C)
where
    C: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream))),
            // Out of file descriptors, most likely: they come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Serves the requests of one connection, each of them led to where `lead` says.
pub(crate) async fn converse<L>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    lead: L,
) where
    L: Fn(Request<Incoming>) -> Request<Incoming>,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| {
        let answer = router.call(lead(request));
        async move {
            let response = answer.await.unwrap_or_else(|never: Infallible| match never {});
            match response.extensions().get::<HangUp>() {
                Some(HangUp) => Err(io::Error::other("hung up")),
                None => Ok(response),
            }
        }
    });
    // An error here is a client that left, or a fault that hung up on it.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
