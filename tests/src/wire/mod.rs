//! The wire: bytes that no HTTP library would send, and when they come.
//!
//! A [`Wire`] is a server on loopback that takes one request per connection, keeps what it heard,
//! and does what a [`Script`] says; or it stands before a sandbox and passes on what no script is
//! for.

#![allow(clippy::expect_used, reason = "a test that cannot go on stops and says why")]

mod script;

use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub use script::Script;

use crate::canary;
use crate::sandbox::Sandbox;

/// The longest request that is read, in bytes.
const MAX_REQUEST: usize = 64 * 1024;

/// A server without manners, until it is dropped.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// What is behind it.
    behind: Option<SocketAddr>,
    faults: Mutex<Vec<Fault>>,
    /// What was heard on each connection.
    heard: Mutex<Vec<Vec<u8>>>,
    sent: AtomicU64,
    over: AtomicBool,
}

#[derive(Debug)]
struct Fault {
    path_end: String,
    script: Script,
    once: bool,
}

impl Wire {
    /// Every request meets this.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn of(script: Script) -> Self {
        let wire = Self::start(None);
        wire.meet("", script);
        wire
    }

    /// Every request is passed on to this sandbox, unless a script is for it.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn before(sandbox: &Sandbox) -> Self {
        let address = sandbox.base_url().strip_prefix("http://").and_then(|it| it.parse().ok());
        Self::start(Some(address.expect("a sandbox has an address")))
    }

    fn start(behind: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            behind,
            faults: Mutex::default(),
            heard: Mutex::default(),
            sent: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        let inside = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if inside.over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&inside);
                // An error there is a client that hung up.
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// Every request from now on whose path ends so meets this.
    pub fn meet(&self, path_end: &str, script: Script) {
        self.push(path_end, script, false);
    }

    /// The next request whose path ends so meets this.
    pub fn meet_once(&self, path_end: &str, script: Script) {
        self.push(path_end, script, true);
    }

    fn push(&self, path_end: &str, script: Script, once: bool) {
        locked(&self.shared.faults).push(Fault { path_end: path_end.to_owned(), script, once });
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was heard on each connection, in order; what is not text is replaced.
    pub fn heard(&self) -> Vec<String> {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        locked(&self.shared.heard).iter().map(text).collect()
    }

    /// How much was sent to all clients together, in bytes.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the one who waits for connections.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let place = {
            let mut heard = locked(&self.heard);
            heard.push(Vec::new());
            heard.len() - 1
        };
        let request = read_request(&mut stream)?;
        locked(&self.heard)[place].clone_from(&request);
        let text = String::from_utf8_lossy(&request);
        canary::plant_request(&text);
        match (self.script_for(&text), self.behind) {
            (Some(script), _) => {
                script.perform(&text, &mut stream, &self.sent)?;
                stream.shutdown(Shutdown::Write)
            }
            (None, Some(behind)) => pass_on(&request, behind, &mut stream),
            (None, None) => Script::status(404).perform(&text, &mut stream, &self.sent),
        }
    }

    fn script_for(&self, request: &str) -> Option<Script> {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let mut faults = locked(&self.faults);
        let place = faults.iter().position(|fault| path.ends_with(&fault.path_end))?;
        Some(if faults[place].once {
            faults.remove(place).script
        } else {
            faults[place].script.clone()
        })
    }
}

/// A request, head and body; or the first that comes of what is no HTTP, such as a TLS handshake.
fn read_request(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    while request.len() < MAX_REQUEST {
        let length = stream.read(&mut chunk)?;
        request.extend_from_slice(&chunk[..length]);
        let is_http = request.first().is_some_and(u8::is_ascii_uppercase);
        if length == 0 || !is_http || is_complete(&request) {
            break;
        }
    }
    Ok(request)
}

/// Returns whether all of the body has come that its length, in bytes, promises.
fn is_complete(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]);
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0);
    request.len() - (end + 4) >= length
}

/// Passes one request on, and its answer back.
fn pass_on(request: &[u8], to: SocketAddr, back: &mut TcpStream) -> io::Result<()> {
    let end = request.windows(2).position(|two| two == b"\r\n").unwrap_or(request.len());
    let (line, rest) = request.split_at(end);
    let mut there = TcpStream::connect(to)?;
    there.write_all(&[line, b"\r\nConnection: close", rest].concat())?;
    io::copy(&mut there, back)?;
    back.shutdown(Shutdown::Write)
}

/// A holder that panicked has failed its test already.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_measured_in_bytes_whatever_they_are() {
        for (request, complete) in [
            (&b"GET / HTTP/1.1\r\nHost: h\r\n"[..], false),
            (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true),
            (b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab", false),
            (b"POST / HTTP/1.1\r\ncontent-length:3\r\n\r\nabc", true),
            // As text it would be longer: what is no UTF-8 becomes three bytes each.
            (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\xff", false),
            (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\xff\xff\xff", true),
            (b"POST /\xff HTTP/1.1\r\nContent-Length: 2\r\n\r\n\r\n", true),
        ] {
            let shown = String::from_utf8_lossy(request);
            assert_eq!(is_complete(request), complete, "{shown}");
        }
    }
}
