//! Which key wins: the caller's, the stored login, the environment's.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::environment::Environment;
use crate::key::{Key, KeyKind, Source};
use crate::provider::{ANTHROPIC_OAUTH_PREFIX, key_variables};
use crate::secret::Secret;

/// A value of `PI_AUTH_PREFER` that is neither `env` nor `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadPreference {
    pub(crate) value: String,
}

/// The places that may hold a key for `provider`, best first. `None` stands for the file.
///
/// A stored login comes before the variables. `PI_AUTH_PREFER=env` lifts the OAuth variable above
/// it; the API key stays last, so that nobody pays for what the subscription covers.
pub(crate) fn order(
    provider: &str,
    environment: &Environment,
) -> Result<Vec<Option<&'static str>>, BadPreference> {
    let (oauth, api_key) = key_variables(provider);
    let variable_first = match environment.get("PI_AUTH_PREFER").map(Secret::expose) {
        Some("env") => true,
        None | Some("store") => false,
        Some(other) => {
            return Err(BadPreference { value: other.to_string() });
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
) -> Result<Option<Key>, BadPreference> {
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
        by_prefix(value, source)
    }
}

/// Returns a key whose kind shows in its prefix.
pub(crate) fn by_prefix(value: Secret, source: Source) -> Key {
    let is_oauth = value.expose().starts_with(ANTHROPIC_OAUTH_PREFIX);
    let kind = if is_oauth { KeyKind::OAuth } else { KeyKind::ApiKey };
    Key { kind, value, source, expires_ms: None }
}
