//! The exchange of a GitHub token for a Copilot token: one GET, which may be repeated at will.

use alloc::boxed::Box;
use alloc::string::String;

use crate::http::{HttpRequest, HttpResponse};
use crate::json::Json;
use crate::oauth::endpoint::{self, EndpointError};
use crate::oauth::token::TokenResponse;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::credential::{BUFFER_MS, MAX_EPOCH_MS};
use crate::text::plain;

/// The lifetime of a Copilot token whose answer has no readable one, in seconds.
const DEFAULT_LIFETIME_S: u64 = 1800;

/// Returns the request for a Copilot token.
pub(crate) fn request(provider: &Provider, url: &str, github_token: &Secret) -> HttpRequest {
    let request = HttpRequest::get(url, provider.client.origins());
    provider.editor(request, github_token)
}

/// Reads the answer as of `now_ms`. What it grants is refreshed with the GitHub token, which stays
/// as it is.
pub(crate) fn answer(
    response: &HttpResponse,
    now_ms: u64,
) -> Result<TokenResponse, Box<EndpointError>> {
    if let Some(limited) = endpoint::rate_limit(response, now_ms) {
        return Err(limited.into());
    }
    match response.status {
        // GitHub's own verdict is JSON; this is a page of something in between.
        status @ (401 | 403) if endpoint::body(response).is_none() && !is_bare_401(response) => {
            Err(EndpointError::Refused { status }.into())
        }
        401 => Err(EndpointError::Unauthorized.into()),
        status @ (403 | 404) => {
            Err(EndpointError::NoCopilot { status, message: message(response) }.into())
        }
        _ => {
            let read =
                |json: Json<'_>| grant(json, now_ms).ok_or_else(|| endpoint::unreadable(response));
            endpoint::parse(response, now_ms, read).map(|parsed| parsed.value)
        }
    }
}

/// Returns whether it is a 401 without a body: no page, so a verdict.
fn is_bare_401(response: &HttpResponse) -> bool {
    response.status == 401 && response.body.expose().trim().is_empty()
}

fn access_token(body: Json<'_>) -> Option<Secret> {
    body.get("token")?.secret().filter(endpoint::is_token)
}

fn grant(body: Json<'_>, now_ms: u64) -> Option<TokenResponse> {
    let access = access_token(body)?;
    let seconds = |name: &str| body.get(name).and_then(endpoint::seconds);
    let at_ms = seconds("expires_at").map(|s| s.saturating_mul(1000).min(MAX_EPOCH_MS));
    // How long it may be used (`refresh_in`) counts from now, whatever the time. Where the two are
    // far apart, this machine's clock is wrong, and a token comes expired or seems to live too
    // long.
    let in_ms = seconds("refresh_in")
        .map(|s| endpoint::epoch_ms(now_ms, s).saturating_add(BUFFER_MS).min(MAX_EPOCH_MS));
    let expires_ms = match (at_ms, in_ms) {
        (Some(at_ms), Some(in_ms)) if in_ms.abs_diff(at_ms) > BUFFER_MS => in_ms,
        (Some(at_ms), _) => at_ms,
        (None, Some(in_ms)) => in_ms,
        (None, None) => endpoint::epoch_ms(now_ms, DEFAULT_LIFETIME_S),
    };
    Some(TokenResponse { access: Ok(access), refresh: None, expires_ms })
}

