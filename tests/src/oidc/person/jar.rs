//! The cookies of one browser at one server.

use crate::loopback::Reply;

/// What the server has set so far.
#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    path: String,
}

impl Jar {
    /// Takes what an answer sets; an empty value takes a cookie away.
    pub(super) fn take(&mut self, reply: &Reply) {
        for line in reply.headers.get_all("set-cookie") {
            let Some(cookie) = line.to_str().ok().and_then(Cookie::parse) else { continue };
            self.0.retain(|known| (&known.name, &known.path) != (&cookie.name, &cookie.path));
            if !cookie.value.is_empty() {
                self.0.push(cookie);
            }
        }
    }

    /// The `Cookie` header for a request to this path.
    pub(super) fn header(&self, path: &str) -> String {
        let sent = self.0.iter().filter(|cookie| cookie.is_for(path));
        sent.map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect::<Vec<_>>()
            .join("; ")
    }
}

impl Cookie {
    /// A `Set-Cookie` header (RFC 6265 section 4.1).
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let path = parts
            .filter_map(|part| part.split_once('='))
            .find_map(|(key, path)| key.eq_ignore_ascii_case("path").then_some(path));
        let path = path.unwrap_or("/");
        Some(Self { name: name.to_owned(), value: value.to_owned(), path: path.to_owned() })
    }

    /// Path-match (RFC 6265 section 5.1.4).
    fn is_for(&self, path: &str) -> bool {
        path.strip_prefix(&self.path).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        })
    }
}
