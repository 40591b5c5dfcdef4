//! The headers that carry a key to a provider's API.

use alloc::vec::Vec;

use crate::http::Header;
use crate::provider::ANTHROPIC;
use crate::resolve::{Key, KeyKind};

/// The `anthropic-version` of every request.
const ANTHROPIC_VERSION: &str = "2023-06-01";
/// The beta that lets an OAuth token through.
const ANTHROPIC_OAUTH_BETA: &str = "oauth-2025-04-20";

/// The headers with which `provider` takes `key`.
///
/// Any provider but Anthropic gets the standard's `Authorization: Bearer` (RFC 6750, 2.1).
pub fn for_key(provider: &str, key: &Key) -> Vec<Header> {
    let bearer = || Header::new("Authorization", alloc::format!("Bearer {}", key.value.expose()));
    if provider != ANTHROPIC {
        return [bearer()].into();
    }
    let version = Header::new("anthropic-version", ANTHROPIC_VERSION);
    match key.kind {
        KeyKind::OAuth => {
            [bearer(), version, Header::new("anthropic-beta", ANTHROPIC_OAUTH_BETA)].into()
        }
        KeyKind::ApiKey => [Header::new("x-api-key", key.value.clone()), version].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::Source;
    use alloc::string::String;

    fn shown(provider: &str, value: &str) -> Vec<String> {
        let key = Key::by_prefix(value.into(), Source::Caller);
        let line = |h: &Header| alloc::format!("{}: {}", h.name, h.value.expose());
        for_key(provider, &key).iter().map(line).collect()
    }

    #[test]
    fn by_kind_of_key() {
        assert_eq!(
            shown("anthropic", "sk-ant-oat01-x"),
            [
                "Authorization: Bearer sk-ant-oat01-x",
                "anthropic-version: 2023-06-01",
                "anthropic-beta: oauth-2025-04-20"
            ]
        );
        assert_eq!(
            shown("anthropic", "sk-ant-api03-x"),
            ["x-api-key: sk-ant-api03-x", "anthropic-version: 2023-06-01"]
        );
        assert_eq!(shown("acme", "k"), ["Authorization: Bearer k"]);
    }
}
