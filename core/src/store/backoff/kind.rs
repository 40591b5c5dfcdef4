//! The kinds of failures that are remembered, without a word of a server.

use alloc::string::ToString;

use serde::{Deserialize, Serialize};

use crate::http::TransportFailure;
use crate::oauth::endpoint::{EndpointError, TokenFault};

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Timeout,
    Broken,
    TooLarge,
    RateLimited,
    Unavailable,
    Unreadable,
    NoAccessToken,
    TokenCharacters,
    TokenType,
    InvalidGrant,
    Unauthorized,
    Refused,
}

impl Kind {
    /// The kind of a failure and its status; `None` for one that is not remembered.
    pub(super) fn of(cause: &EndpointError) -> Option<(Self, u16)> {
        Some(match cause {
            EndpointError::Transport(TransportFailure::Timeout) => (Self::Timeout, 0),
            EndpointError::Transport(TransportFailure::TooLarge) => (Self::TooLarge, 0),
            EndpointError::Transport(failure) if failure.was_sent() => (Self::Broken, 0),
            EndpointError::RateLimited { .. } => (Self::RateLimited, 0),
            EndpointError::Unavailable { status, .. } => (Self::Unavailable, *status),
            EndpointError::Unreadable { status } => (Self::Unreadable, *status),
            EndpointError::UnusableToken(TokenFault::Missing) => (Self::NoAccessToken, 0),
            EndpointError::UnusableToken(TokenFault::Characters) => (Self::TokenCharacters, 0),
            EndpointError::UnusableToken(TokenFault::Type) => (Self::TokenType, 0),
            EndpointError::Unauthorized => (Self::Unauthorized, 0),
            EndpointError::OAuth { .. } if cause.is_invalid_grant() => (Self::InvalidGrant, 0),
            EndpointError::Refused { status } => (Self::Refused, *status),
            // A person can mend these at any moment.
            EndpointError::Transport(_)
            | EndpointError::OAuth { .. }
            | EndpointError::NoCopilot { .. }
            | EndpointError::Metadata { .. } => return None,
        })
    }

    /// The failure again, as far as it was remembered.
    pub(super) fn cause(self, status: u16) -> EndpointError {
        match self {
            Self::Timeout => EndpointError::Transport(TransportFailure::Timeout),
            Self::Broken => EndpointError::Transport(TransportFailure::Broken),
            Self::TooLarge => EndpointError::Transport(TransportFailure::TooLarge),
            Self::RateLimited => EndpointError::RateLimited { after_ms: None },
            Self::Unavailable => EndpointError::Unavailable { status, after_ms: None },
            Self::Unreadable => EndpointError::Unreadable { status },
            Self::NoAccessToken => EndpointError::UnusableToken(TokenFault::Missing),
            Self::TokenCharacters => EndpointError::UnusableToken(TokenFault::Characters),
            Self::TokenType => EndpointError::UnusableToken(TokenFault::Type),
            Self::InvalidGrant => {
                EndpointError::OAuth { error: "invalid_grant".to_string(), description: None }
            }
            Self::Unauthorized => EndpointError::Unauthorized,
            Self::Refused => EndpointError::Refused { status },
        }
    }
}
