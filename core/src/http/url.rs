//! Which URLs this program will use at all: https, or http on a loopback host.
//!
//! Not a URL parser (that crate alone would outweigh the whole wasm module): just enough to tell
//! the scheme, the host, the port and the rest apart, and to refuse what is not plainly one.

use alloc::string::String;

use crate::text::{cut, cut_last, has, is_plain};

/// An absolute http or https URL, split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// True if the scheme is https.
    pub https: bool,
    /// The host; an IPv6 address keeps its brackets.
    pub host: &'a str,
    /// The port, where one is given.
    pub port: Option<u16>,
    /// Path, query and fragment; begins with `/`, `?` or `#`, or is empty.
    pub rest: &'a str,
}

impl<'a> Url<'a> {
    /// Splits `text`; `None` where it is not a plain absolute http(s) URL: another scheme, user
    /// information, a backslash, white space, what [`plain`](crate::text::plain) text does not
    /// have, a host that is empty or not written as DNS has it, a bad port.
    pub fn parse(text: &'a str) -> Option<Self> {
        let odd = |c: char| c.is_whitespace() || !is_plain(c) || c == '\\';
        if text.contains(odd) {
            return None;
        }
        let (scheme, after) = cut(text, "://")?;
        let https = match scheme {
            s if s.eq_ignore_ascii_case("https") => true,
            s if s.eq_ignore_ascii_case("http") => false,
            _ => return None,
        };
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, rest) = after.split_at_checked(end)?;
        let (host, port) = split_port(authority)?;
        if !is_host(host) {
            return None;
        }
        Some(Url { https, host, port, rest })
    }

    /// Returns whether the host is this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.host)
    }

    /// Returns whether a secret may be sent there: https, or a loopback host.
    pub fn is_safe(&self) -> bool {
        self.https || self.is_loopback()
    }
}

/// Why `url` cannot be used as an endpoint; `None` where it can.
pub(crate) fn problem(url: &str) -> Option<String> {
    match Url::parse(url) {
        None => Some("is not an absolute http(s) URL".into()),
        // RFC 6749, 3.1 and 3.2: what is added to the URL would land in it.
        Some(parsed) if has(parsed.rest, '#') => Some("must not have a fragment (#)".into()),
        Some(parsed) if !parsed.is_safe() => {
            Some("is plain http: use https (http is taken for loopback hosts only)".into())
        }
        Some(_) => None,
    }
}

/// Returns whether `host` may be a name or an address.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.chars().all(|c| c.is_ascii_hexdigit() || has(":.", c)),
        None => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || has("-._", c);
            !host.is_empty() && !host.starts_with(['-', '.']) && host.chars().all(is_plain)
        }
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    // A colon inside brackets belongs to an IPv6 address.
    let after = cut_last(authority, b']').map_or(authority, |(_, after)| after);
    match after.split_once(':') {
        None => Some((authority, None)),
        Some((_, port)) => {
            let host = authority.strip_suffix(port)?.strip_suffix(':')?;
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            Some((host, Some(port.parse().ok().filter(|_| is_number)?)))
        }
    }
}

/// Strict about addresses: to other parsers `0127.0.0.1` is octal, and so another machine.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host == "[::1]"
        || host
            .strip_prefix("127.")
            .is_some_and(|rest| rest.split('.').count() == 3 && rest.split('.').all(is_octet))
}

/// Returns whether `text` is a number up to 255 without leading zeros.
fn is_octet(text: &str) -> bool {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_small = text.len() < 3 || text.len() == 3 && text <= "255";
    !text.is_empty() && is_number && is_small && (text == "0" || !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_used() {
        for (url, safe) in [
            ("https://claude.ai/oauth/authorize", true),
            ("HTTPS://claude.ai", true),
            ("https://host:8443?x=1", true),
            ("http://localhost:1/x", true),
            ("http://127.0.0.1:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8080/", true),
            ("http://claude.ai", false),
            ("http://127.0.0.1.evil.com", false),
            ("http://127.evil.com", false),
            ("http://0127.0.0.1", false),
            ("http://127.1", false),
            ("http://127.0.0.256", false),
            ("http://127.0.0.1.1", false),
            ("http://127.0.0.01", false),
            ("http://127.0.0.", false),
            ("https://münchen.example", false),
            ("https://xn--mnchen-3ya.example", true),
            ("https://host/token#fragment", false),
            ("http://localhost.evil.com", false),
            ("http://localhost@evil.com", false),
            ("https://u:p@host/", false),
            ("https://evil.com\\@host/", false),
            ("https://a b/", false),
            ("https://host/\u{202e}gpj", false),
            ("https://", false),
            ("https://h:99999/", false),
            ("https://h:/", false),
            ("https://h:+443/", false),
            ("https://a[b]c/", false),
            ("https://[::1", false),
            ("https://../", false),
            ("https://-/", false),
            ("ftp://host/", false),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("claude.ai", false),
            ("", false),
        ] {
            assert_eq!(problem(url).is_none(), safe, "{url}");
        }
    }

    #[test]
    fn the_parts() {
        let url = Url::parse("http://localhost:53692/callback?a#b").unwrap();
        assert_eq!((url.https, url.host, url.port), (false, "localhost", Some(53692)));
        assert_eq!(url.rest, "/callback?a#b");
        assert_eq!(Url::parse("https://[::1]/").unwrap().port, None);
    }
}
