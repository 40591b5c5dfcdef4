//! The internet, on loopback: a proxy through which the real addresses lead to a sandbox.
//!
//! A client that is told `HTTPS_PROXY=` [`Internet::proxy_url`] and `SSL_CERT_FILE=`
//! [`Internet::ca_pem_path`], and nothing else, uses its built-in endpoints, and no packet leaves
//! the machine. It asks the proxy for a tunnel (`CONNECT github.com:443`), and in the tunnel talks
//! TLS to a server that presents a certificate for the name it asked for, issued on the spot by an
//! authority of this internet's own. Which hosts there are, and where in the sandbox each leads, is
//! in `sandbox/hosts.rs`; any other host the proxy cannot reach.
//!
//! | file | what is in it |
//! |---|---|
//! | `proxy.rs` | the tunnel (RFC 9110 section 9.3.6) and what is at its end |
//! | `authority.rs` | who issues the certificates, good ones and bad ones |

mod authority;
mod proxy;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use authority::Authorities;
pub use authority::Certificate;

use crate::sandbox::Sandbox;
use crate::sandbox::server::Server;

/// An internet with one sandbox in it, until it is dropped.
#[derive(Debug)]
pub struct Internet {
    address: SocketAddr,
    directory: TempDir,
    state: Arc<State>,
    _server: Server,
}

#[derive(Debug)]
struct State {
    authorities: Authorities,
    presented: Mutex<Certificate>,
    tunnels: Mutex<Vec<Tunnel>>,
    credentials: Mutex<Vec<String>>,
}

/// A tunnel that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// To where, as it was asked: `github.com:443`.
    pub to: String,
    /// True if there is anything; if not, the proxy answered 502.
    pub opened: bool,
}

impl Internet {
    /// Starts an internet that leads to this sandbox; when this returns, the proxy accepts
    /// connections.
    ///
    /// # Errors
    /// The machine is out of ports, threads or space for a file, or cannot make a certificate.
    pub fn start(sandbox: &Sandbox) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            authorities: Authorities::new()?,
            presented: Mutex::new(Certificate::Good),
            tunnels: Mutex::default(),
            credentials: Mutex::default(),
        });
        let directory = tempfile::Builder::new().prefix("pi-auth-internet-").tempdir()?;
        std::fs::write(directory.path().join("ca.pem"), state.authorities.known_pem())?;
        let (router, shared) = (sandbox.router(), Arc::clone(&state));
        let server = Server::start(listener, move |stream| {
            proxy::serve(stream, Arc::clone(&shared), router.clone())
        })?;
        Ok(Self { address, directory, state, _server: server })
    }

    /// Where the proxy is, for `HTTPS_PROXY`: `http://127.0.0.1:PORT`.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A file with the one certificate to trust, for `SSL_CERT_FILE`. It goes away with this.
    pub fn ca_pem_path(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Every tunnel that was asked for, in order.
    pub fn tunnels(&self) -> Vec<Tunnel> {
        locked(&self.state.tunnels).clone()
    }

    /// The hosts that somebody asked for a tunnel to, without the port, in order.
    pub fn hosts(&self) -> Vec<String> {
        let host = |to: &str| to.rsplit_once(':').map_or(to, |(host, _)| host).to_owned();
        locked(&self.state.tunnels).iter().map(|tunnel| host(&tunnel.to)).collect()
    }

    /// What the proxy was shown in `Proxy-Authorization`, in order. It wants nothing to be shown.
    pub fn credentials(&self) -> Vec<String> {
        locked(&self.state.credentials).clone()
    }

    /// Changes the certificates that servers present from now on.
    pub fn present(&self, certificate: Certificate) {
        *locked(&self.state.presented) = certificate;
    }
}

/// A holder that panicked has failed its test already.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
