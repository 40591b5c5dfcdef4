//! What all endpoints have in common: how their answers fail.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::body::Body;
use crate::http::{HttpResponse, TransportFailure};
use crate::json::Json;
use crate::secret::Secret;
use crate::store::credential::MAX_EPOCH_MS;
use crate::text::{phrase, plain, replaced};

/// Why an endpoint did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
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
    /// A success that is not the answer it should be: HTML, a body cut short, a wrong type. Whether
    /// the server did anything is unknown.
    Unreadable {
        /// The status code.
        status: u16,
    },
    /// A success whose access token cannot be used. A refresh token that came with it is stored.
    UnusableToken(TokenFault),
    /// The server's own OAuth error (5.2), stripped of control characters.
    OAuth {
        /// The code, such as `invalid_grant`.
        error: String,
        /// Its words for people.
        description: Option<String>,
    },
    /// 401 to a request that carried a token: it was revoked, or has expired.
    Unauthorized,
    /// GitHub gives this account no Copilot token.
    NoCopilot {
        /// 403: the account or its organization has none; 404: there is none at this address.
        status: u16,
        /// GitHub's words for people.
        message: Option<String>,
    },
    /// The issuer's metadata cannot be used.
    Metadata {
        /// What is wrong with it.
        problem: String,
    },
    /// Any other refusal, redirects included: those are never followed.
    Refused {
        /// The status code.
        status: u16,
    },
}

/// A reason why an access token cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenFault {
    /// There is none, or what is there is no text.
    Missing,
    /// It has characters that no request can carry, such as a line break.
    Characters,
    /// It is no bearer token (7.1).
    Type,
}

impl EndpointError {
    /// There was no answer: in one place, since it is asked for in many.
    #[inline(never)]
    pub(crate) fn transport(failure: &TransportFailure) -> Self {
        Self::Transport(failure.clone())
    }

    /// Returns whether the same request may succeed later: the credential is as good as before.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            // What may not be sent now may never be.
            Self::Transport(failure) if *failure != TransportFailure::ForbiddenOrigin
        ) || matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::Unreadable { .. }
                | Self::UnusableToken(_)
        )
    }

    /// Returns whether something in between has answered, such as a proxy or the page of a hotel's
    /// network, so that the server itself may say otherwise in a while. Statuses by which a server
    /// says that it does not know the address, or the request, are none of these.
    pub(crate) fn is_passing(&self) -> bool {
        let by_others =
            |status| matches!(status, 300..=399 | 401 | 403 | 407 | 421 | 423 | 425 | 440..=499);
        self.is_transient() || matches!(self, Self::Refused { status } if by_others(*status))
    }

    /// Returns whether the server no longer takes what it was shown: a token that was revoked or
    /// used before, a code that was used or is too old.
    pub fn is_invalid_grant(&self) -> bool {
        match self {
            Self::OAuth { error, .. } => error == "invalid_grant",
            other => *other == Self::Unauthorized,
        }
    }

    /// The same without any of `secrets`: a server may repeat what it was sent. The texts are made
    /// short only then, or a secret could be cut in two and half of it stay.
    pub(crate) fn without(self, secrets: &[Secret]) -> Self {
        let clean = |text: String| {
            let known = secrets.iter().filter(|secret| !secret.is_empty());
            phrase(&known.fold(text, |text, secret| replaced(&text, secret.expose(), "[REDACTED]")))
        };
        match self {
            Self::OAuth { error, description } => {
                Self::OAuth { error: clean(error), description: description.map(clean) }
            }
            Self::NoCopilot { status, message } => {
                Self::NoCopilot { status, message: message.map(clean) }
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

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(failure) => failure.fmt(f),
            Self::RateLimited { .. } => f.write_str("it is being asked too often"),
            Self::Unavailable { status, .. } => write!(f, "it is in trouble (HTTP {status})"),
            Self::Unreadable { status } => {
                write!(f, "its answer (HTTP {status}) is not what was asked for")
            }
            Self::UnusableToken(fault) => f.write_str(match fault {
                TokenFault::Missing => "its answer holds no access token",
                TokenFault::Characters => {
                    "the access token in its answer has characters that no request can carry"
                }
                TokenFault::Type => "the access token in its answer is not a bearer token",
            }),
            Self::OAuth { error, description: Some(text) } => {
                write!(f, "{}: {}", phrase(error), phrase(text))
            }
            Self::OAuth { error, description: None } => f.write_str(&phrase(error)),
            Self::Unauthorized => f.write_str("it was revoked or has expired (HTTP 401)"),
            Self::NoCopilot { status: 404, .. } => {
                f.write_str("there is no Copilot for this account at this address (HTTP 404)")
            }
            Self::NoCopilot { status, message: Some(text) } => {
                write!(f, "this account may not use Copilot (HTTP {status}: {})", phrase(text))
            }
            Self::NoCopilot { status, message: None } => {
                write!(f, "this account may not use Copilot (HTTP {status})")
            }
            Self::Metadata { problem } => f.write_str(problem),
            Self::Refused { status } => write!(f, "it refused the request (HTTP {status})"),
        }
    }
}

