//! What happened, in order.

use serde::Deserialize;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// When the request arrived that made it happen, in milliseconds since the server started.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Somebody asked for its metadata.
    Metadata {
        /// Where.
        path: String,
        /// The HTTP status of the answer.
        status: u16,
    },
    /// A device flow began.
    DeviceCode {
        /// What the person enters.
        user_code: String,
        /// What only the device may know.
        device_code: String,
    },
    /// The token endpoint gave tokens.
    Granted {
        /// `grant_type`.
        grant_type: String,
        /// The access token.
        access_token: String,
        /// The refresh token, if one was given.
        refresh_token: Option<String>,
    },
    /// The token endpoint gave none. So it answers a device whose person has not decided yet, too.
    Refused {
        /// `grant_type`, if it could be read.
        grant_type: Option<String>,
        /// `error` of the answer (RFC 6749 section 5.2, RFC 8628 section 3.5).
        error: String,
        /// What the server knows, and does not tell the client.
        why: Option<String>,
    },
    /// Somebody asked for a revocation.
    Revocation {
        /// The HTTP status of the answer.
        status: u16,
        /// `token_type_hint`.
        hint: Option<String>,
    },
    /// Every token of one login was revoked.
    FamilyRevoked {
        /// By a request to this endpoint: `token`, where a token was used twice, or `revocation`.
        by: String,
    },
}
