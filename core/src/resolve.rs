//! Which key wins: the caller's, the stored login, the environment's.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::Error;
use crate::provider::{ANTHROPIC_OAUTH_PREFIX, key_variables};
use crate::secret::{Secret, exposed};

/// What kind of key it is, which decides how a request carries it.
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

/// Where a key came from.
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
    /// Where it came from.
    pub source: Source,
    /// When it really expires, in epoch milliseconds; `None` where nobody knows.
    pub expires_ms: Option<u64>,
}

impl Key {
    /// A key whose kind shows in its prefix.
    pub(crate) fn by_prefix(value: Secret, source: Source) -> Self {
        let oauth = value.expose().starts_with(ANTHROPIC_OAUTH_PREFIX);
        let kind = if oauth { KeyKind::OAuth } else { KeyKind::ApiKey };
        Key { kind, value, source, expires_ms: None }
    }
}

/// The places that may hold a key for `provider`, best first. `None` stands for the file.
///
/// A stored login comes before the variables. `PI_AUTH_PREFER=env` lifts the OAuth variable above
/// it; the API key stays last, so that nobody pays for what the subscription covers.
pub(crate) fn order(
    provider: &str,
    environment: &Environment,
) -> Result<Vec<Option<&'static str>>, Box<Error>> {
    let (oauth, api_key) = key_variables(provider);
    let variable_first = match environment.get("PI_AUTH_PREFER").map(Secret::expose) {
        Some("env") => true,
        None | Some("store") => false,
        Some(other) => {
            return Err(Box::new(Error::BadPreference { value: other.to_string() }));
        }
    };
    let mut order = Vec::from([None]);
    if let Some(name) = oauth {
        order.insert(usize::from(!variable_first), Some(name));
    }
    if api_key.is_some() {
        order.push(api_key);
    }
    Ok(order)
}

/// The key of the environment that comes before the file (`before`), or after it.
pub(crate) fn from_environment(
    provider: &str,
    environment: &Environment,
    before: bool,
) -> Result<Option<Key>, Box<Error>> {
    let order = order(provider, environment)?;
    let file = order.iter().position(Option::is_none).unwrap_or_default();
    let names = if before { &order[..file] } else { &order[file..] };
    let key = |name: &str| {
        let value = environment.get(name)?.clone();
        Some(variable_key(provider, name, value))
    };
    Ok(names.iter().flatten().find_map(|name| key(name)))
}

pub(crate) fn variable_key(provider: &str, name: &str, value: Secret) -> Key {
    // Some ways to set a variable leave a line break behind.
    let value = Secret::new(value.expose().trim());
    let source = Source::Variable(name.to_string());
    if key_variables(provider).0 == Some(name) {
        Key { kind: KeyKind::OAuth, value, source, expires_ms: None }
    } else {
        Key::by_prefix(value, source)
    }
}
