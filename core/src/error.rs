//! Errors in two layers: exactly what happened, and what the caller should do about it.
//!
//! [`Error`] is the exact kind; its `Display` says what happened and [`Error::advice`] what to do
//! next, both for people. [`Error::code`] is the stable layer that programs act on.

mod code;
mod store;
mod words;

use alloc::boxed::Box;
use alloc::string::{String, ToString};

pub use code::Code;
pub use store::StoreFailure;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::Source;
use crate::oauth::endpoint::EndpointError;
use crate::oauth::paste::PasteError;
use crate::provider::{BadDomain, BadOverrides, Label};
use crate::resolve::BadPreference;
use crate::store::access::Fault;

/// How long to wait before the next attempt where the server does not say, in milliseconds.
const DEFAULT_RETRY_MS: u64 = 10_000;

/// Exactly what went wrong. None of its texts holds a secret or a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(
    test,
    ts(type = "{ code: ErrorCode, after_ms?: number, message: string, advice: string }")
)]
#[non_exhaustive]
pub enum Error {
    /// Nobody is logged in to this provider, and no variable holds a key.
    NotLoggedIn {
        /// The provider.
        provider: Label,
        /// The variable that could hold an API key.
        variable: Option<&'static str>,
        /// The credential file that was looked at.
        path: String,
    },
    /// The entry of this provider is neither a login nor an API key.
    UnknownEntry {
        /// The provider.
        provider: Label,
        /// The credential file.
        path: String,
    },
    /// The stored login has no refresh token, or the provider no longer takes it.
    LoginEnded {
        /// The provider.
        provider: Label,
        /// The provider's refusal; `None` where there was no refresh token to try.
        cause: Option<EndpointError>,
    },
    /// A refresh failed, and the access token is no longer valid.
    Refresh {
        /// The provider.
        provider: Label,
        /// Why.
        cause: EndpointError,
    },
    /// The exchange of an authorization code failed.
    Exchange {
        /// The provider.
        provider: Label,
        /// Why.
        cause: EndpointError,
    },
    /// A login failed on the way, at an endpoint of the provider.
    Login {
        /// The provider.
        provider: Label,
        /// Why.
        cause: EndpointError,
    },
    /// The code of a device login was not entered in time.
    CodeExpired {
        /// The provider.
        provider: Label,
    },
    /// No browser came back in time, and input had ended.
    Unanswered {
        /// The provider.
        provider: Label,
    },
    /// An authorization response came from another server than the provider's, or does not say
    /// from which, as it should.
    WrongIssuer {
        /// The provider.
        provider: Label,
        /// Its issuer.
        expected: String,
        /// The one that answered, if it says so.
        found: Option<String>,
    },
    /// A variable holds a token that has to be exchanged, and that failed.
    Variable {
        /// Its name.
        variable: String,
        /// Why.
        cause: EndpointError,
    },
    /// A key has characters that no request can carry.
    UnusableKey {
        /// Where it is.
        source: Source,
    },
    /// The domain of a GitHub Enterprise cannot be used.
    Enterprise {
        /// What is wrong with it.
        problem: BadDomain,
        /// True if it is the stored one.
        stored: bool,
    },
    /// An Enterprise was named for a provider that has none.
    NoEnterprise {
        /// The provider.
        provider: Label,
    },
    /// The stored login is of a provider that only the agent can refresh.
    ForeignLogin {
        /// The provider.
        provider: Label,
    },
    /// The stored API key is not a key but a reference that only the agent resolves.
    IndirectKey {
        /// The provider.
        provider: Label,
        /// What it is.
        what: &'static str,
    },
    /// There is no such provider.
    UnknownProvider {
        /// What was asked for, without control characters.
        id: String,
        /// The ids that are known, with commas.
        known: String,
    },
    /// The person stopped it.
    Cancelled,
    /// The person refused on the provider's page.
    Denied {
        /// The provider.
        provider: Label,
    },
    /// The provider sent the browser back with an error of its own.
    AuthorizationRefused {
        /// The provider.
        provider: Label,
        /// The error code.
        error: String,
        /// Its words for people.
        description: Option<String>,
    },
    /// What was pasted cannot be used.
    Paste(PasteError),
    /// The credential file is not what it should be. It is left as it is.
    StoreCorrupt {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The credential file could not be read, locked or written.
    Store {
        /// The file that was to be used.
        path: String,
        /// What was tried: `read`, `lock` or `write`.
        attempt: &'static str,
        /// Why it failed.
        failure: StoreFailure,
    },
    /// A new login could not be stored, and the provider has replaced the stored one by it.
    NotStored {
        /// The provider.
        provider: Label,
        /// The reason.
        cause: Box<Error>,
    },
    /// Another process held the lock for too long.
    LockTimedOut {
        /// The lock.
        path: String,
        /// True if its holder is certainly alive.
        alive: bool,
        /// The id of its owner, where that is neither the caller nor the directory's owner.
        owner: Option<u32>,
    },
    /// The overrides file cannot be used.
    Overrides {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: BadOverrides,
    },
    /// The overrides file is not used, since somebody else could have changed it.
    UntrustedOverrides {
        /// The file.
        path: String,
        /// The way in which somebody could have.
        fault: Fault,
    },
    /// The host knows no directory for the credential file.
    NoDirectory,
    /// The system refused what a host cannot work without.
    System {
        /// What it was, such as `random bytes`.
        what: &'static str,
    },
    /// `PI_AUTH_PREFER` has a value that means nothing.
    BadPreference {
        /// The value.
        value: String,
    },
    /// `logout` of everything was not confirmed.
    NotConfirmed,
    /// An error of a core that runs as a module, as it told it.
    Reported {
        /// What to do.
        code: Code,
        /// What happened.
        message: String,
        /// What the person can do next.
        advice: String,
    },
    /// The host answered an effect with an event that does not belong to it: a bug in the host.
    Protocol {
        /// The event's name.
        event: &'static str,
    },
}

impl Error {
    /// Returns whether the overrides file cannot be used.
    pub fn is_of_overrides(&self) -> bool {
        matches!(self, Self::Overrides { .. } | Self::UntrustedOverrides { .. })
    }

