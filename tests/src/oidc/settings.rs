//! What a test may spoil.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What may change while the server runs. The server is not changed: it is spoiled from without, as
/// a bad proxy would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long an access token is good for, in seconds; also what `expires_in` says.
    pub access_lifetime_s: u64,
    /// True if it answers at `/.well-known/oauth-authorization-server` (RFC 8414).
    pub oauth_metadata: bool,
    /// True if it answers at `/.well-known/openid-configuration` (OpenID Connect Discovery).
    pub openid_metadata: bool,
    /// Members of its metadata that say something else, or are there on top.
    pub metadata: Map<String, Value>,
    /// The issuer that sends the browser back, in place of its own (RFC 9207); empty: none.
    pub callback_iss: Option<String>,
    /// The `interval` of a device flow, in seconds; the server itself names none.
    pub device_interval_s: Option<u64>,
    /// What the revocation endpoint answers in place of revoking.
    pub revocation_status: Option<u16>,
    /// How long the token endpoint waits before it looks at a request, in milliseconds.
    pub token_delay_ms: u64,
}
