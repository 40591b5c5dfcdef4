//! A client as it is registered at an authorization server, and the endpoints of that server.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::metadata::Metadata;
use crate::callback::Loopback;
use crate::http::origin;
use crate::http::url::Url;
use crate::text::distinct;

/// A registered client (RFC 6749, 2).
///
/// An empty URL is one that the issuer's metadata names: see [`Client::discovered`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) grant: GrantType,
    pub(crate) token_url: String,
    pub(crate) token_request: RequestFormat,
    /// The endpoint that exchanges the granted token for the one that the API takes, if the server
    /// has such a second step. It is also where that token is renewed.
    pub(crate) exchange_url: Option<String>,
    /// The revocation endpoint (RFC 7009), if there is one.
    pub(crate) revocation_url: Option<String>,
    /// The issuer whose metadata names the URLs that are empty (RFC 8414).
    pub(crate) issuer: Option<String>,
    /// True if each authorization response must name its issuer (RFC 9207, 2.4).
    pub(crate) requires_iss: bool,
}

/// The format of a request to the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RequestFormat {
    /// `application/x-www-form-urlencoded`, as the standard has it (RFC 6749, 4.1.3).
    Form,
    /// A JSON object of the same names.
    Json,
}

/// The grant by which a person logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GrantType {
    /// In a browser that comes back with a code (RFC 6749, 4.1, with PKCE).
    AuthorizationCode(AuthorizationCode),
    /// In any browser, by entering a code there (RFC 8628).
    DeviceCode { device_authorization_url: String },
}

/// The settings of an authorization code grant. At least one of the two redirects is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizationCode {
    pub(crate) authorize_url: String,
    /// The page that shows the code to copy. Without it, the person copies the address that the
    /// browser could not open.
    pub(crate) redirect_uri: Option<String>,
    /// The callback on this machine.
    pub(crate) loopback_redirect_uri: Option<LoopbackRedirect>,
    /// Parameters of the authorization request beside the standard ones.
    pub(crate) parameters: Vec<(String, String)>,
    /// True if the exchange of the code repeats the state.
    pub(crate) state_in_exchange: bool,
    pub(crate) code_shape: CodeShape,
}

/// The known shape of a server's authorization codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeShape {
    /// Unknown: the codes may be short numbers.
    Any,
    /// Long and random, in the alphabet of base64url.
    Long,
}

/// A job that needs endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Login,
    Refresh,
    Revocation,
}

impl Client {
    /// Returns the issuer to ask for metadata before this job, if a URL for the job is missing.
    pub(crate) fn issuer_for(&self, job: Job) -> Option<&str> {
        let is_missing = match job {
            Job::Login => self.login_url().is_empty() || self.token_url.is_empty(),
            Job::Refresh => self.token_url.is_empty(),
            Job::Revocation => self.revocation_url.is_none(),
        };
        self.issuer.as_deref().filter(|_| is_missing)
    }