    /// What the caller should do.
    pub fn code(&self) -> Code {
        match self {
            Self::NotLoggedIn { .. } | Self::UnknownEntry { .. } | Self::LoginEnded { .. } => {
                Code::LoginRequired
            }
            Self::Refresh { cause, .. } if cause.is_transient() => retry_later(cause),
            Self::Exchange { cause: EndpointError::Transport(_), .. } => Code::Network,
            Self::Exchange { cause, .. } if cause.is_transient() => retry_later(cause),
            Self::Exchange { cause, .. } if cause.is_invalid_grant() => Code::Expired,
            Self::Refresh { cause, .. }
            | Self::Login { cause, .. }
            | Self::Variable { cause, .. }
                if matches!(cause, EndpointError::NoCopilot { .. }) =>
            {
                Code::Denied
            }
            Self::Login { cause: EndpointError::Transport(_), .. } => Code::Network,
            Self::Login { cause, .. } | Self::Variable { cause, .. } if cause.is_transient() => {
                retry_later(cause)
            }
            Self::Variable { cause: EndpointError::Unauthorized, .. } => Code::LoginRequired,
            Self::CodeExpired { .. } | Self::Unanswered { .. } => Code::Expired,
            Self::Refresh { .. }
            | Self::Exchange { .. }
            | Self::Login { .. }
            | Self::Variable { .. }
            | Self::WrongIssuer { .. }
            | Self::AuthorizationRefused { .. } => Code::ProviderError,
            Self::LockTimedOut { .. } | Self::System { .. } => {
                Code::RetryLater { after_ms: DEFAULT_RETRY_MS }
            }
            Self::NotStored { cause, .. } => cause.code(),
            Self::Reported { code, .. } => *code,
            Self::Cancelled => Code::Cancelled,
            Self::Denied { .. } => Code::Denied,
            Self::StoreCorrupt { .. } => Code::StoreCorrupt,
            Self::Store { .. } | Self::NoDirectory => Code::StoreUnavailable,
            Self::UnusableKey { .. }
            | Self::Enterprise { .. }
            | Self::NoEnterprise { .. }
            | Self::ForeignLogin { .. }
            | Self::IndirectKey { .. }
            | Self::UnknownProvider { .. }
            | Self::Paste(_)
            | Self::Overrides { .. }
            | Self::UntrustedOverrides { .. }
            | Self::BadPreference { .. }
            | Self::NotConfirmed
            | Self::Protocol { .. } => Code::BadInput,
        }
    }
}

impl core::error::Error for Error {}

impl From<BadPreference> for Error {
    fn from(BadPreference { value }: BadPreference) -> Self {
        Error::BadPreference { value }
    }
}

/// The error as every host shows it: `{"code", "after_ms"?, "message", "advice"}`.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let code = self.code();
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("code", code.as_str())?;
        if let Code::RetryLater { after_ms } = code {
            object.serialize_entry("after_ms", &after_ms)?;
        }
        object.serialize_entry("message", &self.to_string())?;
        object.serialize_entry("advice", &self.advice())?;
        object.end()
    }
}

/// An error that was written keeps its code, its message and its advice, but not its exact kind.
impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Reported {
            code: String,
            after_ms: Option<u64>,
            message: String,
            advice: String,
        }

        let Reported { code, after_ms, message, advice } = Reported::deserialize(deserializer)?;
        let code = match Code::ALL.iter().find(|known| known.as_str() == code) {
            Some(Code::Cancelled) => return Ok(Error::Cancelled),
            Some(Code::RetryLater { .. }) => {
                Code::RetryLater { after_ms: after_ms.unwrap_or(DEFAULT_RETRY_MS) }
            }
            Some(code) => *code,
            // A code of a newer core: its message is worth more than its code.
            None => Code::ProviderError,
        };
        Ok(Error::Reported { code, message, advice })
    }
}

fn retry_later(cause: &EndpointError) -> Code {
    Code::RetryLater { after_ms: cause.retry_after_ms().unwrap_or(DEFAULT_RETRY_MS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_as_json() {
        let cause = EndpointError::RateLimited { after_ms: Some(7000) };
        let provider = Label { id: "p".into(), name: "P (x)".into(), enterprise: None };
        let error = Error::Refresh { provider, cause };
        assert_eq!(
            crate::json::to_string(&error),
            r#"{"code":"retry_later","after_ms":7000,"message":"The token of P could not be refreshed: it is being asked too often.","advice":"Your login is kept. Try again in 7 s."}"#
        );
    }
}
