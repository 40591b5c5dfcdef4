//! A stored login and its expiry.

use alloc::string::String;

use crate::json::Json;
use crate::secret::Secret;

/// What is taken off the real expiry before it is stored, in milliseconds (5 minutes).
///
/// Every pi stores `expires` this way, so it is never subtracted again: a token is fresh while
/// `now < expires`, and really valid for these five minutes longer.
pub const BUFFER_MS: u64 = 300_000;

/// The latest time that is dealt with, in epoch milliseconds: JavaScript's largest safe integer,
/// for the agent's sake.
pub(crate) const MAX_EPOCH_MS: u64 = (1 << 53) - 1;

/// An OAuth credential as the file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The access token; `None` where the file has none that can be used.
    pub access: Option<Secret>,
    /// The refresh token; without one, the login ends with the access token.
    pub refresh: Option<Secret>,
    /// Epoch milliseconds, [`BUFFER_MS`] before the access token really expires.
    pub expires: u64,
    /// The GitHub Enterprise that it is for (`enterpriseUrl`), as the file has it.
    pub enterprise: Option<String>,
}

impl Credential {
    /// A login as an entry of the file has it. What is missing or of another kind counts as absent or
    /// long expired.
    pub(crate) fn of(entry: Json<'_>) -> Self {
        let text = |name: &str| entry.get(name)?.secret().filter(|text| !text.is_empty());
        Credential {
            access: text("access"),
            refresh: text("refresh"),
            // A fraction is cut; what is no sensible time (a string, null, a negative or an infinite
            // number) counts as long expired.
            expires: entry.get("expires").and_then(Json::whole).unwrap_or_default(),
            // What is no text is no domain, but it is not github.com either.
            enterprise: match (text("enterpriseUrl"), entry.get("enterpriseUrl").map(Json::text)) {
                (Some(url), _) => Some(url.expose().into()),
                (None, None | Some("null" | "\"\"")) => None,
                (None, Some(other)) => Some(other.into()),
            },
        }
    }

    /// Both tokens, none where there is none: what a server's words about this login may not tell.
    pub(crate) fn tokens(&self) -> [Secret; 2] {
        [&self.refresh, &self.access].map(|token| token.clone().unwrap_or_default())
    }

    /// When the access token really expires, in epoch milliseconds.
    pub fn real_expiry_ms(&self) -> u64 {
        self.expires.saturating_add(BUFFER_MS)
    }

    /// The access token, if it is really valid for longer than `min_validity_ms` from now.
    ///
    /// With [`BUFFER_MS`] that is what the file means by fresh: `now < expires`.
    pub fn access_for(&self, min_validity_ms: u64, now_ms: u64) -> Option<&Secret> {
        let wanted_until = now_ms.saturating_add(min_validity_ms);
        self.access.as_ref().filter(|_| wanted_until < self.real_expiry_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_means_now_before_expires() {
        let expires = 1_700_000_000_000;
        let credential =
            Credential { access: Some("a".into()), refresh: None, expires, enterprise: None };
        let fresh = |min, now| credential.access_for(min, now).is_some();
        assert!(fresh(BUFFER_MS, expires - 1));
        assert!(!fresh(BUFFER_MS, expires));
        assert!(fresh(0, expires + BUFFER_MS - 1), "really valid for five more minutes");
        assert!(!fresh(0, expires + BUFFER_MS));
        assert!(!fresh(3_600_000, expires - 3_000_000));
        assert!(!fresh(u64::MAX, 0));
    }

    #[test]
    fn without_an_access_token_nothing_is_fresh() {
        let credential =
            Credential { access: None, refresh: None, expires: u64::MAX, enterprise: None };
        assert_eq!(credential.access_for(0, 0), None);
    }
}
