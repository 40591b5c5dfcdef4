//! The overrides file (`auth-providers.json`): endpoints, clients and scopes as a person sets them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LoopbackRedirect, Provider, TokenRequest};
use crate::http::url;

/// Why an overrides file cannot be used, naming the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOverrides {
    /// The key, such as `anthropic.token_url`; empty where the file as a whole is wrong.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for BadOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => f.write_str(&self.problem),
            key => write!(f, "{key} {}", self.problem),
        }
    }
}

/// What one entry may set. Anything it does not name is a mistake worth telling.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    name: Option<String>,
    client_id: Option<String>,
    scopes: Option<Vec<String>>,
    authorize_url: Option<String>,
    token_url: Option<String>,
    redirect_uri: Option<String>,
    loopback_redirect_uri: Option<String>,
    token_request: Option<TokenRequest>,
}

pub(super) fn apply(providers: &mut [Provider], json: &str) -> Result<(), BadOverrides> {
    let file = |problem: String| BadOverrides { key: String::new(), problem };
    let entries: Map<String, Value> =
        serde_json::from_str(json).map_err(|e| file(format!("it is not a JSON object: {e}")))?;
    for (id, value) in entries {
        let wrong = |problem: String| BadOverrides { key: crate::text::plain(&id), problem };
        let entry: Override = serde_json::from_value(value)
            .map_err(|e| wrong(crate::text::plain(&format!("is wrong: {e}"))))?;
        let known = || providers.iter().map(|p| p.id.clone()).collect::<Vec<_>>().join(", ");
        match providers.iter().position(|provider| provider.id == id) {
            Some(at) => entry.apply(&mut providers[at])?,
            None => return Err(wrong(format!("is not a provider; known are: {}", known()))),
        }
    }
    Ok(())
}

impl Override {
    fn apply(self, provider: &mut Provider) -> Result<(), BadOverrides> {
        let id = provider.id.clone();
        let wrong = |key: &str, problem: &str| BadOverrides {
            key: format!("{id}.{key}"),
            problem: problem.to_string(),
        };
        let url = |key: &str, value: Option<String>, field: &mut String| match value {
            None => Ok(()),
            Some(value) => match url::problem(&value) {
                Some(problem) => Err(wrong(key, &problem)),
                None => {
                    *field = value;
                    Ok(())
                }
            },
        };
        url("authorize_url", self.authorize_url, &mut provider.authorize_url)?;
        url("token_url", self.token_url, &mut provider.token_url)?;
        url("redirect_uri", self.redirect_uri, &mut provider.redirect_uri)?;
        if let Some(uri) = self.loopback_redirect_uri {
            provider.loopback_redirect_uri = LoopbackRedirect::parse(&uri).ok_or_else(|| {
                let example = "is not a loopback URI such as http://localhost:53692/callback";
                wrong("loopback_redirect_uri", example)
            })?;
        }
        if let Some(client_id) = self.client_id {
            provider.client_id = client_id;
        }
        if let Some(scopes) = self.scopes {
            provider.scopes = scopes;
        }
        if let Some(token_request) = self.token_request {
            provider.token_request = token_request;
        }
        if let Some(name) = self.name {
            provider.name = crate::text::plain(&name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Table, TokenRequest};

    #[test]
    fn every_field_can_be_set() {
        let json = r#"{"anthropic": {
            "name": "Claude\u001b[2J at work", "client_id": "c", "scopes": ["s", "t"],
            "authorize_url": "https://a/", "token_url": "http://127.0.0.1:1/t",
            "redirect_uri": "https://r/", "loopback_redirect_uri": "http://127.0.0.1/cb",
            "token_request": "form"
        }}"#;
        let table = Table::with_overrides(Some(json)).unwrap();
        let provider = table.get("anthropic").unwrap();
        assert_eq!(provider.name, "Claude[2J at work");
        assert_eq!((provider.client_id.as_str(), provider.scopes.len()), ("c", 2));
        assert_eq!(provider.authorize_url, "https://a/");
        assert_eq!(provider.token_url, "http://127.0.0.1:1/t");
        assert_eq!(provider.redirect_uri, "https://r/");
        assert_eq!(provider.loopback_redirect_uri.uri(7), "http://127.0.0.1:7/cb");
        assert_eq!(provider.token_request, TokenRequest::Form);
    }

    #[test]
    fn what_is_not_named_stays() {
        let table = Table::with_overrides(Some(r#"{"anthropic":{"client_id":"c"}}"#)).unwrap();
        let built_in = Table::built_in();
        let (one, other) = (table.get("anthropic").unwrap(), built_in.get("anthropic").unwrap());
        assert_eq!(one.token_url, other.token_url);
        assert_eq!(one.scopes, other.scopes);
    }

    #[test]
    fn a_wrong_file_names_the_key() {
        for (json, message) in [
            ("{", "it is not a JSON object: EOF while parsing"),
            ("[]", "it is not a JSON object: invalid type"),
            (r#"{"acme":{}}"#, "acme is not a provider; known are: anthropic"),
            (r#"{"anthropic":[1]}"#, "anthropic is wrong: "),
            (r#"{"anthropic":{"tokenUrl":"x"}}"#, "anthropic is wrong: unknown field `tokenUrl`"),
            (r#"{"anthropic":{"scopes":"a b"}}"#, "anthropic is wrong: invalid type: string"),
            (
                r#"{"anthropic":{"token_url":"http://evil.com/"}}"#,
                "anthropic.token_url is plain http: use https",
            ),
            (
                r#"{"anthropic":{"authorize_url":"claude.ai"}}"#,
                "anthropic.authorize_url is not an absolute http(s) URL",
            ),
            (
                r#"{"anthropic":{"loopback_redirect_uri":"https://example.com/"}}"#,
                "anthropic.loopback_redirect_uri is not a loopback URI",
            ),
        ] {
            let error = Table::with_overrides(Some(json)).unwrap_err();
            assert!(alloc::format!("{error}").starts_with(message), "{json}: {error}");
        }
    }
}
