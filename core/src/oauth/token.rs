//! RFC 6749, 4.1.3, 5 and 6: what is sent to a token endpoint, and what its answer means.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::credential::{BUFFER_MS, Credential};
use crate::http::{Request, Response, encode_pairs};
use crate::json::{Json, from_json, object, quoted};
use crate::oauth::endpoint::{self, EndpointError, is_token};
use crate::oauth::pkce::Verifier;
use crate::provider::{Provider, TokenRequest};
use crate::secret::Secret;

/// What is assumed of an access token whose answer has no `expires_in`, in seconds.
///
/// RFC 6749, 5.1 only recommends the field. An hour is short enough that a wrong guess costs one
/// early refresh.
const DEFAULT_EXPIRES_IN_S: u64 = 3600;

/// The exchange of an authorization code (4.1.3, with RFC 7636's verifier). Only a provider that
/// wants the state once more gets it.
pub(crate) fn exchange(
    provider: &Provider,
    code: &Secret,
    state: Option<&Secret>,
    redirect_uri: &str,
    verifier: &Verifier,
) -> Request {
    let mut fields = alloc::vec![
        ("grant_type", "authorization_code"),
        ("client_id", provider.client_id.as_str()),
        ("code", code.expose()),
    ];
    fields.extend(state.map(|state| ("state", state.expose())));
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

/// A request to the token endpoint, in the way that this provider takes it.
pub(crate) fn request(provider: &Provider, fields: &[(&str, &str)]) -> Request {
    let (content_type, body) = match provider.token_request {
        TokenRequest::Form => ("application/x-www-form-urlencoded", encode_pairs(fields)),
        TokenRequest::Json => {
            let mut members = Vec::new();
            for (name, value) in fields {
                members.push(format!("{}:{}", quoted(name), quoted(value)));
            }
            ("application/json", format!("{{{}}}", members.join(",")))
        }
    };
    Request::post(&provider.token_url, content_type, body.into(), provider.oauth_origins())
}

/// An answer that grants tokens (5.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) access: Secret,
    /// Absent where the server did not rotate it.
    pub(crate) refresh: Option<Secret>,
    /// When the access token really expires, in epoch milliseconds.
    pub(crate) expires_ms: u64,
}

impl Grant {
    /// The credential to store. An answer without a refresh token leaves the old one in force
    /// (RFC 6749, 6).
    pub(crate) fn credential(self, old_refresh: Option<&Secret>) -> Credential {
        Credential {
            access: Some(self.access),
            refresh: self.refresh.or_else(|| old_refresh.cloned()),
            expires: self.expires_ms.saturating_sub(BUFFER_MS),
            enterprise: None,
        }
    }
}

/// Reads a token endpoint's answer as of `now_ms`.
pub(crate) fn answer(response: &Response, now_ms: u64) -> Result<Grant, Box<EndpointError>> {
    let body = endpoint::object(response, now_ms)?;
    grant(body, now_ms).ok_or_else(|| endpoint::unreadable(response))
}

/// The success of RFC 6749, 5.1. Fields it does not know are ignored; a token of another type
/// than bearer must not be used (7.1).
fn grant(body: Json<'_>, now_ms: u64) -> Option<Grant> {
    let answer: Answer5_1 = from_json(body).ok()?;
    let is_bearer = |kind: &String| kind.eq_ignore_ascii_case("bearer");
    if !answer.token_type.as_ref().is_none_or(is_bearer) {
        return None;
    }
    let lifetime_s = match body.get("expires_in").filter(|value| !value.is_null()) {
        None => DEFAULT_EXPIRES_IN_S,
        Some(value) => endpoint::seconds(value)?,
    };
    // An empty one is none; one that cannot be sent is worse than none.
    let refresh = answer.refresh_token.filter(|token| !token.is_empty());
    let can_be_sent = is_token(&answer.access_token) && refresh.as_ref().is_none_or(is_token);
    can_be_sent.then(|| Grant {
        access: answer.access_token,
        refresh,
        expires_ms: endpoint::epoch_ms(now_ms, lifetime_s),
    })
}

struct Answer5_1 {
    access_token: Secret,
    token_type: Option<String>,
    refresh_token: Option<Secret>,
}

object! { Answer5_1 { access_token: secret, token_type, refresh_token: secret } }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::TransportFailure;

    fn of(status: u16, body: &str) -> Result<Grant, EndpointError> {
        answer(&Response { status, headers: [].into(), body: body.into() }, 0)
            .map_err(|error| *error)
    }

    fn granted(
        access: &str,
        refresh: Option<&str>,
        lifetime_s: u64,
    ) -> Result<Grant, EndpointError> {
        let expires_ms = endpoint::epoch_ms(0, lifetime_s);
        Ok(Grant { access: access.into(), refresh: refresh.map(Secret::from), expires_ms })
    }

    fn refused(error: &str, description: Option<&str>) -> Result<Grant, EndpointError> {
        let description = description.map(String::from);
        Err(EndpointError::OAuth { error: error.into(), description })
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
            r#"{"access_token":"a\r\nX: y"}"#,
            r#"{"access_token":"\u001b[2J"}"#,
            r#"{"access_token":"a","refresh_token":"\u0000"}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","expires_in":"soon"}"#,
            r#"{"access_token":"a","expires_in":[]}"#,
            "[]",
            "{}",
        ] {
            assert_eq!(of(200, body), Err(EndpointError::Unreadable { status: 200 }), "{body}");
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
        assert_eq!(of(403, "<html>"), Err(EndpointError::Refused { status: 403 }));
        assert_eq!(of(302, ""), Err(EndpointError::Refused { status: 302 }));
        assert_eq!(of(400, r#"{"error":[]}"#), Err(EndpointError::Refused { status: 400 }));
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
        assert!(EndpointError::Transport(TransportFailure::Timeout).is_transient());
    }

    #[test]
    fn the_expiry_is_stored_with_the_buffer_taken_off() {
        let credential = granted("a", None, 3600).unwrap().credential(Some(&"old".into()));
        assert_eq!(credential.expires, 3_600_000 - 300_000);
        assert_eq!(credential.refresh, Some("old".into()));
        let forever = granted("a", Some("new"), u64::MAX).unwrap().credential(None);
        assert_eq!(forever.expires, 9_007_199_254_740_991 - 300_000);
        assert_eq!(forever.refresh, Some("new".into()));
    }
}
