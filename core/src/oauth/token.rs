//! RFC 6749, 4.1.3, 5 and 6: what is sent to a token endpoint, and what its answer means.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::credential::{BUFFER_MS, Credential};
use crate::http::{Request, Response, TransportFailure, encode_pairs};
use crate::oauth::authorization::Answer;
use crate::oauth::pkce::Verifier;
use crate::provider::{Provider, TokenRequest};
use crate::secret::Secret;
use crate::text::brief;

/// What is assumed of an access token whose answer has no `expires_in`, in seconds.
///
/// RFC 6749, 5.1 only recommends the field. An hour is short enough that a wrong guess costs one
/// early refresh.
const DEFAULT_EXPIRES_IN_S: u64 = 3600;

/// The latest `expires` that is stored: JavaScript's largest safe integer, for the agent's sake.
const MAX_EXPIRES: u64 = (1 << 53) - 1;

/// The exchange of an authorization code (4.1.3, with RFC 7636's verifier).
pub(crate) fn exchange(
    provider: &Provider,
    answer: &Answer,
    state: &Secret,
    redirect_uri: &str,
    verifier: &Verifier,
) -> Request {
    let mut fields = alloc::vec![
        ("grant_type", "authorization_code"),
        ("client_id", &provider.client_id),
        ("code", answer.code.expose()),
    ];
    if provider.state_in_exchange {
        fields.push(("state", state.expose()));
    }
    fields.extend([("redirect_uri", redirect_uri), ("code_verifier", verifier.secret().expose())]);
    request(provider, &fields)
}

/// A refresh (6). It names no scope: the server keeps the granted one, and Anthropic's answers
/// `invalid_scope` to any.
pub(crate) fn refresh(provider: &Provider, refresh_token: &Secret) -> Request {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", provider.client_id.as_str()),
        ("refresh_token", refresh_token.expose()),
    ];
    request(provider, &fields)
}

fn request(provider: &Provider, fields: &[(&str, &str)]) -> Request {
    let (content_type, body) = match provider.token_request {
        TokenRequest::Form => ("application/x-www-form-urlencoded", encode_pairs(fields)),
        TokenRequest::Json => {
            let text = |text: &str| Value::from(text).to_string();
            let member = |(name, value): &(&str, &str)| format!("{}:{}", text(name), text(value));
            let members: Vec<String> = fields.iter().map(member).collect();
            ("application/json", format!("{{{}}}", members.join(",")))
        }
    };
    Request::post(&provider.token_url, content_type, body.into())
}

/// An answer that grants tokens (5.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    access: Secret,
    /// Absent where the server did not rotate it.
    refresh: Option<Secret>,
    expires_in_s: u64,
}

impl Grant {
    /// The credential to store, as of `now_ms`. An answer without a refresh token leaves the old
    /// one in force (RFC 6749, 6).
    pub(crate) fn credential(self, old_refresh: Option<&Secret>, now_ms: u64) -> Credential {
        let lifetime_ms = self.expires_in_s.saturating_mul(1000);
        Credential {
            access: Some(self.access),
            refresh: self.refresh.or_else(|| old_refresh.cloned()),
            expires: now_ms.saturating_add(lifetime_ms).saturating_sub(BUFFER_MS).min(MAX_EXPIRES),
        }
    }
}

/// Why a token endpoint granted nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenError {
    /// There was no answer.
    Transport(TransportFailure),
    /// 429: too many requests.
    RateLimited {
        /// `Retry-After`, in milliseconds from the answer.
        after_ms: Option<u64>,
    },
    /// 408 or 5xx: the server is in trouble.
    Unavailable {
        /// The status code.
        status: u16,
        /// `Retry-After`, in milliseconds from the answer.
        after_ms: Option<u64>,
    },
    /// A success that is not a token answer: HTML, a body cut short, a wrong type. Whether the
    /// server granted something is unknown.
    Unreadable {
        /// The status code.
        status: u16,
    },
    /// The server's own OAuth error (5.2), stripped of control characters.
    #[serde(rename = "oauth")]
    OAuth {
        /// The code, such as `invalid_grant`.
        error: String,
        /// Its words for people.
        description: Option<String>,
    },
    /// Any other refusal, redirects included: those are never followed.
    Refused {
        /// The status code.
        status: u16,
    },
}

