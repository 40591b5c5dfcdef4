//! RFC 7009: telling a provider that a token is no longer needed.

use super::client::Client;
use super::endpoint::{self, EndpointError};
use crate::http::{HttpRequest, HttpResponse, encode_pairs};
use crate::secret::Secret;

/// What kind of token it is (2.1).
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenTypeHint {
    AccessToken,
    RefreshToken,
}

/// The revocation request (2.1). To revoke a refresh token ends the whole login.
pub(crate) fn request(
    client: &Client,
    revocation_url: &str,
    token: &Secret,
    hint: TokenTypeHint,
) -> HttpRequest {
    let hint = match hint {
        TokenTypeHint::AccessToken => "access_token",
        TokenTypeHint::RefreshToken => "refresh_token",
    };
    let fields = [
        ("token", token.expose()),
        ("token_type_hint", hint),
        ("client_id", client.client_id.as_str()),
    ];
    let body = encode_pairs(&fields).into();
    let origins = client.origins();
    HttpRequest::post(revocation_url, "application/x-www-form-urlencoded", body, origins)
}

/// Returns whether the server confirmed it (2.2): it does so for a token that it does not know,
/// too, and what it says beyond the status means nothing. With 503, the token lives on (2.2.1).
pub(crate) fn answer(response: &HttpResponse, now_ms: u64) -> Result<(), EndpointError> {
    match response.status {
        200..=299 => Ok(()),
        // Of a refusal, nothing is read but the error.
        _ => endpoint::parse(response, now_ms, |_| Ok(())).map(drop).map_err(|error| *error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_confirms() {
        for (status, body, confirmed) in [
            (200, "", true),
            (200, "<html>", true),
            (204, "", true),
            (302, "", false),
            (400, r#"{"error":"unsupported_token_type"}"#, false),
            (404, "", false),
            (503, "", false),
        ] {
            let response = HttpResponse { status, headers: [].into(), body: body.into() };
            assert_eq!(answer(&response, 0).is_ok(), confirmed, "{status}");
        }
    }
}