/// A successful response, read.
#[derive(Debug)]
pub(crate) struct Parsed<T> {
    pub(crate) value: T,
    /// True if the body was cut short, so that members may be missing.
    pub(crate) is_cut: bool,
}

/// Reads a response with `read` if it is a success, as of `now_ms`, even if it was cut short.
///
/// # Errors
/// The trouble of the server; its refusal; or the error of `read`. A member `error` makes a
/// response a refusal whatever the status, since there are servers that send errors with 200. It
/// means nothing once `read` has found what was asked for: there are servers that send
/// `"error": "none"`.
pub(crate) fn parse<T>(
    response: &HttpResponse,
    now_ms: u64,
    read: impl FnOnce(Json<'_>) -> Result<T, EndpointError>,
) -> Result<Parsed<T>, Box<EndpointError>> {
    let status = response.status;
    if let Some(trouble) = trouble(response, now_ms) {
        return Err(trouble.into());
    }
    let body = Body::read(response.body.expose());
    let problem = match &body {
        _ if !matches!(status, 200..=299) => EndpointError::Refused { status },
        None => unreadable(response),
        Some(body) => match read(body.json()) {
            Ok(value) => return Ok(Parsed { value, is_cut: body.is_cut }),
            Err(problem) => problem,
        },
    };
    Err(body.and_then(|body| oauth_error(body.json())).unwrap_or(problem).into())
}

/// Reads a successful response that means nothing unless it is whole.
pub(crate) fn parse_whole<T>(
    response: &HttpResponse,
    now_ms: u64,
    read: impl FnOnce(Json<'_>) -> Option<T>,
) -> Result<T, Box<EndpointError>> {
    let read = |json: Json<'_>| read(json).ok_or_else(|| unreadable(response));
    match parse(response, now_ms, read)? {
        Parsed { value, is_cut: false } => Ok(value),
        Parsed { .. } => Err(unreadable(response).into()),
    }
}

/// A success that is not the answer it should be.
pub(crate) fn unreadable(response: &HttpResponse) -> EndpointError {
    EndpointError::Unreadable { status: response.status }
}

/// The members in the body of a response, whatever its status.
pub(crate) fn body(response: &HttpResponse) -> Option<Body<'_>> {
    Body::read(response.body.expose())
}

/// Returns the trouble that status, headers and words announce, rate limits included.
pub(crate) fn trouble(response: &HttpResponse, now_ms: u64) -> Option<EndpointError> {
    let status = response.status;
    match status {
        408 | 500..=599 => {
            Some(EndpointError::Unavailable { status, after_ms: response.retry_after_ms(now_ms) })
        }
        _ => rate_limit(response, now_ms),
    }
}

/// The shortest time to leave a server alone that limits requests without `Retry-After`, in
/// milliseconds. GitHub asks for at least a minute.
const RATE_LIMIT_MS: u64 = 60_000;

/// Returns the rate limit that a response announces, if it does.
///
/// With 429 it always does. GitHub says so with 403, too: with `Retry-After`, with none of the
/// quota left and the second in which there is a new one, or only in words.
pub(crate) fn rate_limit(response: &HttpResponse, now_ms: u64) -> Option<EndpointError> {
    let number = |name: &str| response.header(name)?.trim().parse::<u64>().ok();
    let is_spent = number("x-ratelimit-remaining") == Some(0);
    let reset_ms = number("x-ratelimit-reset").map(|s| s.saturating_mul(1000));
    let until_reset_ms = reset_ms.filter(|_| is_spent).map(|ms| ms.saturating_sub(now_ms));
    let asked_ms = response.retry_after_ms(now_ms);
    let after_ms = match response.status {
        429 => asked_ms,
        403 if asked_ms.is_some() => asked_ms,
        403 if names_a_rate_limit(response.body.expose()) => None,
        403 if is_spent && !has_verdict(response) => None,
        _ => return None,
    };
    let unasked_ms = until_reset_ms.unwrap_or(0).max(RATE_LIMIT_MS);
    Some(EndpointError::RateLimited { after_ms: Some(after_ms.unwrap_or(unasked_ms)) })
}

/// Returns whether a response says in the words of OAuth why it refuses: that request was the last
/// one of a quota, and is answered all the same.
fn has_verdict(response: &HttpResponse) -> bool {
    body(response).and_then(|body| oauth_error(body.json())).is_some()
}

/// Returns whether a text says "rate limit", such as "You have exceeded a secondary rate limit".
fn names_a_rate_limit(text: &str) -> bool {
    const WORDS: &[u8] = b"rate limit";
    text.as_bytes().windows(WORDS.len()).any(|part| part.eq_ignore_ascii_case(WORDS))
}

/// RFC 6749, 5.2, or the `{"error": {"type", "message"}}` of Anthropic's API.
fn oauth_error(body: Json<'_>) -> Option<EndpointError> {
    let text = |value: Json<'_>| value.string().map(|it| plain(&it)).filter(|it| !it.is_empty());
    let error = body.get("error")?;
    let (error, description) = match error.is_object() {
        true => (error.get("type")?, error.get("message")),
        false => (error, body.get("error_description")),
    };
    Some(EndpointError::OAuth { error: text(error)?, description: description.and_then(text) })
}

/// A number of seconds, whether it came as a number or as a string that holds one.
pub(crate) fn seconds(value: Json<'_>) -> Option<u64> {
    // A negative time is none at all.
    let number = |value: Json<'_>| value.is_number().then(|| value.whole().unwrap_or(u64::MAX));
    match value.string() {
        Some(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| number(Json::parse(text).ok()?))
        }
        None => number(value),
    }
}

