//! Providers as data: an OAuth client, an API, and the few quirks that a provider really has.

mod anthropic;
pub(crate) mod github_copilot;
mod label;
mod origins;
mod overrides;
mod table;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::http;
use crate::oauth::client::{Client, Job};
use crate::oauth::endpoint::EndpointError;
use crate::oauth::metadata::Metadata;
use crate::oauth::token::{self, Essential, TokenResponse};
use crate::secret::Secret;
use github_copilot::{Copilot, exchange};

pub(crate) use anthropic::{ID as ANTHROPIC, OAUTH_PREFIX as ANTHROPIC_OAUTH_PREFIX};
pub(crate) use github_copilot::ID as GITHUB_COPILOT;
pub use github_copilot::domain::BadDomain;
pub use label::Label;
pub use origins::Redirected;
pub use overrides::BadOverrides;
pub(crate) use table::Table;

/// A provider that a person can log in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// The key in the credential file and the word on the command line.
    pub(crate) id: String,
    /// The name for people.
    pub(crate) name: String,
    /// This program as a client of the provider.
    pub(crate) client: Client,
    /// The base URL of the provider's API, if it is known.
    pub(crate) api_base_url: Option<String>,
    /// Headers of a request to that API, beside the key.
    pub(crate) headers: Vec<(String, String)>,
    /// Settings that only GitHub Copilot has.
    pub(crate) copilot: Option<Copilot>,
}

impl Provider {
    /// Returns the provider with the missing URLs from its issuer's metadata; see
    /// [`Client::discovered`].
    pub(crate) fn discovered(
        &self,
        metadata: Metadata,
        job: Job,
    ) -> Result<Arc<Self>, Box<EndpointError>> {
        match self.client.discovered(metadata, job) {
            Ok(client) => Ok(Arc::new(Provider { client, ..self.clone() })),
            Err(problem) => {
                let issuer = self.client.issuer.as_deref().unwrap_or_default();
                Err(EndpointError::Metadata { problem: format!("{issuer} {problem}") }.into())
            }
        }
    }

    /// Returns the request for a new access token.
    pub(crate) fn refresh(&self, refresh_token: &Secret) -> http::HttpRequest {
        match &self.client.exchange_url {
            Some(url) => exchange::request(self, url, refresh_token),
            None => token::refresh(&self.client, refresh_token),
        }
    }

    /// Reads the response to that request, as of `now_ms`.
    pub(crate) fn refreshed(
        &self,
        response: &http::HttpResponse,
        now_ms: u64,
    ) -> Result<TokenResponse, Box<EndpointError>> {
        match self.client.exchange_url {
            Some(_) => exchange::answer(response, now_ms),
            None => token::answer(response, Essential::RefreshToken, now_ms),
        }
    }

    /// Returns the name without the part in brackets; see [`Label::short_name`].
    pub(crate) fn short_name(&self) -> &str {
        label::short(&self.name)
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

/// Returns the variables that may hold a key for `provider`: an OAuth token (for Copilot a GitHub
/// token, to be exchanged), and an API key.
pub(crate) fn key_variables(provider: &str) -> (Option<&'static str>, Option<&'static str>) {
    match provider {
        anthropic::ID => (Some(anthropic::OAUTH_VARIABLE), Some(anthropic::API_KEY_VARIABLE)),
        github_copilot::ID => (Some(github_copilot::TOKEN_VARIABLE), None),
        _ => (None, None),
    }
}
