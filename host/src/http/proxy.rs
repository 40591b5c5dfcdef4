//! Which proxy leads to a server, as the variables have it.
//!
//! `HTTPS_PROXY`, else `ALL_PROXY`, names it, in capitals or not; an empty one names none. `NO_PROXY`
//! lists whom it does not lead to: a host with all below it, the same with a port, addresses, networks
//! (`10.0.0.0/8`), or `*`. A name that cannot be used is an error, and never the way past the proxy.

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use pi_auth_core::http::TransportFailure;
use pi_auth_core::http::url::Url;

/// A proxy to be asked for a tunnel.
pub(super) struct Proxy {
    /// As it was named; it may hold a password.
    named: String,
    /// The same without.
    shown: String,
}

impl Proxy {
    /// The proxy that leads to an https URL; `None` where none does.
    ///
    /// # Errors
    /// [`TransportFailure::BadProxy`] where the variable names none that can be used.
    pub(super) fn to(url: &Url<'_>) -> Result<Option<Self>, TransportFailure> {
        Self::between(url, variable(&NAMES), variable(&EXCEPTIONS))
    }

    fn between(
        url: &Url<'_>,
        named: Option<String>,
        exceptions: Option<String>,
    ) -> Result<Option<Self>, TransportFailure> {
        let (Some(named), exceptions) = (named, exceptions.unwrap_or_default()) else {
            return Ok(None);
        };
        if !is_led_to(url, &exceptions) {
            return Ok(None);
        }
        let proxy = leads(&named, "", url).filter(|uri| {
            // Other protocols (SOCKS) would be spoken to in a language that they do not know.
            matches!(uri.scheme_str(), Some("http" | "https"))
        });
        let uri = proxy.ok_or(TransportFailure::BadProxy)?;
        let authority = uri.authority().ok_or(TransportFailure::BadProxy)?.as_str();
        // Whatever stands before an `@` may be a password.
        let address = authority.rsplit('@').next().unwrap_or_default();
        let shown = format!("{}://{address}", uri.scheme_str().unwrap_or("http"));
        Ok(Some(Proxy { named, shown }))
    }

    /// Its address, without a password.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The same for a client.
    pub(super) fn client(&self) -> Result<reqwest::Proxy, TransportFailure> {
        reqwest::Proxy::https(&self.named).map_err(|_| TransportFailure::BadProxy)
    }
}

const NAMES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The first of these variables that is not empty. One that is not UTF-8 is there, and no address.
fn variable(names: &[&str]) -> Option<String> {
    let set = |name: &&str| std::env::var_os(name).filter(|value| !value.is_empty());
    names.iter().find_map(set).map(|value| value.to_string_lossy().into_owned())
}

fn is_led_to(url: &Url<'_>, exceptions: &str) -> bool {
    let port = url.port.unwrap_or(443);
    // The matcher knows no ports: those of other servers are taken out, and that of this one is cut off.
    let without_port = |entry: &str| match entry.rsplit_once(':') {
        Some((host, digits)) if !host.contains(':') || host.ends_with(']') => {
            digits.parse().is_ok_and(|it: u16| it == port).then(|| host.to_owned())
        }
        _ => Some(entry.to_owned()),
    };
    let bare = |entry: String| entry.trim_matches(['[', ']']).to_owned();
    let entries = exceptions.split(',').map(str::trim).filter_map(without_port).map(bare);
    leads("http://proxy.invalid", &entries.collect::<Vec<_>>().join(","), url).is_some()
}

fn leads(named: &str, exceptions: &str, url: &Url<'_>) -> Option<Uri> {
    let uri: Uri = format!("https://{}/", url.host).parse().ok()?;
    let matcher = Matcher::builder().https(named).no(exceptions).build();
    matcher.intercept(&uri).map(|proxy| proxy.uri().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(named: &str, exceptions: &str, url: &str) -> Result<Option<String>, TransportFailure> {
        let url = Url::parse(url).unwrap();
        let proxy = Proxy::between(&url, Some(named.to_owned()), Some(exceptions.to_owned()));
        proxy.map(|proxy| proxy.map(|it| it.shown))
    }

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        for (named, address) in [
            ("http://p:3128", "http://p:3128"),
            ("p:3128", "http://p:3128"),
            ("http://user:secret@p:3128/path", "http://p:3128"),
            ("user:secret@p:3128", "http://p:3128"),
            ("https://user:secret@[::1]:3128", "https://[::1]:3128"),
            ("http://user:sec@ret@p:3128", "http://p:3128"),
            ("http://p", "http://p"),
        ] {
            assert_eq!(shown(named, "", "https://h/"), Ok(Some(address.to_owned())), "{named}");
            let url = Url::parse("https://h/").unwrap();
            let proxy = Proxy::between(&url, Some(named.to_owned()), None).unwrap().unwrap();
            assert!(proxy.client().is_ok(), "{named}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_never_the_way_past_it() {
        for named in ["::", "http://", "socks5://p:1080", "ftp://p", "/path", "a b"] {
            let failure = shown(named, "", "https://h/");
            assert_eq!(failure, Err(TransportFailure::BadProxy), "{named}");
            assert_eq!(shown(named, "h", "https://h/"), Ok(None), "nobody asks it: {named}");
        }
    }

    #[test]
    fn exceptions_are_hosts_with_all_below_them_ports_networks_and_all() {
        for (exceptions, url, is_direct) in [
            ("", "https://h.example/", false),
            ("h.example", "https://h.example/", true),
            ("H.EXAMPLE", "https://h.example:8443/", true),
            ("example", "https://h.example/", true),
            (".example", "https://h.example/", true),
            ("ample", "https://h.example/", false),
            ("h.example:443", "https://h.example/", true),
            ("h.example:8443", "https://h.example:8443/", true),
            ("h.example:8443", "https://h.example/", false),
            ("other, h.example ,", "https://h.example/", true),
            ("*", "https://h.example/", true),
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.1.2.3", "https://10.1.2.3/", true),
            ("10.1.2.3:443", "https://10.1.2.3/", true),
            ("10.1.2.3:444", "https://10.1.2.3/", false),
            ("::1", "https://[::1]/", true),
            ("[::1]:443", "https://[::1]/", true),
            ("[::1]:444", "https://[::1]/", false),
        ] {
            let way = shown("http://p:1", exceptions, url).unwrap();
            assert_eq!(way.is_none(), is_direct, "{exceptions} {url}");
        }
    }
}
