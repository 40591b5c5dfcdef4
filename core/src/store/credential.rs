//! A stored login and its expiry.

use alloc::format;
use alloc::string::String;

use crate::digest::digest;
use crate::json::{self, Json};
use crate::secret::Secret;

/// The margin taken off the real expiry before it is stored, in milliseconds (5 minutes), or half
/// of the token's life where that is less.
///
/// Every pi stores `expires` this way, so it is never subtracted again: a token is fresh while
/// `now < expires`, and really valid for that much longer.
pub const BUFFER_MS: u64 = 300_000;

/// The longest lifetime that is believed without a note, in milliseconds (366 days).
const YEAR_MS: u64 = 31_622_400_000;

/// The field of an entry that holds the real expiry where it is not [`BUFFER_MS`] after `expires`.
pub(crate) const REAL_EXPIRY: &str = "realExpiry";

/// The latest time that is dealt with, in epoch milliseconds: JavaScript's largest safe integer,
/// for the agent's sake. As an expiry it means "never".
pub const MAX_EPOCH_MS: u64 = (1 << 53) - 1;

/// The remaining lifetime of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// For this many milliseconds.
    Ends {
        /// 0 where it is over.
        left_ms: u64,
    },
    /// For more than a year, as its provider says. That is taken as it is said, but never in
    /// silence.
    Doubtful,
    /// It does not expire.
    Endless,
}

impl Lifetime {
    /// Returns the lifetime of a token that really expires at `expires_ms`.
    pub fn until(expires_ms: u64, now_ms: u64) -> Self {
        match expires_ms.saturating_sub(now_ms) {
            _ if expires_ms >= MAX_EPOCH_MS => Self::Endless,
            left_ms if left_ms > YEAR_MS => Self::Doubtful,
            left_ms => Self::Ends { left_ms },
        }
    }

    /// Returns what the person should know about a token of `provider` that was just granted.
    pub(crate) fn note(self, provider: &str) -> Option<String> {
        let says = match self {
            Self::Ends { .. } => return None,
            Self::Doubtful => "is valid for more than a year",
            Self::Endless => "does not expire",
        };
        Some(format!(
            "{provider} says that its token {says}, so it is not refreshed before that; if \
             requests are refused, log in again."
        ))
    }
}

/// An OAuth credential as the file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The access token; `None` where the file has none that can be used.
    pub access: Option<Secret>,
    /// The refresh token; without one, the login ends with the access token.
    pub refresh: Option<Secret>,
    /// Epoch milliseconds, [`BUFFER_MS`] before the access token really expires, or half its life.
    pub expires: u64,
    /// When the access token really expires, in epoch milliseconds, where `expires` does not tell.
    pub end: Option<u64>,
    /// The GitHub Enterprise that it is for (`enterpriseUrl`), as the file has it.
    pub enterprise: Option<String>,
}