impl TokenError {
    /// Whether the same request may succeed later: the credential is as good as before.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Transport(_)
                | Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::Unreadable { .. }
        )
    }

    /// Whether the server no longer takes what it was shown: a refresh token that was revoked or
    /// used before, a code that was used or is too old.
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self, Self::OAuth { error, .. } if error == "invalid_grant")
    }

    /// The same without any of `secrets`: a server may repeat what it was sent.
    pub(crate) fn without(self, secrets: &[Secret]) -> Self {
        let clean = |text: String| {
            let known = secrets.iter().filter(|secret| !secret.is_empty());
            known.fold(text, |text, secret| text.replace(secret.expose(), "[REDACTED]"))
        };
        match self {
            Self::OAuth { error, description } => {
                Self::OAuth { error: clean(error), description: description.map(clean) }
            }
            other => other,
        }
    }

    /// The same as of later, when there is this much of its time left.
    pub(crate) fn after(self, left_ms: u64) -> Self {
        match self {
            Self::RateLimited { .. } => Self::RateLimited { after_ms: Some(left_ms) },
            Self::Unavailable { status, .. } => {
                Self::Unavailable { status, after_ms: Some(left_ms) }
            }
            other => other,
        }
    }

    /// How long the server asked to be left alone, in milliseconds.
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::RateLimited { after_ms } | Self::Unavailable { after_ms, .. } => *after_ms,
            _ => None,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(failure) => failure.fmt(f),
            Self::RateLimited { .. } => f.write_str("it is being asked too often (HTTP 429)"),
            Self::Unavailable { status, .. } => write!(f, "it is in trouble (HTTP {status})"),
            Self::Unreadable { status } => {
                write!(f, "its answer (HTTP {status}) is not a token answer")
            }
            Self::OAuth { error, description: Some(text) } => write!(f, "{error}: {text}"),
            Self::OAuth { error, description: None } => f.write_str(error),
            Self::Refused { status } => write!(f, "it refused the request (HTTP {status})"),
        }
    }
}

/// Reads a token endpoint's answer as of `now_ms`.
pub(crate) fn answer(response: &Response, now_ms: u64) -> Result<Grant, TokenError> {
    let status = response.status;
    let after_ms = response.retry_after_ms(now_ms);
    match status {
        429 => return Err(TokenError::RateLimited { after_ms }),
        408 | 500..=599 => return Err(TokenError::Unavailable { status, after_ms }),
        _ => {}
    }
    let body: Option<Map<String, Value>> = serde_json::from_str(response.body.expose()).ok();
    // An error counts whatever the status: there are servers that send it with 200.
    if let Some(error) = body.as_ref().and_then(oauth_error) {
        return Err(error);
    }
    match (status, body) {
        (200..=299, Some(body)) => grant(body).ok_or(TokenError::Unreadable { status }),
        (200..=299, None) => Err(TokenError::Unreadable { status }),
        _ => Err(TokenError::Refused { status }),
    }
}

/// RFC 6749, 5.2, or the `{"error": {"type", "message"}}` of Anthropic's API.
fn oauth_error(body: &Map<String, Value>) -> Option<TokenError> {
    let text = |value: &Value| value.as_str().map(brief).filter(|text| !text.is_empty());
    let (error, description) = match body.get("error")? {
        Value::Object(nested) => (nested.get("type"), nested.get("message")),
        error => (Some(error), body.get("error_description")),
    };
    Some(TokenError::OAuth { error: text(error?)?, description: description.and_then(text) })
}

/// The success of RFC 6749, 5.1. Fields it does not know are ignored; a token of another type
/// than bearer must not be used (7.1).
fn grant(body: Map<String, Value>) -> Option<Grant> {
    let answer: Answer5_1 = serde_json::from_value(Value::Object(body)).ok()?;
    if answer.token_type.is_some_and(|t| !t.eq_ignore_ascii_case("bearer")) {
        return None;
    }
    let expires_in_s = match answer.expires_in {
        None | Some(Value::Null) => DEFAULT_EXPIRES_IN_S,
        Some(Value::String(digits)) => digits.parse().ok()?,
        // `as` saturates: a negative lifetime is none at all.
        Some(Value::Number(number)) => number.as_f64()? as u64,
        Some(_) => return None,
    };
    let usable = |secret: Option<Secret>| secret.filter(|s| !s.is_empty());
    Some(Grant {
        access: usable(Some(answer.access_token))?,
        refresh: usable(answer.refresh_token),
        expires_in_s,
    })
}

