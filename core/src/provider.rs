//! Providers as data: endpoints, client and the few quirks that a provider really has.

mod anthropic;
pub(crate) mod github_copilot;
mod origins;
mod overrides;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::callback::Loopback;
use crate::http;
use crate::http::url::Url;
use crate::oauth::endpoint::EndpointError;
use crate::oauth::metadata::Metadata;
use crate::oauth::paste::CodeShape;
use crate::oauth::token::{self, Essential, Grant};
use crate::secret::Secret;
use crate::text::cut;
use github_copilot::{Copilot, exchange};

pub(crate) use anthropic::{ID as ANTHROPIC, OAUTH_PREFIX as ANTHROPIC_OAUTH_PREFIX};
pub(crate) use github_copilot::ID as GITHUB_COPILOT;
pub use github_copilot::domain::BadDomain;
pub use origins::Redirected;
pub use overrides::BadOverrides;

/// How a token endpoint takes its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenRequest {
    /// `application/x-www-form-urlencoded`, the standard's way (RFC 6749, 4.1.3).
    Form,
    /// A JSON object of the same names.
    Json,
}

/// One provider that a person can log in to.
///
/// A URL that is empty is one that the issuer's metadata tells: see [`Provider::discovered`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// The key in the credential file and the word on the command line.
    pub(crate) id: String,
    /// The name for people.
    pub(crate) name: String,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) login: Login,
    pub(crate) token_url: String,
    pub(crate) token_request: TokenRequest,
    /// Where a login is ended (RFC 7009), if anywhere.
    pub(crate) revocation_url: Option<String>,
    /// The issuer whose metadata tells the URLs that are not given (RFC 8414).
    pub(crate) issuer: Option<String>,
    /// Whether an authorization response has to name its issuer (RFC 9207, 2.4).
    pub(crate) requires_iss: bool,
    /// Where the provider's API is, for those who ask.
    pub(crate) api_base_url: Option<String>,
    /// What a request to that API carries beside the key.
    pub(crate) headers: Vec<(String, String)>,
    /// What only GitHub Copilot has.
    pub(crate) copilot: Option<Copilot>,
}

/// How a person logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// In a browser that comes back with a code (RFC 6749, 4.1, with PKCE).
    AuthorizationCode(AuthorizationCode),
    /// In any browser, by a code that is entered there (RFC 8628).
    DeviceCode { device_authorization_url: String },
}

/// What is particular to the authorization code grant; one of the two redirects is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizationCode {
    pub(crate) authorize_url: String,
    /// The page that shows the code to copy. Without one, the person copies the address to which
    /// the browser was sent in vain.
    pub(crate) redirect_uri: Option<String>,
    /// Where a browser on this machine brings the code by itself.
    pub(crate) loopback_redirect_uri: Option<LoopbackRedirect>,
    /// What the authorization request carries beside the standard parameters.
    pub(crate) parameters: Vec<(String, String)>,
    /// Whether the exchange repeats the state.
    pub(crate) state_in_exchange: bool,
    /// The look of its codes.
    pub(crate) code_shape: CodeShape,
}

/// What somebody wants to do at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Login,
    Refresh,
    Revocation,
}

impl Provider {
    /// The issuer to ask before this can be done, if a URL for it is not given.
    pub(crate) fn issuer_for(&self, job: Job) -> Option<&str> {
        let login_url = match &self.login {
            Login::AuthorizationCode(login) => &login.authorize_url,
            Login::DeviceCode { device_authorization_url } => device_authorization_url,
        };
        let is_missing = match job {
            Job::Login => login_url.is_empty() || self.token_url.is_empty(),
            Job::Refresh => self.token_url.is_empty(),
            Job::Revocation => self.revocation_url.is_none(),
        };
        self.issuer.as_deref().filter(|_| is_missing)
    }

