//! The headers that carry a key to a provider's API.

mod about;

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::http::Header;
use crate::key::{Key, KeyKind};
use crate::provider::github_copilot::PER_REQUEST;
use crate::provider::{ANTHROPIC, Provider};

pub(crate) use about::About;
pub use about::Initiator;

/// The beta that lets an OAuth token through.
const ANTHROPIC_OAUTH_BETA: (&str, &str) = ("anthropic-beta", "oauth-2025-04-20");

/// The headers with which `provider` takes `key` on a request like `about`.
///
/// Nearly all take the standard's `Authorization: Bearer` (RFC 6750, 2.1), as does one that this
/// program does not know.
pub(crate) fn for_key(provider: Option<&Provider>, key: &Key, about: &About) -> Vec<Header> {
    let is_anthropic = provider.is_some_and(|provider| provider.id == ANTHROPIC);
    let carrier = match key.kind {
        KeyKind::ApiKey if is_anthropic => Header::new("x-api-key", key.value.clone()),
        _ => Header::bearer(&key.value),
    };
    let mut headers = Vec::from([carrier]);
    let Some(provider) = provider else { return headers };
    let plain = provider.headers.iter();
    headers.extend(plain.map(|(name, value)| Header::new(name, value.as_str())));
    if is_anthropic && key.kind == KeyKind::OAuth {
        let (name, oauth) = ANTHROPIC_OAUTH_BETA;
        // Beside the betas that a person has chosen, of which there may be many.
        match headers.iter_mut().find(|header| header.name.eq_ignore_ascii_case(name)) {
            None => headers.push(Header::new(name, oauth)),
            Some(own) if own.value.expose().split(',').any(|beta| beta.trim() == oauth) => {}
            Some(own) => own.value = alloc::format!("{},{oauth}", own.value.expose()).into(),
        }
    }
    if provider.copilot.is_some() {
        let [initiator, vision] = PER_REQUEST;
        headers.push(Header::new(initiator, about.initiator.to_string()));
        if about.vision {
            headers.push(Header::new(vision, "true"));
        }
    }
    headers
}