/// The time this many seconds from now, in epoch milliseconds.
pub(crate) fn epoch_ms(now_ms: u64, in_s: u64) -> u64 {
    now_ms.saturating_add(in_s.saturating_mul(1000)).min(MAX_EPOCH_MS)
}

/// Returns whether it is a token as servers may send it: visible ASCII and spaces (RFC 6749, A.12
/// and A.17), so that it can stand in a header and on a terminal.
pub(crate) fn is_token(secret: &Secret) -> bool {
    let visible = |byte: u8| (0x20..=0x7e).contains(&byte);
    !secret.is_empty() && secret.expose().bytes().all(visible)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn rate_limits_by_table() {
        const NOW: u64 = 1_700_000_000_000;
        let secondary = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
        let exceeded = r#"{"message":"API rate limit exceeded for user ID 1."}"#;
        let spent = ("x-ratelimit-remaining", "0");
        let reset = |at: &'static str| ("X-RateLimit-Reset", at);
        let limited = |after_ms| Some(EndpointError::RateLimited { after_ms });
        for (status, headers, body, expected) in [
            (429, &[][..], "", limited(Some(60_000))),
            (429, &[], exceeded, limited(Some(60_000))),
            (429, &[spent], "", limited(Some(60_000))),
            (429, &[spent, reset("1700000003")], "", limited(Some(60_000))),
            (429, &[("Retry-After", "soon")], "", limited(Some(60_000))),
            (429, &[("Retry-After", "7")], "", limited(Some(7000))),
            (429, &[spent, reset("1700000090")], "", limited(Some(90_000))),
            (403, &[], secondary, limited(Some(60_000))),
            (403, &[], exceeded, limited(Some(60_000))),
            (403, &[], "<h1>You are being Rate Limited</h1>", limited(Some(60_000))),
            (403, &[("Retry-After", "7")], secondary, limited(Some(7000))),
            (403, &[spent], "", limited(Some(60_000))),
            (403, &[spent, reset("1700000090")], "", limited(Some(90_000))),
            (403, &[spent, reset("1700000003")], exceeded, limited(Some(60_000))),
            (403, &[spent, reset("x")], "", limited(Some(60_000))),
            (403, &[("X-RateLimit-Remaining", "4999")], "", None),
            (403, &[reset("1700000090")], "", None),
            (403, &[spent], r#"{"error":"access_denied"}"#, None),
            (403, &[], "<h1>Blocked by your office</h1>", None),
            (400, &[spent], exceeded, None),
            (200, &[spent, reset("1700000090")], "", None),
            (404, &[("Retry-After", "7")], "", None),
        ] {
            let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
            let response = HttpResponse { status, headers, body: body.into() };
            assert_eq!(trouble(&response, NOW), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_secret_is_taken_out_before_the_text_is_cut() {
        let secret = Secret::new("sk-ant-ort01-canary-canary-canary");
        for before in [0, 270, 285, 299, 300, 5000] {
            let words = format!("{}{}", "x".repeat(before), secret.expose());
            let body = serde_json::json!({ "error": "invalid_grant", "error_description": words });
            let response =
                HttpResponse { status: 400, headers: [].into(), body: body.to_string().into() };
            let error = parse(&response, 0, |_| Ok(())).err().unwrap();
            let error = error.without(core::slice::from_ref(&secret));
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("sk-"), "{before}: {shown}");
            assert!(shown.len() < 1200, "{before}: {}", shown.len());
        }
    }
}