    /// The same with the URLs that the metadata of its issuer tells, where none is given. Those
    /// that `job` needs have to be there.
    pub(crate) fn discovered(
        &self,
        metadata: Metadata,
        job: Job,
    ) -> Result<Arc<Self>, Box<EndpointError>> {
        let mut found = self.clone();
        match found.learn(metadata, job) {
            None => Ok(Arc::new(found)),
            Some(lack) => {
                let issuer = self.issuer.as_deref().unwrap_or_default();
                Err(EndpointError::Metadata { problem: alloc::format!("{issuer} {lack}") }.into())
            }
        }
    }

    /// Takes from the metadata what is not there yet. Tells what the job still lacks then.
    fn learn(&mut self, metadata: Metadata, job: Job) -> Option<&'static str> {
        let fill = |url: &mut String, endpoint: Option<String>| {
            if url.is_empty() {
                *url = endpoint.unwrap_or_default();
            }
        };
        let is_code = matches!(self.login, Login::AuthorizationCode(_));
        let (login_url, endpoint, lack) = match &mut self.login {
            Login::AuthorizationCode(login) => (
                &mut login.authorize_url,
                metadata.authorization_endpoint,
                "has no authorization_endpoint in its metadata",
            ),
            Login::DeviceCode { device_authorization_url } => (
                device_authorization_url,
                metadata.device_authorization_endpoint,
                "has no device_authorization_endpoint in its metadata",
            ),
        };
        fill(login_url, endpoint);
        fill(&mut self.token_url, metadata.token_endpoint);
        if self.revocation_url.is_none() {
            self.revocation_url = metadata.revocation_endpoint;
        }
        self.requires_iss = metadata.authorization_response_iss_parameter_supported;
        match job {
            Job::Login if is_code && metadata.lacks_s256 => {
                Some("does not support PKCE with S256, which this program needs")
            }
            Job::Login if login_url.is_empty() => Some(lack),
            Job::Login | Job::Refresh if self.token_url.is_empty() => {
                Some("has no token_endpoint in its metadata")
            }
            _ => None,
        }
    }

    /// What asks for a new access token.
    pub(crate) fn refresh(&self, refresh_token: &Secret) -> http::Request {
        match &self.copilot {
            Some(copilot) => exchange::request(self, copilot, refresh_token),
            None => token::refresh(self, refresh_token),
        }
    }

    /// What the answer to that means, as of `now_ms`.
    pub(crate) fn refreshed(
        &self,
        response: &http::Response,
        now_ms: u64,
    ) -> Result<Grant, Box<EndpointError>> {
        match self.copilot {
            Some(_) => exchange::answer(response, now_ms),
            None => token::answer(response, Essential::RefreshToken, now_ms),
        }
    }

    /// Where that is asked.
    pub(crate) fn refresh_url(&self) -> &str {
        self.copilot.as_ref().map_or(&self.token_url, |copilot| &copilot.token_url)
    }

    /// The name without what stands in brackets; see [`Label::short_name`].
    pub(crate) fn short_name(&self) -> &str {
        short(&self.name)
    }

    pub(crate) fn label(&self) -> Label {
        let enterprise = self.copilot.as_ref().and_then(|copilot| copilot.enterprise.as_ref());
        Label {
            id: self.id.clone(),
            name: self.name.clone(),
            enterprise: enterprise.map(|domain| domain.as_str().into()),
        }
    }
}

/// A provider's id and its name for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Label {
    /// The key in the credential file and the word on the command line.
    pub id: String,
    /// The name for people, without control characters.
    pub name: String,
    /// The domain of the GitHub Enterprise that is meant.
    #[cfg_attr(test, ts(optional))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise: Option<Box<str>>,
}

impl Label {
    /// The name without what stands in brackets: `Anthropic` of `Anthropic (Claude Pro/Max)`.
    pub fn short_name(&self) -> &str {
        short(&self.name)
    }
}

