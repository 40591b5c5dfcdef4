//! What is done to one connection, once a request has come in on it.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use serde_json::json;

use crate::canary;

/// One thing after another; then the connection is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script(Vec<Act>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    Send(Vec<u8>),
    Endlessly(Vec<u8>, Duration),
    Wait(Duration),
    Repeat(u16),
    Reset,
}

impl Script {
    /// Closes the connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers with this status and nothing else.
    pub fn status(code: u16) -> Self {
        Self::answer(code, &[], "")
    }

    /// Answers so, as a server does that closes the connection after it.
    pub fn answer(code: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let body = body.as_ref();
        let length = match code {
            100..=199 | 204 | 304 => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let head =
            format!("HTTP/1.1 {code} Whatever\r\n{headers}{length}Connection: close\r\n\r\n");
        Self::new().send(head).send(body)
    }

    /// Answers 200 with this JSON.
    pub fn json(body: &serde_json::Value) -> Self {
        Self::answer(200, &[("Content-Type", "application/json")], body.to_string())
    }

    /// Sends this.
    #[must_use]
    pub fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.and(Act::Send(bytes.as_ref().to_vec()))
    }

    /// Sends this again and again, with a pause after each, until the client hangs up.
    #[must_use]
    pub fn endlessly(self, bytes: impl AsRef<[u8]>, pause: Duration) -> Self {
        self.and(Act::Endlessly(bytes.as_ref().to_vec(), pause))
    }

    /// Waits for that long, or until the client hangs up.
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.and(Act::Wait(time))
    }

    /// Waits until the client hangs up.
    #[must_use]
    pub fn hang(self) -> Self {
        self.wait(Duration::from_secs(600))
    }

    /// Answers with this status, and in every text for people with all secrets of the request.
    pub fn repeating(code: u16) -> Self {
        Self::new().and(Act::Repeat(code))
    }

    /// Ends the connection as a crash does, by a RST.
    #[must_use]
    pub fn reset(self) -> Self {
        self.and(Act::Reset)
    }

    fn and(mut self, act: Act) -> Self {
        self.0.push(act);
        self
    }

    /// Does it, and counts what was sent. An error is a client that hung up, or is to be hung up
    /// on.
    pub(super) fn perform(
        &self,
        request: &str,
        stream: &mut TcpStream,
        sent: &AtomicU64,
    ) -> io::Result<()> {
        let send = |stream: &mut TcpStream, bytes: &[u8]| {
            stream.write_all(bytes)?;
            sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok::<(), io::Error>(())
        };
        for act in &self.0 {
            match act {
                Act::Send(bytes) => send(stream, bytes)?,
                Act::Endlessly(bytes, pause) => loop {
                    send(stream, bytes)?;
                    thread::sleep(*pause);
                },
                Act::Wait(time) => {
                    stream.set_read_timeout(Some(*time))?;
                    if let Ok(0) = stream.read(&mut [0; 1]) {
                        return Ok(());
                    }
                }
                Act::Repeat(code) => {
                    let text = format!("you sent {}", canary::secrets_of(request).join(" and "));
                    let document = json!({
                        "error": text, "error_description": text, "message": text,
                        "error_details": { "message": text }, "issuer": text,
                    });
                    let headers = [("Content-Type", "application/json")];
                    let answer = Self::answer(*code, &headers, document.to_string());
                    answer.perform(request, stream, sent)?;
                }
                Act::Reset => {
                    set_socket_linger(&*stream, Some(Duration::ZERO))?;
                    // Nothing more is said, not even that it is over.
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
        }
        Ok(())
    }
}
