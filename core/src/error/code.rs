//! What a caller should do about an error, as a stable code.

/// What a caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// Have the person log in.
    LoginRequired,
    /// Try again, not before this many milliseconds have passed.
    RetryLater {
        /// Milliseconds from now.
        after_ms: u64,
    },
    /// Nothing: the person stopped it.
    Cancelled,
    /// Nothing: the person or the provider said no.
    Denied,
    /// Begin again: what was being exchanged is too old.
    Expired,
    /// Have the person look at the credential file. It was not touched.
    StoreCorrupt,
    /// Make the credential file readable and writable.
    StoreUnavailable,
    /// Correct the input.
    BadInput,
    /// Report it: the provider answered what it should not.
    ProviderError,
    /// Check the connection.
    Network,
}

impl Code {
    /// One of each; the time of [`Code::RetryLater`] means nothing.
    pub const ALL: &[Code] = &[
        Code::LoginRequired,
        Code::RetryLater { after_ms: 0 },
        Code::Cancelled,
        Code::Denied,
        Code::Expired,
        Code::StoreCorrupt,
        Code::StoreUnavailable,
        Code::BadInput,
        Code::ProviderError,
        Code::Network,
    ];

    /// The code as one word, such as `login_required`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::LoginRequired => "login_required",
            Self::RetryLater { .. } => "retry_later",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::StoreCorrupt => "store_corrupt",
            Self::StoreUnavailable => "store_unavailable",
            Self::BadInput => "bad_input",
            Self::ProviderError => "provider_error",
            Self::Network => "network",
        }
    }
}
