//! Origins that a secret may be sent to (RFC 6454, 4): `https://api.github.com`,
//! `http://127.0.0.1:8080`, or `https://*.githubcopilot.com` for every host below that domain.
//!
//! The providers' data names them; a host checks each request against them right before it sends
//! it.

use alloc::format;
use alloc::string::String;

use super::url::Url;

/// Returns the origin of `url`, in lower case and without a default port; `None` where nothing
/// secret may be sent there at all.
pub fn of(url: &str) -> Option<String> {
    let url = Url::parse(url).filter(Url::is_safe)?;
    let scheme = if url.https { "https" } else { "http" };
    Some(format!("{scheme}://{}", host(&url)))
}

/// Returns the host of `url`, with the port unless that is the default.
pub(crate) fn host(url: &Url<'_>) -> String {
    let host = url.host.to_ascii_lowercase();
    let default = if url.https { 443 } else { 80 };
    match url.port.filter(|port| *port != default) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// Returns whether one of `origins` allows to send a secret to `url`.
pub fn is_allowed(origins: &[String], url: &str) -> bool {
    let Some(origin) = of(url) else { return false };
    origins.iter().any(|allowed| match allowed.strip_prefix("https://*.") {
        // The port is behind the host, so one that is not the default never matches.
        Some(domain) => is_below(&origin, domain),
        None => of(allowed).is_some_and(|allowed| allowed == origin),
    })
}

fn is_below(origin: &str, domain: &str) -> bool {
    let host = origin.strip_prefix("https://").and_then(|host| host.strip_suffix(domain));
    !domain.is_empty() && host.is_some_and(|label| label.len() > 1 && label.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_scheme_the_host_and_a_port_that_is_not_the_default() {
        for (url, origin) in [
            ("https://H.example/a?b", Some("https://h.example")),
            ("HTTPS://h.example:443", Some("https://h.example")),
            ("https://h.example:8443/", Some("https://h.example:8443")),
            ("http://127.0.0.1:80/x", Some("http://127.0.0.1")),
            ("http://[::1]:1/", Some("http://[::1]:1")),
            ("http://h.example/", None),
            ("https://u@h.example/", None),
            ("h.example", None),
            ("", None),
        ] {
            assert_eq!(of(url).as_deref(), origin, "{url}");
        }
    }

    #[test]
    fn a_secret_goes_to_an_origin_that_is_named_and_to_no_other() {
        let origins =
            ["https://api.github.com", "https://*.githubcopilot.com", "http://127.0.0.1:8"];
        let origins = origins.map(String::from);
        for (url, allowed) in [
            ("https://api.github.com/copilot_internal/v2/token", true),
            ("https://API.github.com:443/", true),
            ("https://api.individual.githubcopilot.com/models", true),
            ("https://x.githubcopilot.com", true),
            ("http://127.0.0.1:8/token", true),
            ("http://api.github.com/", false),
            ("https://api.github.com:8443/", false),
            ("https://api.github.com.evil.example/", false),
            ("https://evil.example/api.github.com", false),
            ("https://api.github.com@evil.example/", false),
            ("https://api.github.com./", false),
            ("https://github.com/", false),
            ("https://githubcopilot.com/", false),
            ("https://.githubcopilot.com/", false),
            ("https://evilgithubcopilot.com/", false),
            ("https://x.githubcopilot.com:8443/", false),
            ("https://x.githubcopilot.com.evil.example/", false),
            ("http://x.githubcopilot.com/", false),
            ("http://127.0.0.1:9/", false),
            ("https://127.0.0.1:8/", false),
            ("http://127.0.0.1.evil.example:8/", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(&origins, url), allowed, "{url}");
        }
        assert!(!is_allowed(&[], "https://api.github.com/"));
        for useless in ["", "*", "https://*.", "https://*", "http://evil.example", "evil.example"] {
            let origins = [String::from(useless)];
            for url in ["https://evil.example/", "http://evil.example/"] {
                assert!(!is_allowed(&origins, url), "{useless} {url}");
            }
        }
    }
}