#[derive(Deserialize)]
struct Answer5_1 {
    access_token: Secret,
    token_type: Option<String>,
    expires_in: Option<Value>,
    refresh_token: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Result<Grant, TokenError> {
        answer(&Response { status, headers: [].into(), body: body.into() }, 0)
    }

    fn granted(
        access: &str,
        refresh: Option<&str>,
        expires_in_s: u64,
    ) -> Result<Grant, TokenError> {
        Ok(Grant { access: access.into(), refresh: refresh.map(Secret::from), expires_in_s })
    }

    fn refused(error: &str, description: Option<&str>) -> Result<Grant, TokenError> {
        let description = description.map(String::from);
        Err(TokenError::OAuth { error: error.into(), description })
    }

    #[test]
    fn success() {
        for (body, expected) in [
            (
                r#"{"access_token":"a","refresh_token":"r","expires_in":60,"token_type":"Bearer"}"#,
                granted("a", Some("r"), 60),
            ),
            (r#"{"access_token":"a","expires_in":"60","more":[1]}"#, granted("a", None, 60)),
            (r#"{"access_token":"a","refresh_token":"","expires_in":1.9}"#, granted("a", None, 1)),
            (r#"{"access_token":"a","token_type":"BEARER"}"#, granted("a", None, 3600)),
            (r#"{"access_token":"a","expires_in":-5}"#, granted("a", None, 0)),
            (r#"{"access_token":"a","expires_in":1e300}"#, granted("a", None, u64::MAX)),
        ] {
            assert_eq!(of(200, body), expected, "{body}");
        }
    }

    #[test]
    fn a_success_that_is_none() {
        for body in [
            "",
            "<html>sign in to the hotel's wifi</html>",
            r#"{"access_token":"a","expires_in":60"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","expires_in":"soon"}"#,
            r#"{"access_token":"a","expires_in":[]}"#,
            "[]",
            "{}",
        ] {
            assert_eq!(of(200, body), Err(TokenError::Unreadable { status: 200 }), "{body}");
        }
    }

    #[test]
    fn the_servers_errors() {
        let invalid_grant = r#"{"error":"invalid_grant","error_description":"gone\u001b[2J"}"#;
        for status in [200, 400, 401] {
            assert_eq!(of(status, invalid_grant), refused("invalid_grant", Some("gone[2J")));
        }
        let nested = r#"{"type":"error","error":{"type":"permission_error","message":"no"}}"#;
        assert_eq!(of(403, nested), refused("permission_error", Some("no")));
        assert_eq!(of(403, "<html>"), Err(TokenError::Refused { status: 403 }));
        assert_eq!(of(302, ""), Err(TokenError::Refused { status: 302 }));
        assert_eq!(of(400, r#"{"error":[]}"#), Err(TokenError::Refused { status: 400 }));
    }

    #[test]
    fn transient_and_permanent_are_told_apart() {
        for (status, body, transient) in [
            (429, "{}", true),
            (408, "", true),
            (500, r#"{"error":"invalid_grant"}"#, true),
            (503, "", true),
            (200, "<html>", true),
            (400, r#"{"error":"invalid_grant"}"#, false),
            (400, r#"{"error":"invalid_client"}"#, false),
            (403, "<html>", false),
            (404, "", false),
            (307, "", false),
        ] {
            assert_eq!(of(status, body).unwrap_err().is_transient(), transient, "{status} {body}");
        }
        assert!(TokenError::Transport(TransportFailure::Timeout).is_transient());
    }

    #[test]
    fn the_expiry_is_stored_with_the_buffer_taken_off() {
        let grant = granted("a", None, 3600).unwrap();
        let credential = grant.credential(Some(&"old".into()), 1_000_000);
        assert_eq!(credential.expires, 1_000_000 + 3_600_000 - 300_000);
        assert_eq!(credential.refresh, Some("old".into()));
        let forever = granted("a", Some("new"), u64::MAX).unwrap().credential(None, 5);
        assert_eq!(forever.expires, 9_007_199_254_740_991);
        assert_eq!(forever.refresh, Some("new".into()));
    }
}
