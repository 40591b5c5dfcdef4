//! RFC 6749, 4.1.3, 5 and 6: what is sent to a token endpoint, and what its answer means.

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::client::{Client, RequestFormat};
use super::endpoint::{self, EndpointError, Parsed, TokenFault, is_token};
use super::pkce::Verifier;
use crate::http::{HttpRequest, HttpResponse, encode_pairs};
use crate::json::{self, Json};
use crate::secret::Secret;
use crate::store::credential::{BUFFER_MS, Credential, MAX_EPOCH_MS};

/// The lifetime of an access token whose answer has no readable `expires_in`, in seconds.
///
/// RFC 6749, 5.1 only recommends the field. An hour is short enough that a wrong guess costs one
/// early refresh.
const DEFAULT_EXPIRES_IN_S: u64 = 3600;

/// The exchange of an authorization code (4.1.3, with RFC 7636's verifier). Only a provider that
/// wants the state once more gets it.
pub(crate) fn exchange(
    client: &Client,
    code: &Secret,
    state: Option<&Secret>,
    redirect_uri: &str,
    verifier: &Verifier,
) -> HttpRequest {
    let mut fields = alloc::vec![
        ("grant_type", "authorization_code"),
        ("client_id", client.client_id.as_str()),
        ("code", code.expose()),
    ];
    fields.extend(state.map(|state| ("state", state.expose())));
    fields.extend([("redirect_uri", redirect_uri), ("code_verifier", verifier.secret().expose())]);
    request(client, &fields)
}

/// A refresh (6). It names no scope: the server keeps the granted one, and Anthropic's answers
/// `invalid_scope` to any.
pub(crate) fn refresh(client: &Client, refresh_token: &Secret) -> HttpRequest {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", client.client_id.as_str()),
        ("refresh_token", refresh_token.expose()),
    ];
    request(client, &fields)
}

/// A request to the token endpoint, in the format that the server expects.
pub(crate) fn request(client: &Client, fields: &[(&str, &str)]) -> HttpRequest {
    let (content_type, body) = match client.token_request {
        RequestFormat::Form => ("application/x-www-form-urlencoded", encode_pairs(fields)),
        RequestFormat::Json => {
            let mut members = Vec::new();
            for (name, value) in fields {
                members.push(format!("{}:{}", json::to_string(name), json::to_string(value)));
            }
            ("application/json", format!("{{{}}}", members.join(",")))
        }
    };
    HttpRequest::post(&client.token_url, content_type, body.into(), client.origins())
}

/// An answer that grants tokens (5.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TokenResponse {
    /// The access token, or why it cannot be used; in that case there is a refresh token.
    pub(crate) access: Result<Secret, TokenFault>,
    /// Absent where the server did not rotate it.
    pub(crate) refresh: Option<Secret>,
    /// When the access token really expires, in epoch milliseconds.
    pub(crate) expires_ms: u64,
}

impl TokenResponse {
    /// The credential to store, as of `now_ms`. An answer without a refresh token leaves the old
    /// one in force (RFC 6749, 6); one without an access token makes a login that is to be
    /// refreshed.
    pub(crate) fn credential(self, old_refresh: Option<&Secret>, now_ms: u64) -> Credential {
        let refresh = self.refresh.or_else(|| old_refresh.cloned());
        let Ok(access) = self.access else {
            return Credential { access: None, refresh, expires: 0, end: None, enterprise: None };
        };
        let life_ms = self.expires_ms.saturating_sub(now_ms);
        let (expires, end) = match life_ms / 2 {
            _ if self.expires_ms >= MAX_EPOCH_MS => (MAX_EPOCH_MS, None),
            half_ms if half_ms < BUFFER_MS => (self.expires_ms - half_ms, Some(self.expires_ms)),
            _ => (self.expires_ms.saturating_sub(BUFFER_MS), None),
        };
        Credential { access: Some(access), refresh, expires, end, enterprise: None }
    }
}

/// The part that an answer which was cut short must have to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Essential {
    /// Another try may still bring it, or a new login costs less than one that cannot last.
    RefreshToken,
    /// The person has entered a code that is spent now.
    AccessToken,
}

/// Reads a token endpoint's answer as of `now_ms`.
///
/// Every member counts by itself: the server has perhaps replaced the refresh token by now, so what
/// can be read is kept. Members it does not know are ignored.
pub(crate) fn answer(
    response: &HttpResponse,
    essential: Essential,
    now_ms: u64,
) -> Result<TokenResponse, Box<EndpointError>> {
    let Parsed { value, is_cut } = endpoint::parse(response, now_ms, |json| {
        read(json, now_ms, endpoint::unreadable(response))
    })?;
    let is_complete = match essential {
        Essential::RefreshToken => value.refresh.is_some(),
        Essential::AccessToken => true,
    };
    match is_cut && !is_complete {
        true => Err(endpoint::unreadable(response).into()),
        false => Ok(value),
    }
}

/// Reads the tokens; `unreadable` is the error where there are none.
fn read(
    json: Json<'_>,
    now_ms: u64,
    unreadable: EndpointError,
) -> Result<TokenResponse, EndpointError> {
    let (access, refresh) = (access_token(json), refresh_token(json));
    match (&access, &refresh) {
        (Err(TokenFault::Missing), None) => return Err(unreadable),
        (Err(fault), None) => return Err(EndpointError::UnusableToken(*fault)),
        _ => {}
    }
    let lifetime_s = json.get("expires_in").and_then(endpoint::seconds);
    let expires_ms = endpoint::epoch_ms(now_ms, lifetime_s.unwrap_or(DEFAULT_EXPIRES_IN_S));
    Ok(TokenResponse { access, refresh, expires_ms })
}

/// The access token, if it is one that can be used. A token of a type that is not understood must
/// not be (7.1); a type that is missing or blank is taken for bearer, as most servers mean it.
fn access_token(json: Json<'_>) -> Result<Secret, TokenFault> {
    let token = json.get("access_token").and_then(Json::secret).filter(|token| !token.is_empty());
    let token = token.ok_or(TokenFault::Missing)?;
    let is_bearer = match json.get("token_type").filter(|kind| !kind.is_null()) {
        None => true,
        Some(kind) => kind.string().is_some_and(|kind| {
            let kind = kind.trim();
            kind.is_empty() || kind.eq_ignore_ascii_case("bearer")
        }),
    };
    match (is_bearer, is_token(&token)) {
        (false, _) => Err(TokenFault::Type),
        (true, false) => Err(TokenFault::Characters),
        (true, true) => Ok(token),
    }
}

/// Returns the refresh token. An empty one is none; one that cannot be sent is worse than none.
fn refresh_token(json: Json<'_>) -> Option<Secret> {
    json.get("refresh_token").and_then(Json::secret).filter(is_token)
}