    /// Returns the client with the missing URLs from its issuer's metadata.
    ///
    /// # Errors
    /// The problem with the metadata: the job needs an endpoint that it does not name, or PKCE
    /// with S256, which the server does not support.
    pub(crate) fn discovered(&self, metadata: Metadata, job: Job) -> Result<Self, &'static str> {
        let mut client = self.clone();
        let fill = |url: &mut String, endpoint: Option<String>| {
            if url.is_empty() {
                *url = endpoint.unwrap_or_default();
            }
        };
        let missing = match &mut client.grant {
            GrantType::AuthorizationCode(code) => {
                fill(&mut code.authorize_url, metadata.authorization_endpoint);
                "has no authorization_endpoint in its metadata"
            }
            GrantType::DeviceCode { device_authorization_url } => {
                fill(device_authorization_url, metadata.device_authorization_endpoint);
                "has no device_authorization_endpoint in its metadata"
            }
        };
        fill(&mut client.token_url, metadata.token_endpoint);
        client.revocation_url = client.revocation_url.or(metadata.revocation_endpoint);
        client.requires_iss = metadata.authorization_response_iss_parameter_supported;
        let is_code = matches!(client.grant, GrantType::AuthorizationCode(_));
        match job {
            Job::Login if is_code && metadata.lacks_s256 => {
                Err("does not support PKCE with S256, which this program needs")
            }
            Job::Login if client.login_url().is_empty() => Err(missing),
            Job::Login | Job::Refresh if client.token_url.is_empty() => {
                Err("has no token_endpoint in its metadata")
            }
            _ => Ok(client),
        }
    }

    /// Returns the URL at which a login begins.
    pub(crate) fn login_url(&self) -> &str {
        match &self.grant {
            GrantType::AuthorizationCode(code) => &code.authorize_url,
            GrantType::DeviceCode { device_authorization_url } => device_authorization_url,
        }
    }

    /// Returns the URL at which a token is renewed.
    pub(crate) fn refresh_url(&self) -> &str {
        self.exchange_url.as_deref().unwrap_or(&self.token_url)
    }

    /// Returns the URLs of the server, with empty ones where only the issuer knows them.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        let others = [&self.exchange_url, &self.revocation_url, &self.issuer];
        [self.login_url(), &self.token_url]
            .into_iter()
            .chain(others.into_iter().filter_map(Option::as_deref))
    }

    /// Returns the origins that codes, refresh tokens and revocations may be sent to.
    pub(crate) fn origins(&self) -> Vec<String> {
        distinct(self.urls().filter_map(origin::of))
    }
}

/// A redirect URI on this machine: http, a loopback host, any free port (RFC 8252, 7.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoopbackRedirect {
    host: String,
    /// The port to try first; 0 is any.
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl LoopbackRedirect {
    /// Parses a URI; `None` if it is not such a redirect, or has a query.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let url = Url::parse(uri).filter(|url| !url.https && url.is_loopback())?;
        let path = if url.rest.is_empty() { "/" } else { url.rest };
        let is_path = path.starts_with('/') && !path.contains(['?', '#']);
        is_path.then(|| LoopbackRedirect {
            host: url.host.into(),
            port: url.port.unwrap_or(0),
            path: path.into(),
        })
    }

    /// Returns the addresses that a browser may come to.
    pub(crate) fn listens_on(&self) -> Loopback {
        match self.host.as_str() {
            "[::1]" => Loopback::Ipv6,
            host if host.eq_ignore_ascii_case("localhost") => Loopback::Both,
            _ => Loopback::Ipv4,
        }
    }

    /// Returns the URL of another path on the same server.
    pub(crate) fn at(&self, port: u16, path: &str) -> String {
        alloc::format!("http://{}:{port}{path}", self.host)
    }

    /// Returns the URI once the port is known.
    pub(crate) fn uri(&self, port: u16) -> String {
        self.at(port, &self.path)
    }

    /// Returns the URI as it is registered, for a login without a callback server: the person
    /// copies it from the browser's address bar.
    pub(crate) fn uri_without_server(&self) -> String {
        match self.port {
            0 => alloc::format!("http://{}{}", self.host, self.path),
            port => self.uri(port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_redirects() {
        for (uri, with_port_9) in [
            ("http://localhost:53692/callback", Some("http://localhost:9/callback")),
            ("http://127.0.0.1/cb", Some("http://127.0.0.1:9/cb")),
            ("http://[::1]:1", Some("http://[::1]:9/")),
            ("https://localhost/cb", None),
            ("http://example.com/cb", None),
            ("http://localhost/cb?x", None),
            ("http://localhost?x", None),
        ] {
            let parsed = LoopbackRedirect::parse(uri).map(|redirect| redirect.uri(9));
            assert_eq!(parsed.as_deref(), with_port_9, "{uri}");
        }
    }
}