impl Credential {
    /// A login as an entry of the file has it. What is missing or of another kind counts as absent
    /// or long expired.
    pub(crate) fn of(entry: Json<'_>) -> Self {
        let text = |name: &str| entry.get(name)?.secret().filter(|text| !text.is_empty());
        Credential {
            access: text("access"),
            refresh: text("refresh"),
            // A fraction is cut; what is no sensible time (a string, null, a negative or an
            // infinite number) counts as long expired.
            expires: entry.get("expires").and_then(Json::whole).unwrap_or_default(),
            end: entry.get(REAL_EXPIRY).and_then(|field| end(field, &text("access")?)),
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

    /// Returns when the access token really expires, in epoch milliseconds; [`MAX_EPOCH_MS`] where
    /// it never does.
    pub fn real_expiry_ms(&self) -> u64 {
        let end = self.end.unwrap_or_else(|| self.expires.saturating_add(BUFFER_MS));
        end.min(MAX_EPOCH_MS)
    }

    /// Returns the access token, if it is really valid for longer than `min_validity_ms` from now.
    ///
    /// With [`BUFFER_MS`] it is returned if the file calls it fresh: `now < expires`.
    pub fn access_for(&self, min_validity_ms: u64, now_ms: u64) -> Option<&Secret> {
        let expiry_ms = self.real_expiry_ms();
        let is_valid = match min_validity_ms {
            BUFFER_MS => now_ms < self.expires,
            wanted_ms => now_ms.saturating_add(wanted_ms) < expiry_ms,
        };
        self.access.as_ref().filter(|_| is_valid || expiry_ms == MAX_EPOCH_MS)
    }

    /// Returns the field [`REAL_EXPIRY`] as JSON, if this login needs it. It is bound to the access
    /// token, so it counts for nothing once another program has stored another.
    pub(crate) fn end_field(&self) -> Option<String> {
        let (end, access) = (self.end?, self.access.as_ref()?);
        Some(format!(r#"{{"at":{end},"access":{}}}"#, json::to_string(&digest(&[access.expose()]))))
    }
}

/// When the access token really expires, if the field is about this one.
fn end(field: Json<'_>, access: &Secret) -> Option<u64> {
    let is_about = field.get("access")?.string()? == digest(&[access.expose()]);
    field.get("at").filter(|_| is_about)?.whole()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRES: u64 = 1_700_000_000_000;

    fn login(expires: u64, end: Option<u64>) -> Credential {
        Credential { access: Some("a".into()), refresh: None, expires, end, enterprise: None }
    }

    #[test]
    fn fresh_means_now_before_expires() {
        let credential = login(EXPIRES, None);
        let fresh = |min, now| credential.access_for(min, now).is_some();
        assert!(fresh(BUFFER_MS, EXPIRES - 1));
        assert!(!fresh(BUFFER_MS, EXPIRES));
        assert!(fresh(0, EXPIRES + BUFFER_MS - 1), "really valid for five more minutes");
        assert!(!fresh(0, EXPIRES + BUFFER_MS));
        assert!(!fresh(3_600_000, EXPIRES - 3_000_000));
        assert!(!fresh(u64::MAX, 0));
    }

    #[test]
    fn a_short_life_is_fresh_until_expires_and_valid_until_its_real_end() {
        let credential = login(EXPIRES, Some(EXPIRES + 30_000));
        let fresh = |min, now| credential.access_for(min, now).is_some();
        assert!(fresh(BUFFER_MS, EXPIRES - 1));
        assert!(!fresh(BUFFER_MS, EXPIRES));
        assert!(fresh(0, EXPIRES + 29_999));
        assert!(!fresh(0, EXPIRES + 30_000));
        assert!(!fresh(60_000, EXPIRES - 30_000));
    }

    #[test]
    fn the_real_end_counts_for_the_access_token_that_it_was_stored_with() {
        let field = login(EXPIRES, Some(EXPIRES + 30_000)).end_field().unwrap();
        let read = |access: &str, field: &str| {
            let entry =
                format!(r#"{{"access":"{access}","expires":{EXPIRES},"realExpiry":{field}}}"#);
            Credential::of(Json::parse(&entry).unwrap()).real_expiry_ms() - EXPIRES
        };
        assert_eq!(read("a", &field), 30_000);
        for (access, field) in [
            ("b", field.as_str()),
            ("", &field),
            ("a", "1700000000000"),
            ("a", "null"),
            ("a", r#"{"at":1700000000000}"#),
            ("a", r#"{"at":"x","access":"ca978112ca1bbdca"}"#),
        ] {
            assert_eq!(read(access, field), BUFFER_MS, "{access} {field}");
        }
    }

    #[test]
    fn the_last_safe_integer_is_no_time() {
        for credential in [login(MAX_EPOCH_MS, None), login(MAX_EPOCH_MS - BUFFER_MS, None)] {
            assert_eq!(credential.real_expiry_ms(), MAX_EPOCH_MS);
            assert!(credential.access_for(BUFFER_MS, EXPIRES).is_some());
            assert!(credential.access_for(u64::MAX, EXPIRES).is_some());
        }
        assert_eq!(login(u64::MAX, None).real_expiry_ms(), MAX_EPOCH_MS);
    }

    #[test]
    fn lifetimes_by_table() {
        for (expires_ms, lifetime) in [
            (0, Lifetime::Ends { left_ms: 0 }),
            (EXPIRES, Lifetime::Ends { left_ms: 0 }),
            (EXPIRES + 1, Lifetime::Ends { left_ms: 1 }),
            (EXPIRES + YEAR_MS, Lifetime::Ends { left_ms: YEAR_MS }),
            (EXPIRES + YEAR_MS + 1, Lifetime::Doubtful),
            (MAX_EPOCH_MS - 1, Lifetime::Doubtful),
            (MAX_EPOCH_MS, Lifetime::Endless),
            (u64::MAX, Lifetime::Endless),
        ] {
            assert_eq!(Lifetime::until(expires_ms, EXPIRES), lifetime, "{expires_ms}");
        }
    }

    #[test]
    fn without_an_access_token_nothing_is_fresh() {
        let credential = Credential { access: None, ..login(u64::MAX, None) };
        assert_eq!(credential.access_for(0, 0), None);
    }
}