/// GitHub's words for people: why there is no Copilot, or what an API error says.
fn message(response: &HttpResponse) -> Option<String> {
    let body = endpoint::body(response)?;
    let text = |path: &[&str]| body.json().find(path)?.string();
    let text = text(&["error_details", "message"]).or_else(|| text(&["message"]))?;
    Some(plain(&text)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn of(
        status: u16,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<TokenResponse, EndpointError> {
        let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        answer(&HttpResponse { status, headers, body: body.into() }, NOW).map_err(|error| *error)
    }

    #[test]
    fn the_expiry_is_in_epoch_seconds() {
        let grant = of(200, &[], r#"{"token":"t","expires_at":1700001800,"refresh_in":1500}"#);
        assert_eq!(
            grant,
            Ok(TokenResponse {
                access: Ok("t".into()),
                refresh: None,
                expires_ms: 1_700_001_800_000
            })
        );
    }

    #[test]
    fn a_clock_that_is_ahead_goes_by_refresh_in() {
        let grant = of(200, &[], r#"{"token":"t","expires_at":1699990000,"refresh_in":1500}"#);
        assert_eq!(grant.unwrap().credential(None, NOW).expires, NOW + 1_500_000);
        let grant = of(200, &[], r#"{"token":"t","expires_at":1699990000}"#);
        assert_eq!(grant.unwrap().expires_ms, 1_699_990_000_000);
        let huge = r#"{"token":"t","expires_at":0,"refresh_in":1e300}"#;
        assert_eq!(of(200, &[], huge).unwrap().expires_ms, MAX_EPOCH_MS);
    }

    #[test]
    fn a_clock_that_is_behind_does_so_too() {
        let grant = of(200, &[], r#"{"token":"t","expires_at":1700005400,"refresh_in":1500}"#);
        assert_eq!(grant.unwrap().expires_ms, NOW + 1_800_000);
        let grant = of(200, &[], r#"{"token":"t","expires_at":1700001790,"refresh_in":1500}"#);
        assert_eq!(grant.unwrap().expires_ms, 1_700_001_790_000, "seconds are no reason");
    }

    #[test]
    fn an_odd_part_costs_nothing_else() {
        for (body, lifetime_s) in [
            (r#"{"token":"t"}"#, 1800),
            (r#"{"token":"t","error":"none"}"#, 1800),
            (r#"{"token":"t","expires_at":"soon"}"#, 1800),
            (r#"{"token":"t","expires_at":NaN,"refresh_in":true}"#, 1800),
            (r#"{"token":"t","expires_at":null,"refresh_in":900}"#, 1200),
            (r#"{"token":"t","expires_at":"1700001500"}"#, 1500),
            (r#"{"token":"t","expires_at":" 1700001500.0 "} // x"#, 1500),
            ("\u{feff}{\"token\":\"t\",\"expires_at\":1700001500,\"m\":\"\t\"}\0\0", 1500),
            (r#"{"token":"t","expires_at":17000015"#, 1800),
        ] {
            let expires_ms = NOW + lifetime_s * 1000;
            let grant = TokenResponse { access: Ok("t".into()), refresh: None, expires_ms };
            assert_eq!(of(200, &[], body), Ok(grant), "{body}");
        }
    }

    #[test]
    fn refusals_and_limits() {
        let refused = |status, message: Option<&str>| {
            Err(EndpointError::NoCopilot { status, message: message.map(Into::into) })
        };
        let limited = |after_ms| Err(EndpointError::RateLimited { after_ms: Some(after_ms) });
        let details = r#"{"error_details":{"message":"No access.","title":"x"}}"#;
        let spent = [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1700000060")];
        for (status, headers, body, expected) in [
            (401, &[][..], "{}", Err(EndpointError::Unauthorized)),
            (401, &[], r#"{"message":"Bad credentials"}"#, Err(EndpointError::Unauthorized)),
            (
                401,
                &[],
                "<h1>Sign in to the hotel</h1>",
                Err(EndpointError::Refused { status: 401 }),
            ),
            (401, &[], "", Err(EndpointError::Unauthorized)),
            (403, &[], details, refused(403, Some("No access."))),
            (403, &[], r#"{"message":"Bad\u001b[2J"}"#, refused(403, Some("Bad[2J"))),
            (403, &[], "<html>", Err(EndpointError::Refused { status: 403 })),
            (403, &[], "", Err(EndpointError::Refused { status: 403 })),
            (
                403,
                &[],
                r#"{"message":"You have exceeded a secondary rate limit."}"#,
                limited(60_000),
            ),
            (403, &[], r#"{"message":"API rate limit exceeded for user ID 1."}"#, limited(60_000)),
            (403, &[("Retry-After", "7")], "", limited(7000)),
            (403, &spent, "", limited(60_000)),
            (403, &spent[..1], "", limited(60_000)),
            (404, &[], r#"{"message":"Not Found"}"#, refused(404, Some("Not Found"))),
            (404, &[], "{}", refused(404, None)),
            (404, &[], "<html>", refused(404, None)),
            (407, &[], "", Err(EndpointError::Refused { status: 407 })),
            (451, &[], "<html>", Err(EndpointError::Refused { status: 451 })),
            (429, &[("Retry-After", "7")], "", limited(7000)),
            (200, &[], "{}", Err(EndpointError::Unreadable { status: 200 })),
            (
                200,
                &[],
                r#"{"token":"","expires_at":1}"#,
                Err(EndpointError::Unreadable { status: 200 }),
            ),
            (302, &[], "", Err(EndpointError::Refused { status: 302 })),
        ] {
            assert_eq!(of(status, headers, body), expected, "{status} {body}");
        }
    }
}
