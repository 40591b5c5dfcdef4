//! HTTP as plain data: what a flow asks a host to send, and what came back.
//!
//! A host sends a request exactly as given: no redirect is followed, TLS is required unless the
//! host name is loopback, [`CONNECT_TIMEOUT_MS`] and [`TOTAL_TIMEOUT_MS`] bound it, and a body over
//! [`MAX_BODY_BYTES`] is a [`TransportFailure::TooLarge`].

pub mod date;
pub mod origin;
pub mod url;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use serde::{Deserialize, Serialize};

use crate::json::or_default;
use crate::secret::{Secret, exposed};
use crate::text::{replaced, truncate};

/// How long a host tries to connect, in milliseconds.
pub const CONNECT_TIMEOUT_MS: u64 = 10_000;
/// How long a whole request may take, in milliseconds.
pub const TOTAL_TIMEOUT_MS: u64 = 30_000;
/// The largest response body that a host reads, in bytes (1 MiB).
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// This program's own name to servers: it does not present as another client.
pub const USER_AGENT: &str = concat!("pi-auth/", env!("CARGO_PKG_VERSION"));

/// The request methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
}

/// A request header: a name and a value that may be secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Header {
    /// The field name, as it is sent.
    pub name: String,
    /// The field value; `Authorization` is why it is a secret.
    #[serde(serialize_with = "exposed")]
    pub value: Secret,
}

impl Header {
    pub(crate) fn new(name: &str, value: impl Into<Secret>) -> Self {
        Header { name: name.to_string(), value: value.into() }
    }

    /// `Authorization: Bearer` (RFC 6750, 2.1).
    pub(crate) fn bearer(token: &Secret) -> Self {
        Header::new("Authorization", alloc::format!("Bearer {}", token.expose()))
    }
}

/// A request for a host to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// An absolute https URL, or http on a loopback host. Never holds a secret.
    pub url: String,
    /// The headers, in order.
    pub headers: Vec<Header>,
    /// The body; empty for GET.
    #[serde(serialize_with = "exposed")]
    pub body: Secret,
    /// The origins that its secrets may be sent to. A host refuses any other; see
    /// [`origin::is_allowed`].
    pub origins: Vec<String>,
}

impl HttpRequest {
    /// The same with this header, in place of one of that name if there is one.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Secret>) -> Self {
        self.headers.retain(|header| !header.name.eq_ignore_ascii_case(name));
        self.headers.push(Header::new(name, value));
        self
    }

    /// A GET, asking for JSON. `origins` are those that the provider's data names.
    pub(crate) fn get(url: &str, origins: Vec<String>) -> Self {
        let headers =
            [Header::new("Accept", "application/json"), Header::new("User-Agent", USER_AGENT)];
        let (url, headers) = (url.to_string(), headers.into());
        HttpRequest { method: Method::Get, url, headers, body: Secret::default(), origins }
    }

    /// A POST of `body`, asking for JSON. `origins` are those that the provider's data names.
    pub(crate) fn post(url: &str, content_type: &str, body: Secret, origins: Vec<String>) -> Self {
        let headers = [
            Header::new("Content-Type", content_type),
            Header::new("Accept", "application/json"),
            Header::new("User-Agent", USER_AGENT),
        ];
        let (url, headers) = (url.to_string(), headers.into());
        HttpRequest { method: Method::Post, url, headers, body, origins }
    }
}

/// A response as it came, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers, in order; names in any case.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default")]
    pub headers: Vec<(String, String)>,
    /// The body as text; bytes that are not UTF-8 replaced.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default", serialize_with = "exposed")]
    pub body: Secret,
}

impl HttpResponse {
    /// The first header of that name, in whatever case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let same = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map(|(_, value)| value.as_str())
    }

    /// `Retry-After` in milliseconds from now: seconds or an HTTP date (RFC 9110, 10.2.3).
    ///
    /// A date is the server's, so it counts from the server's own `Date` where there is one.
    pub(crate) fn retry_after_ms(&self, now_ms: u64) -> Option<u64> {
        let value = self.header("retry-after")?.trim();
        match value.parse::<u64>() {
            Ok(seconds) => Some(seconds.saturating_mul(1000)),
            Err(_) => {
                let sent_ms = self.header("date").and_then(date::parse).unwrap_or(now_ms);
                Some(date::parse(value)?.saturating_sub(sent_ms))
            }
        }
    }
}

/// Why there was no response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TransportFailure {
    /// The name did not resolve, or nothing accepted the connection: the request was never sent.
    Connect,
    /// The proxy that this address names, without credentials, could not be reached or did not open
    /// a tunnel: the request was never sent.
    Proxy(String),
    /// A variable names a proxy by what is no address of one: the request was never sent.
    BadProxy,
    /// The address is of none of the request's origins: the request was never sent.
    ForbiddenOrigin,
    /// The TLS handshake failed, other than for the reasons below: the request was never sent.
    Tls,
    /// The certificate is from an authority that is not trusted here: the request was never sent.
    UnknownAuthority,
    /// The certificate is for another name: the request was never sent.
    WrongName,
    /// The certificate is not valid by this machine's clock: the request was never sent.
    OutOfDate,
    /// The deadline passed; the server may or may not have acted.
    Timeout,
    /// The connection broke, or what came was not HTTP; the server may or may not have acted.
    Broken,
    /// The body was larger than [`MAX_BODY_BYTES`].
    TooLarge,
}

