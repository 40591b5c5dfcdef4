//! RFC 6749, 4.1: the authorization request, and what comes back through the browser.

use alloc::string::String;
use alloc::vec::Vec;

use super::client::{AuthorizationCode, Client};
use super::pkce::Verifier;
use crate::http::{encode_pairs, query_value};
use crate::secret::Secret;
use crate::text::has;

/// The URL that the person's browser opens (RFC 6749, 4.1.1, and RFC 7636, 4.3).
pub(crate) fn url(
    client: &Client,
    endpoints: &AuthorizationCode,
    redirect_uri: &str,
    verifier: &Verifier,
    state: &Secret,
) -> String {
    let (scope, challenge) = (client.scopes.join(" "), verifier.challenge());
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (name, value) in &endpoints.parameters {
        pairs.push((name, value));
    }
    pairs.extend([
        ("client_id", client.client_id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
    ]);
    if !scope.is_empty() {
        pairs.push(("scope", &scope));
    }
    pairs.extend([
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("state", state.expose()),
    ]);
    let joint = if has(&endpoints.authorize_url, '?') { "&" } else { "?" };
    alloc::format!("{}{joint}{}", endpoints.authorize_url, encode_pairs(&pairs))
}

/// An authorization response, by whichever way it came (RFC 6749, 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizationResponse {
    /// The authorization code.
    pub(crate) code: Secret,
    /// The state; a person who pastes the bare code gives none.
    pub(crate) state: Option<Secret>,
    /// Who answered (RFC 9207, 2).
    pub(crate) iss: Option<String>,
    /// True if it is a code alone, pasted, which cannot say who answered.
    pub(crate) is_bare: bool,
}

/// Why an authorization response is not an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthorizationError {
    /// The provider said no (4.1.2.1): its error code, its words for people, and to which login.
    Error { error: String, description: Option<String>, state: Option<Secret> },
    /// There is neither a code nor an error in it.
    NoCode,
}

/// Reads the query that the browser brought to a redirect URI, or that a person pasted.
pub(crate) fn answer(query: &str) -> Result<AuthorizationResponse, AuthorizationError> {
    let state = query_value(query, "state").map(Secret::new);
    if let Some(error) = query_value(query, "error") {
        let description = query_value(query, "error_description");
        return Err(AuthorizationError::Error { error, description, state });
    }
    let code = query_value(query, "code").ok_or(AuthorizationError::NoCode)?;
    Ok(AuthorizationResponse {
        code: code.into(),
        state,
        iss: query_value(query, "iss"),
        is_bare: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::client::GrantType;
    use crate::oauth::pkce::Entropy;
    use crate::provider::Table;

    fn anthropic() -> (Client, AuthorizationCode) {
        let client = Table::built_in().get("anthropic").unwrap().client.clone();
        match client.grant.clone() {
            GrantType::AuthorizationCode(endpoints) => (client, endpoints),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_url_carries_the_challenge_and_never_the_verifier() {
        let (client, endpoints) = anthropic();
        let entropy = Entropy::new([7; 64]);
        let (verifier, state) = (entropy.verifier(), entropy.state());
        let url = url(&client, &endpoints, "https://r/cb", &verifier, &state);
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
        let (mut client, mut endpoints) = anthropic();
        endpoints.authorize_url = "https://h/a?tenant=1".into();
        client.scopes.clear();
        let entropy = Entropy::new([7; 64]);
        let url = url(&client, &endpoints, "https://r", &entropy.verifier(), &entropy.state());
        assert!(url.starts_with("https://h/a?tenant=1&code=true&"), "{url}");
        assert!(!url.contains("scope="), "no scope is not an empty one: {url}");
    }
}
