//! Where each login would be refreshed, and what it waits for: told without a flow, for a host that
//! looks for what is wrong.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::token::located;
use crate::error::Error;
use crate::oauth::client::Job;
use crate::oauth::endpoint::EndpointError;
use crate::provider::{BadOverrides, Label, Provider, Table};
use crate::secret::Secret;
use crate::store::backoff::Backoff;
use crate::store::credential::Credential;
use crate::store::document::{Document, Entry};

/// Where a token is refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEndpoint {
    /// The provider, at the Enterprise that the login is for.
    pub provider: Label,
    /// The token endpoint, or the issuer where only that knows it; an error where the login names
    /// an Enterprise that cannot be used.
    pub url: Result<String, Box<Error>>,
    /// Why nobody is to ask it now, and for how long. Never there where only the issuer knows the
    /// token endpoint: failures are remembered by that, and nobody asks the issuer here.
    pub resting: Option<EndpointError>,
}

/// Those of whoever is logged in, in the order of the selector; those of the built-in providers
/// where nobody is, or nobody can tell. `overrides` and `backoff` are the contents of these files.
///
/// # Errors
/// What is wrong with the overrides.
pub fn token_endpoints(
    overrides: Option<&str>,
    document: Option<&Document>,
    backoff: Option<&Secret>,
    now_ms: u64,
) -> Result<Vec<TokenEndpoint>, BadOverrides> {
    let table = Table::with_overrides(overrides)?;
    let backoff = Backoff::parse(backoff);
    let mut endpoints = Vec::new();
    for label in table.labels() {
        let (Some(provider), Some(Entry::OAuth(login))) =
            (table.get(&label.id), document.and_then(|document| document.get(&label.id)))
        else {
            continue;
        };
        endpoints.push(match located(provider, login.enterprise.as_deref()) {
            Ok(provider) => endpoint(&provider, Some((&login, &backoff, now_ms))),
            Err(error) => TokenEndpoint { provider: label, url: Err(error), resting: None },
        });
    }
    if endpoints.is_empty() {
        let built_in = Table::built_in().labels().into_iter();
        let providers = built_in.filter_map(|label| table.get(&label.id));
        endpoints.extend(providers.map(|provider| endpoint(&provider.at(None), None)));
    }
    Ok(endpoints)
}

fn endpoint(provider: &Provider, login: Option<(&Credential, &Backoff, u64)>) -> TokenEndpoint {
    let url =
        provider.client.issuer_for(Job::Refresh).unwrap_or_else(|| provider.client.refresh_url());
    let resting = login.and_then(|(login, backoff, now_ms)| {
        backoff.cause(provider, login.refresh.as_ref()?, now_ms)
    });
    TokenEndpoint { provider: provider.label(), url: Ok(url.to_string()), resting }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::backoff::Tokens;

    const NOW: u64 = 1_700_000_000_000;

    fn endpoints(overrides: Option<&str>, file: &str, backoff: &Secret) -> Vec<TokenEndpoint> {
        let document = Document::parse(Some(file)).unwrap();
        token_endpoints(overrides, Some(&document), Some(backoff), NOW).unwrap()
    }

    fn urls(overrides: Option<&str>, file: &str) -> Vec<String> {
        let all = endpoints(overrides, file, &Secret::default());
        all.into_iter().map(|endpoint| endpoint.url.unwrap_or_else(|e| e.to_string())).collect()
    }

    #[test]
    fn they_are_those_of_whoever_is_logged_in_with_overrides_and_enterprise() {
        const ANTHROPIC: &str = "https://platform.claude.com/v1/oauth/token";
        const COPILOT: &str = "https://api.github.com/copilot_internal/v2/token";
        let acme =
            r#"{"acme":{"flow":"device_code","client_id":"c","issuer":"https://a.example"}}"#;
        for (overrides, file, expected) in [
            (None, "{}", &[ANTHROPIC, COPILOT][..]),
            (None, r#"{"anthropic":{"type":"api_key","key":"k"}}"#, &[ANTHROPIC, COPILOT]),
            (None, r#"{"anthropic":{"type":"oauth"}}"#, &[ANTHROPIC]),
            (None, r#"{"unknown":{"type":"oauth"},"github-copilot":{"type":"oauth"}}"#, &[COPILOT]),
            (
                None,
                r#"{"github-copilot":{"type":"oauth","enterpriseUrl":"ghe.example.com"}}"#,
                &["https://api.ghe.example.com/copilot_internal/v2/token"],
            ),
            (
                None,
                r#"{"github-copilot":{"type":"oauth","enterpriseUrl":"a b"}}"#,
                &[
                    "The `enterpriseUrl` of the stored login cannot be used: `a b` is not a hostname.",
                ],
            ),
            (
                Some(r#"{"anthropic":{"token_url":"http://127.0.0.1:9/t"}}"#),
                r#"{"anthropic":{"type":"oauth"}}"#,
                &["http://127.0.0.1:9/t"],
            ),
            (Some(acme), "{}", &[ANTHROPIC, COPILOT]),
            (Some(acme), r#"{"acme":{"type":"oauth"}}"#, &["https://a.example"]),
        ] {
            assert_eq!(urls(overrides, file), expected, "{file}");
        }
        assert!(token_endpoints(Some("["), None, None, NOW).is_err());
    }

    #[test]
    fn one_that_was_asked_in_vain_a_moment_ago_rests_for_that_login() {
        let file = |token: &str| {
            alloc::format!(r#"{{"anthropic":{{"type":"oauth","refresh":"{token}"}}}}"#)
        };
        let provider = Table::built_in().get("anthropic").unwrap().clone();
        let cause = EndpointError::RateLimited { after_ms: Some(7000) };
        let (backoff, _) =
            Backoff::default().remember(&provider, Tokens::kept(&"r".into()), &cause, NOW).unwrap();
        assert_eq!(endpoints(None, &file("r"), &backoff)[0].resting, Some(cause));
        assert_eq!(endpoints(None, &file("another"), &backoff)[0].resting, None);
    }
}