impl TransportFailure {
    /// Returns whether the server may have got the request, and acted upon it.
    pub(crate) fn was_sent(&self) -> bool {
        matches!(self, Self::Timeout | Self::Broken | Self::TooLarge)
    }

    /// What a person can look at before the next attempt, in a sentence or two and a space.
    pub fn mend(&self) -> &'static str {
        match self {
            Self::Connect | Self::Timeout | Self::Broken | Self::TooLarge => {
                "Check your connection and the proxy variables. "
            }
            Self::Proxy(_) => {
                "Check that it runs, and HTTPS_PROXY, ALL_PROXY and NO_PROXY; a password goes into its \
                 URL: http://USER:PASSWORD@HOST. "
            }
            Self::ForbiddenOrigin => "Check the URLs of this provider in auth-providers.json. ",
            Self::BadProxy => "Set HTTPS_PROXY (or ALL_PROXY) to http://HOST:PORT, or unset it. ",
            Self::Tls => "Check the address, the proxy variables and SSL_CERT_FILE. ",
            Self::UnknownAuthority => {
                "If it is one of your own, add it to the system's, or name a file of all that you trust \
                 in SSL_CERT_FILE. "
            }
            Self::WrongName => "Try another network. ",
            Self::OutOfDate => "Check this machine's clock. ",
        }
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "could not connect",
            Self::Proxy(proxy) => {
                return write!(f, "the proxy {} did not open a way to it", truncate(proxy));
            }
            Self::ForbiddenOrigin => "its address is not one that the provider's settings name",
            Self::BadProxy => "a variable names a proxy that is none",
            Self::Tls => "the secure connection could not be set up",
            Self::UnknownAuthority => "its certificate is from an authority that is not trusted",
            Self::WrongName => "its certificate is for another name",
            Self::OutOfDate => "its certificate has expired or is not valid yet",
            Self::Timeout => "no answer in time",
            Self::Broken => "the connection broke before the answer was complete",
            Self::TooLarge => "the answer was larger than 1 MiB",
        })
    }
}

/// What stays as it is in a form or query: RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `application/x-www-form-urlencoded` pairs, also fit for a URL's query (a space is `%20`).
pub(crate) fn encode_pairs(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.extend(utf8_percent_encode(name, ESCAPED));
        out.push('=');
        out.extend(utf8_percent_encode(value, ESCAPED));
    }
    out
}

/// `text` as one segment of a URL's path.
pub(crate) fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The decoded value of `name` in a query string, if it is there and not empty.
///
/// The first one counts; one whose bytes are no UTF-8 is not there, since a code never holds any.
pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    decode(query_text(query, name)?).filter(|value| !value.is_empty())
}

/// The same as it stands there, empty if that is what it is.
pub(crate) fn query_text<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| decode(key).as_deref() == Some(name))?;
    Some(value)
}

/// A name or a value of a query as it is meant; `None` where its bytes are no UTF-8.
fn decode(text: &str) -> Option<String> {
    String::from_utf8(percent_decode_str(&replaced(text, "+", " ")).collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn pairs_are_escaped_and_come_back() {
        let encoded = encode_pairs(&[("scope", "a:b c"), ("é", "&=+#%")]);
        assert_eq!(encoded, "scope=a%3Ab%20c&%C3%A9=%26%3D%2B%23%25");
        assert_eq!(query_value(&encoded, "scope").as_deref(), Some("a:b c"));
        assert_eq!(query_value(&encoded, "é").as_deref(), Some("&=+#%"));
        assert_eq!(query_value("a=1&b=&a=2", "a").as_deref(), Some("1"));
        assert_eq!(query_value("a=1&b=&a=2", "b"), None);
        assert_eq!(query_value("x+y=p+q", "x y").as_deref(), Some("p q"));
    }

    #[test]
    fn retry_after_in_seconds_or_as_a_date() {
        let with = |value: &str| HttpResponse {
            status: 429,
            headers: [("Retry-After".to_string(), value.to_string())].into(),
            body: Secret::default(),
        };
        let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        assert_eq!(with("7").retry_after_ms(now), Some(7000));
        assert_eq!(with("Sun, 06 Nov 1994 08:49:47 GMT").retry_after_ms(now), Some(10_000));
        assert_eq!(with("Sun, 06 Nov 1994 08:49:00 GMT").retry_after_ms(now), Some(0));
        let mut skewed = with("Sun, 06 Nov 1994 08:49:47 GMT");
        skewed.headers.push(("date".into(), "Sun, 06 Nov 1994 08:49:40 GMT".into()));
        assert_eq!(skewed.retry_after_ms(now + 86_400_000), Some(7000));
        assert_eq!(with("soon").retry_after_ms(now), None);
        assert_eq!(with("99999999999999999999").retry_after_ms(now), None);
    }

    #[test]
    fn a_request_does_not_show_its_secrets() {
        let request =
            HttpRequest::post("https://h/", "text/plain", Secret::new("canary"), Vec::new());
        assert!(!format!("{request:?}").contains("canary"));
    }
}
