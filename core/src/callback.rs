//! The callback server of a login: which requests it lets in, and what its pages say.
//!
//! RFC 8252, 7.3 and 8.3. A host parses HTTP and holds the connections; what a request means is
//! decided here, so that all hosts answer alike.

mod page;

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::secret::{Secret, exposed};

pub use page::{HEADERS, Page};

/// The number of connections that may be open at once. When one more comes, the oldest that has not
/// sent its whole request is closed.
pub const MAX_CONNECTIONS: u64 = 32;
/// The time that a connection has to send its request, in milliseconds.
pub const REQUEST_TIMEOUT_MS: u64 = 10_000;
/// The longest request head, in bytes.
pub const MAX_HEAD_BYTES: u64 = 8192;

/// The addresses on which a callback server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Loopback {
    /// 127.0.0.1 and `[::1]`, on one port, since `localhost` may be either; 127.0.0.1 alone where
    /// there is no `[::1]`.
    Both,
    /// 127.0.0.1.
    Ipv4,
    /// `[::1]`.
    Ipv6,
}

/// A request that came to the callback server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The port on which it came.
    pub port: u16,
    /// The path that the provider sends browsers to.
    pub path: String,
    /// The path of the one-time address, if there is one.
    pub one_time_path: Option<String>,
    /// The method.
    pub method: String,
    /// The header `Host`, if there is one.
    pub host: Option<String>,
    /// The request target: path and query.
    #[serde(serialize_with = "exposed")]
    pub target: Secret,
}

/// The decision on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Admission {
    /// Nothing: it gets this page.
    Page {
        /// The page.
        page: Page,
    },
    /// It asks for the one-time address: the first is sent on, every other gets
    /// [`Page::AlreadyOpened`].
    OneTime,
    /// It may bring the answer to the login.
    Callback {
        /// Its query, without the question mark.
        #[serde(serialize_with = "exposed")]
        query: Secret,
    },
}

impl Request {
    /// Decides what the request is let in for: a GET of a known path, under a name of this machine.
    pub fn admit(&self) -> Admission {
        // A page on some other site can make its own name point here; its Host gives it away.
        if !self.host.as_deref().is_some_and(|host| is_ours(host, self.port)) {
            return Admission::Page { page: Page::WrongHost };
        }
        let target = self.target.expose();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let is_callback = path == self.path;
        if !is_callback && self.one_time_path.as_deref() != Some(path) {
            return Admission::Page { page: Page::NotFound };
        }
        if self.method != "GET" {
            return Admission::Page { page: Page::WrongMethod };
        }
        match is_callback {
            true => Admission::Callback { query: query.into() },
            false => Admission::OneTime,
        }
    }
}

/// Returns whether a `Host` header names this machine and this port, which may be left out where
/// it is 80.
fn is_ours(host: &str, port: u16) -> bool {
    let host = host.to_ascii_lowercase();
    let after = ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|it| host.strip_prefix(it));
    match after.map(|after| after.strip_prefix(':').ok_or(after)) {
        Some(Ok(written)) => written == alloc::format!("{port}"),
        Some(Err(rest)) => rest.is_empty() && port == 80,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(method: &str, host: Option<&str>, target: &str) -> Admission {
        let request = Request {
            port: 5000,
            path: "/callback".into(),
            one_time_path: Some("/open/abc".into()),
            method: method.into(),
            host: host.map(Into::into),
            target: target.into(),
        };
        request.admit()
    }

    #[test]
    fn only_a_get_of_a_known_path_under_our_name_is_let_in() {
        let ours = Some("localhost:5000");
        let page = |page| Admission::Page { page };
        let callback = |query: &str| Admission::Callback { query: query.into() };
        for (method, host, target, expected) in [
            ("GET", ours, "/callback?code=c&state=s", callback("code=c&state=s")),
            ("GET", Some("127.0.0.1:5000"), "/callback?a?b", callback("a?b")),
            ("GET", Some("[::1]:5000"), "/callback", callback("")),
            ("GET", Some("LOCALHOST:5000"), "/callback?", callback("")),
            ("GET", ours, "/open/abc", Admission::OneTime),
            ("GET", ours, "/open/abc?x", Admission::OneTime),
            ("GET", None, "/callback", page(Page::WrongHost)),
            ("GET", Some("localhost"), "/callback", page(Page::WrongHost)),
            ("GET", Some("localhost:5001"), "/callback", page(Page::WrongHost)),
            ("GET", Some("localhost:05000"), "/callback", page(Page::WrongHost)),
            ("GET", Some("localhost:5000.evil.example"), "/callback", page(Page::WrongHost)),
            ("GET", Some("localhost.evil.example:5000"), "/callback", page(Page::WrongHost)),
            ("GET", Some("evil.example"), "/open/abc", page(Page::WrongHost)),
            ("GET", ours, "/callback/", page(Page::NotFound)),
            ("GET", ours, "/Callback", page(Page::NotFound)),
            ("GET", ours, "/open/abd", page(Page::NotFound)),
            ("GET", ours, "", page(Page::NotFound)),
            ("POST", ours, "/callback", page(Page::WrongMethod)),
            ("HEAD", ours, "/open/abc", page(Page::WrongMethod)),
            ("get", ours, "/callback", page(Page::WrongMethod)),
        ] {
            assert_eq!(admit(method, host, target), expected, "{method} {host:?} {target}");
        }
    }

    #[test]
    fn the_port_80_needs_not_be_named() {
        assert!(is_ours("localhost", 80) && is_ours("[::1]:80", 80) && !is_ours("[::1]", 81));
        assert!(!is_ours("localhost:", 80));
    }
}
