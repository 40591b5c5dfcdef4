//! RFC 6749, 4.1: the authorization request, and what comes back through the browser.

use alloc::string::String;

use crate::http::{encode_pairs, query_value};
use crate::oauth::pkce::Verifier;
use crate::provider::Provider;
use crate::secret::Secret;

/// The URL that the person's browser opens (RFC 6749, 4.1.1, and RFC 7636, 4.3).
pub(crate) fn url(
    provider: &Provider,
    redirect_uri: &str,
    verifier: &Verifier,
    state: &Secret,
) -> String {
    let mut pairs = provider.authorize_parameters.to_vec();
    let (scope, challenge) = (provider.scopes.join(" "), verifier.challenge());
    pairs.extend([
        ("client_id", provider.client_id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        ("scope", &scope),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", state.expose()),
    ]);
    let joint = if provider.authorize_url.contains('?') { '&' } else { '?' };
    alloc::format!("{}{joint}{}", provider.authorize_url, encode_pairs(&pairs))
}

/// An authorization response, by whichever way it came (RFC 6749, 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The authorization code.
    pub(crate) code: Secret,
    /// The state; a person who pastes the bare code gives none.
    pub(crate) state: Option<Secret>,
}

/// Why an authorization response is not an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The provider said no (4.1.2.1): its error code, and its words for people.
    Error { error: String, description: Option<String> },
    /// There is neither a code nor an error in it.
    NoCode,
}

/// Reads the query that the browser brought to a redirect URI, or that a person pasted.
pub(crate) fn answer(query: &str) -> Result<Answer, Refusal> {
    if let Some(error) = query_value(query, "error") {
        let description = query_value(query, "error_description");
        return Err(Refusal::Error { error, description });
    }
    let code = query_value(query, "code").ok_or(Refusal::NoCode)?;
    Ok(Answer { code: code.into(), state: query_value(query, "state").map(Secret::new) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::pkce::Entropy;
    use crate::provider::Table;

    #[test]
    fn the_url_carries_the_challenge_and_never_the_verifier() {
        let table = Table::built_in();
        let provider = table.get("anthropic").unwrap();
        let entropy = Entropy::new([7; 64]);
        let url = url(provider, "https://r/cb", &entropy.verifier(), &entropy.state());
        let (base, query) = url.split_once('?').unwrap();
        assert_eq!(base, "https://claude.ai/oauth/authorize");
        for (name, value) in [
            ("code", "true"),
            ("client_id", "9d1c250a-e61b-44d9-88ed-5944d1962f5e"),
            ("response_type", "code"),
            ("redirect_uri", "https://r/cb"),
            ("scope", "org:create_api_key user:profile user:inference"),
            ("code_challenge", entropy.verifier().challenge().as_str()),
            ("code_challenge_method", "S256"),
            ("state", entropy.state().expose()),
        ] {
            assert_eq!(query_value(query, name).as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn a_base_url_with_a_query_keeps_it() {
        let mut provider = Table::built_in().get("anthropic").unwrap().clone();
        provider.authorize_url = "https://h/a?tenant=1".into();
        let entropy = Entropy::new([7; 64]);
        let url = url(&provider, "https://r", &entropy.verifier(), &entropy.state());
        assert!(url.starts_with("https://h/a?tenant=1&code=true&"), "{url}");
    }
}
