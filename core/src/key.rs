//! A key that a request can carry, whatever kind it is and wherever it came from.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::secret::{Secret, exposed};

/// The kind of a key, which decides how a request carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// An OAuth access token.
    #[serde(rename = "oauth")]
    OAuth,
    /// An API key.
    ApiKey,
}

/// The place that a key came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The caller gave it.
    Caller,
    /// The credential file.
    Stored,
    /// The environment variable of that name.
    Variable(String),
}

/// A key that can be sent with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Key {
    /// OAuth token or API key.
    pub kind: KeyKind,
    /// The key itself.
    #[serde(serialize_with = "exposed")]
    pub value: Secret,
    /// The place that it came from.
    pub source: Source,
    /// When it really expires, in epoch milliseconds; `None` where nobody knows.
    pub expires_ms: Option<u64>,
}
