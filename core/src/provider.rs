//! Providers as data: endpoints, client and the few quirks that a provider really has.

mod anthropic;
mod overrides;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::http::url::Url;

pub(crate) use anthropic::{ID as ANTHROPIC, OAUTH_PREFIX as ANTHROPIC_OAUTH_PREFIX};
pub use overrides::BadOverrides;

/// How a token endpoint takes its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenRequest {
    /// `application/x-www-form-urlencoded`, the standard's way (RFC 6749, 4.1.3).
    Form,
    /// A JSON object of the same names.
    Json,
}

/// One provider that a person can log in to with an authorization code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// The key in the credential file and the word on the command line.
    pub(crate) id: String,
    /// The name for people.
    pub(crate) name: String,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) authorize_url: String,
    pub(crate) token_url: String,
    /// The page that shows the code to copy.
    pub(crate) redirect_uri: String,
    /// Where a browser on this machine brings the code by itself.
    pub(crate) loopback_redirect_uri: LoopbackRedirect,
    pub(crate) token_request: TokenRequest,
    /// What the authorization request carries beside the standard parameters.
    pub(crate) authorize_parameters: Vec<(&'static str, &'static str)>,
    /// Whether the exchange repeats the state.
    pub(crate) state_in_exchange: bool,
}

impl Provider {
    pub(crate) fn label(&self) -> Label {
        Label { id: self.id.clone(), name: self.name.clone() }
    }
}

/// A provider's id and its name for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The key in the credential file and the word on the command line.
    pub id: String,
    /// The name for people, without control characters.
    pub name: String,
}

impl Label {
    /// The name without what stands in brackets: `Anthropic` of `Anthropic (Claude Pro/Max)`.
    pub fn short_name(&self) -> &str {
        self.name.split_once(" (").map_or(self.name.as_str(), |(short, _)| short)
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

    /// The URI once the port is known.
    pub(crate) fn uri(&self, port: u16) -> String {
        alloc::format!("http://{}:{port}{}", self.host, self.path)
    }
}

/// All providers, in the order of the selector.
#[derive(Clone, Debug)]
pub(crate) struct Table(Vec<Provider>);

impl Table {
    /// The providers that this program knows by itself.
    pub(crate) fn built_in() -> Self {
        Table([anthropic::provider()].into())
    }

    /// The same with the overrides file applied; `None` where there is no such file.
    pub(crate) fn with_overrides(json: Option<&str>) -> Result<Self, BadOverrides> {
        let mut table = Table::built_in();
        if let Some(json) = json {
            overrides::apply(&mut table.0, json)?;
        }
        Ok(table)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.id == id)
    }

    pub(crate) fn labels(&self) -> Vec<Label> {
        self.0.iter().map(Provider::label).collect()
    }

    /// The label of any provider, known or not.
    pub(crate) fn label(&self, id: &str) -> Label {
        let unknown = || Label { id: id.into(), name: crate::text::plain(id) };
        self.get(id).map_or_else(unknown, Provider::label)
    }
}

/// The variables that may hold a key for `provider`: an OAuth token, and an API key.
pub(crate) fn key_variables(provider: &str) -> (Option<&'static str>, Option<&'static str>) {
    match provider {
        anthropic::ID => (Some(anthropic::OAUTH_VARIABLE), Some(anthropic::API_KEY_VARIABLE)),
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
        let label = |name: &str| Label { id: "x".into(), name: name.into() };
        assert_eq!(label("Anthropic (Claude Pro/Max)").short_name(), "Anthropic");
        assert_eq!(label("Acme").short_name(), "Acme");
    }
}
