//! What all endpoints have in common: how their answers fail.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use crate::credential::MAX_EPOCH_MS;
use crate::http::{Response, TransportFailure};
use crate::json::{Json, tagged};
use crate::secret::Secret;
use crate::text::{brief, plain, replaced};

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

tagged! { EndpointError, "type" {
    "unauthorized" => Unauthorized,
    "transport" => Transport(= failure),
    "rate_limited" => RateLimited { after_ms },
    "unavailable" => Unavailable { status, after_ms },
    "unreadable" => Unreadable { status },
    "oauth" => OAuth { error, description },
    "no_copilot" => NoCopilot { status, message },
    "metadata" => Metadata { problem },
    "refused" => Refused { status },
} }

impl EndpointError {
    /// There was no answer: in one place, since it is asked for in many.
    #[inline(never)]
    pub(crate) fn transport(failure: &TransportFailure) -> Self {
        Self::Transport(failure.clone())
    }

    /// Whether the same request may succeed later: the credential is as good as before.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            // What may not be sent now may never be.
            Self::Transport(failure) if *failure != TransportFailure::ForbiddenOrigin
        ) || matches!(
            self,
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Unreadable { .. }
        )
    }

    /// Whether something in between has answered, such as a proxy or the page of a hotel's network,
    /// so that the server itself may say otherwise in a while.
    pub(crate) fn is_passing(&self) -> bool {
        self.is_transient() || matches!(self, Self::Refused { status: 300..=399 | 407 })
    }

    /// Whether the server no longer takes what it was shown: a token that was revoked or used
    /// before, a code that was used or is too old.
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
            brief(&known.fold(text, |text, secret| replaced(&text, secret.expose(), "[REDACTED]")))
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

    /// Makes texts that anybody may have written fit to be shown.
    pub(crate) fn make_plain(&mut self) {
        match self {
            Self::OAuth { error, description } => {
                *error = brief(error);
                *description = description.as_deref().map(brief);
            }
            Self::NoCopilot { message, .. } => *message = message.as_deref().map(brief),
            Self::Metadata { problem } => *problem = brief(problem),
            _ => {}
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
            Self::OAuth { error, description: Some(text) } => {
                write!(f, "{}: {}", brief(error), brief(text))
            }
            Self::OAuth { error, description: None } => f.write_str(&brief(error)),
            Self::Unauthorized => f.write_str("it was revoked or has expired (HTTP 401)"),
            Self::NoCopilot { status: 404, .. } => {
                f.write_str("there is no Copilot for this account at this address (HTTP 404)")
            }
            Self::NoCopilot { status, message: Some(text) } => {
                write!(f, "this account may not use Copilot (HTTP {status}: {})", brief(text))
            }
            Self::NoCopilot { status, message: None } => {
                write!(f, "this account may not use Copilot (HTTP {status})")
            }
            Self::Metadata { problem } => f.write_str(problem),
            Self::Refused { status } => write!(f, "it refused the request (HTTP {status})"),
        }
    }
}

/// The JSON object that a successful answer holds, as of `now_ms`.
pub(crate) fn object(response: &Response, now_ms: u64) -> Result<Json<'_>, Box<EndpointError>> {
    let status = response.status;
    if let Some(trouble) = trouble(response, now_ms) {
        return Err(trouble.into());
    }
    let body = json_object(response);
    // An error counts whatever the status: there are servers that send it with 200.
    if let Some(error) = body.and_then(oauth_error) {
        return Err(error.into());
    }
    match (status, body) {
        (200..=299, Some(body)) => Ok(body),
        (200..=299, None) => Err(EndpointError::Unreadable { status }.into()),
        _ => Err(EndpointError::Refused { status }.into()),
    }
}

/// A success that is not the answer it should be.
pub(crate) fn unreadable(response: &Response) -> Box<EndpointError> {
    Box::new(EndpointError::Unreadable { status: response.status })
}

/// The JSON object in a response, whatever its status.
pub(crate) fn json_object(response: &Response) -> Option<Json<'_>> {
    Json::parse(response.body.expose()).ok().filter(|body| body.is_object())
}

/// What the status alone says: the server is in trouble, or wants to be left alone.
pub(crate) fn trouble(response: &Response, now_ms: u64) -> Option<EndpointError> {
    let status = response.status;
    let after_ms = response.retry_after_ms(now_ms);
    match status {
        429 => Some(EndpointError::RateLimited { after_ms }),
        // GitHub says it so, too.
        403 if after_ms.is_some() => Some(EndpointError::RateLimited { after_ms }),
        408 | 500..=599 => Some(EndpointError::Unavailable { status, after_ms }),
        _ => None,
    }
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

/// A number of seconds, whether it came as a number or as a string of digits.
pub(crate) fn seconds(value: Json<'_>) -> Option<u64> {
    match value.string() {
        Some(digits) => digits.parse().ok(),
        // A negative time is none at all.
        None => value.is_number().then(|| value.whole().unwrap_or(u64::MAX)),
    }
}

/// The time this many seconds from now, in epoch milliseconds.
pub(crate) fn epoch_ms(now_ms: u64, in_s: u64) -> u64 {
    now_ms.saturating_add(in_s.saturating_mul(1000)).min(MAX_EPOCH_MS)
}

/// Whether it is a token as servers may send it: visible ASCII and spaces (RFC 6749, A.12 and A.17), so that it
/// can stand in a header and on a terminal.
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
    fn a_secret_is_taken_out_before_the_text_is_cut() {
        let secret = Secret::new("sk-ant-ort01-canary-canary-canary");
        for before in [0, 270, 285, 299, 300, 5000] {
            let words = format!("{}{}", "x".repeat(before), secret.expose());
            let body = serde_json::json!({ "error": "invalid_grant", "error_description": words });
            let response =
                Response { status: 400, headers: [].into(), body: body.to_string().into() };
            let error = object(&response, 0).unwrap_err().without(core::slice::from_ref(&secret));
            let shown = format!("{error} {error:?} {}", crate::json::to_string(&error));
            assert!(!shown.contains("sk-"), "{before}: {shown}");
            assert!(shown.len() < 1200, "{before}: {}", shown.len());
        }
    }
}