fn short(name: &str) -> &str {
    cut(name, " (").map_or(name, |(short, _)| short)
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
    fn parse(uri: &str) -> Option<Self> {
        let url = Url::parse(uri).filter(|url| !url.https && url.is_loopback())?;
        let path = if url.rest.is_empty() { "/" } else { url.rest };
        let plain = path.starts_with('/') && !path.contains(['?', '#']);
        plain.then(|| LoopbackRedirect {
            host: url.host.into(),
            port: url.port.unwrap_or(0),
            path: path.into(),
        })
    }

    /// The addresses that a browser may come to.
    pub(crate) fn listens_on(&self) -> Loopback {
        match self.host.as_str() {
            "[::1]" => Loopback::Ipv6,
            host if host.eq_ignore_ascii_case("localhost") => Loopback::Both,
            _ => Loopback::Ipv4,
        }
    }

    /// The address of another path on the same server.
    pub(crate) fn at(&self, port: u16, path: &str) -> String {
        alloc::format!("http://{}:{port}{path}", self.host)
    }

    /// The URI once the port is known.
    pub(crate) fn uri(&self, port: u16) -> String {
        self.at(port, &self.path)
    }

    /// The URI as it is registered, where nobody listens: the person copies it from the browser.
    pub(crate) fn uri_in_vain(&self) -> String {
        match self.port {
            0 => alloc::format!("http://{}{}", self.host, self.path),
            port => self.uri(port),
        }
    }
}

/// All providers, in the order of the selector.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    providers: Vec<Arc<Provider>>,
    /// The overrides file, as it is shown to people; empty where it is of no interest.
    overrides: String,
}

impl Table {
    /// The providers that this program knows by itself.
    pub(crate) fn built_in() -> Self {
        Table::of(built_in())
    }

    /// The same with the overrides file applied; `None` where there is no such file.
    pub(crate) fn with_overrides(json: Option<&str>) -> Result<Self, BadOverrides> {
        let mut providers = built_in();
        if let Some(json) = json {
            overrides::apply(&mut providers, json)?;
        }
        Ok(Table::of(providers))
    }

    fn of(providers: Vec<Provider>) -> Self {
        let providers = providers.into_iter().map(Arc::new).collect();
        Table { providers, overrides: String::new() }
    }

    /// The table with the name of the overrides file, for notes.
    pub(crate) fn read_from(self, path: &str) -> Self {
        Table { overrides: path.into(), ..self }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.id == id)
    }

    /// The one that stands at this place in [`Table::labels`].
    pub(crate) fn nth(&self, index: usize) -> Option<&Arc<Provider>> {
        self.providers.get(index)
    }

    pub(crate) fn labels(&self) -> Vec<Label> {
        self.providers.iter().map(|provider| provider.label()).collect()
    }

    /// The label of any provider, known or not.
    pub(crate) fn label(&self, id: &str) -> Label {
        let unknown = || Label { id: id.into(), name: crate::text::plain(id), enterprise: None };
        self.get(id).map_or_else(unknown, |provider| provider.label())
    }
}

fn built_in() -> Vec<Provider> {
    [anthropic::provider(), github_copilot::provider()].into()
}

/// The variables that may hold a key for `provider`: an OAuth token (for Copilot a GitHub token, to
/// be exchanged), and an API key.
pub(crate) fn key_variables(provider: &str) -> (Option<&'static str>, Option<&'static str>) {
    match provider {
        anthropic::ID => (Some(anthropic::OAUTH_VARIABLE), Some(anthropic::API_KEY_VARIABLE)),
        github_copilot::ID => (Some(github_copilot::TOKEN_VARIABLE), None),
        _ => (None, None),
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

    #[test]
    fn short_names() {
        let label = |name: &str| Label { id: "x".into(), name: name.into(), enterprise: None };
        assert_eq!(label("Anthropic (Claude Pro/Max)").short_name(), "Anthropic");
        assert_eq!(label("Acme").short_name(), "Acme");
    }
}
