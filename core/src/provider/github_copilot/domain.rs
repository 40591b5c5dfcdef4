//! The domain of a GitHub Enterprise, as people type it: a hostname and nothing else.

use alloc::string::String;
use core::fmt;

use crate::text::{cut_last, has, truncate};

/// The domain of a GitHub Enterprise, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain(String);

/// What was typed is no hostname. `Display` says what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadDomain {
    /// It has letters outside ASCII.
    NotAscii(String),
    /// It is an address.
    Address(String),
    /// It has a user name, a port, a path or what not, or is no name at all.
    NotAHostname(String),
}

impl fmt::Display for BadDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAscii(text) => {
                write!(f, "`{text}` has letters outside ASCII; write it as DNS does (xn--...)")
            }
            Self::Address(text) => write!(f, "`{text}` is an address, not a hostname"),
            Self::NotAHostname(text) => write!(f, "`{text}` is not a hostname"),
        }
    }
}

impl Domain {
    /// Takes a hostname, with an optional scheme and a trailing slash. Nothing, and github.com
    /// itself, is `None`: no Enterprise.
    ///
    /// Nothing else is taken: what a person sees in `https://github.com@evil.example/` is not
    /// where the request would go.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, BadDomain> {
        let text = text.trim();
        let without_scheme = ["https://", "http://"].iter().find_map(|scheme| {
            let (start, rest) = text.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        });
        let host = without_scheme.unwrap_or(text);
        let host = host.strip_suffix('/').unwrap_or(host).to_ascii_lowercase();
        match host.as_str() {
            "" if without_scheme.is_none() && text.is_empty() => Ok(None),
            "github.com" | "www.github.com" => Ok(None),
            name if is_hostname(name) => Ok(Some(Domain(host))),
            name if !name.is_ascii() => Err(BadDomain::NotAscii(truncate(text))),
            name if is_address(name) => Err(BadDomain::Address(truncate(text))),
            _ => Err(BadDomain::NotAHostname(truncate(text))),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether `text` is a hostname (RFC 1123, 2.1) in lower case, and no address: those that
/// end in a number are read as one by browsers.
pub(super) fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let edges = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len()) && edges && label.chars().all(inner)
    };
    let last = cut_last(text, b'.').map_or(text, |(_, last)| last);
    let is_number = |label: &str| {
        let hexadecimal = label.strip_prefix("0x");
        hexadecimal.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_hexdigit()))
            || label.chars().all(|c| c.is_ascii_digit())
    };
    text.len() <= 253 && text.split('.').all(label) && !is_number(last)
}

fn is_address(text: &str) -> bool {
    let is_v4 = has(text, '.')
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_v6 = text.split(':').count() > 2
        && text.chars().all(|c| c.is_ascii_hexdigit() || has(":.[]", c));
    is_v4 || is_v6
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_input_has_its_outcome() {
        for (text, outcome) in [
            ("", Ok(None)),
            ("  ", Ok(None)),
            ("github.com", Ok(None)),
            ("https://GitHub.com/", Ok(None)),
            ("www.github.com", Ok(None)),
            ("https://github.com/enterprises/acme", Err("is not a hostname")),
            ("ghe.example.com", Ok(Some("ghe.example.com"))),
            (" https://GHE.example.com/ ", Ok(Some("ghe.example.com"))),
            ("http://ghe.example.com", Ok(Some("ghe.example.com"))),
            ("company.ghe.com", Ok(Some("company.ghe.com"))),
            ("ghe", Ok(Some("ghe"))),
            ("xn--mnchen-3ya.example", Ok(Some("xn--mnchen-3ya.example"))),
            ("evil.com/@github.com", Err("is not a hostname")),
            ("github.com@evil.com", Err("is not a hostname")),
            ("http://u:p@h/", Err("is not a hostname")),
            ("ghe.example.com:8443", Err("is not a hostname")),
            ("ghe.example.com/path", Err("is not a hostname")),
            ("ghe.example.com//", Err("is not a hostname")),
            ("ghe.example.com?x", Err("is not a hostname")),
            ("ghe.example.com#x", Err("is not a hostname")),
            ("evil.com\\github.com", Err("is not a hostname")),
            ("ftp://ghe.example.com", Err("is not a hostname")),
            ("https://", Err("is not a hostname")),
            ("a b", Err("is not a hostname")),
            ("-x", Err("is not a hostname")),
            ("x-", Err("is not a hostname")),
            ("a..b", Err("is not a hostname")),
            ("ghe.example.com.", Err("is not a hostname")),
            ("g_he.example.com", Err("is not a hostname")),
            ("%67ithub.example", Err("is not a hostname")),
            ("..", Err("is not a hostname")),
            ("1.2.3", Err("is an address")),
            ("münchen.example", Err("outside ASCII")),
            ("gıthub.com", Err("outside ASCII")),
            ("ｇｉｔｈｕｂ.com", Err("outside ASCII")),
            ("10.0.0.1", Err("is an address")),
            ("https://127.0.0.1/", Err("is an address")),
            ("[::1]", Err("is an address")),
            ("2130706433", Err("is not a hostname")),
            ("0x7f000001", Err("is not a hostname")),
            ("ghe.example.com\n", Ok(Some("ghe.example.com"))),
            ("ghe.exa\nmple.com", Err("is not a hostname")),
        ] {
            let parsed = Domain::parse(text);
            match (&parsed, outcome) {
                (Ok(domain), Ok(expected)) => {
                    assert_eq!(domain.as_ref().map(Domain::as_str), expected, "{text}");
                }
                (Err(bad), Err(expected)) => {
                    assert!(bad.to_string().contains(expected), "{text}: {bad}");
                }
                _ => panic!("{text}: {parsed:?}"),
            }
        }
        assert!(Domain::parse(&"a.".repeat(130)).is_err());
        assert!(Domain::parse(&"a".repeat(64)).is_err());
    }
}
