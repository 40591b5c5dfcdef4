//! The memory of refreshes that failed, so that any number of processes do not all ask in vain.
//!
//! It is a small file beside the credential file, written under its lock. It holds no secret and
//! decides nothing that matters: one that cannot be read is no memory. A record counts for one
//! refresh token, so a new login, or a token that somebody else got, begins without one.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::http::TransportFailure;
use crate::oauth::token::TokenError;
use crate::secret::Secret;

/// How long the first failure is remembered where the server does not say, in milliseconds; each
/// further one twice as long.
const FIRST_MS: u64 = 10_000;
/// How long a failure is remembered at most where the server does not say, in milliseconds.
const MAX_MS: u64 = 60_000;
/// How long a failure is remembered at most even if the server says so, in milliseconds (15 min).
const MAX_RETRY_AFTER_MS: u64 = 900_000;

/// What is remembered, by provider.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Backoff(BTreeMap<String, Record>);

#[derive(Debug, Deserialize, Serialize)]
struct Record {
    /// Which refresh token was refused: a digest of it.
    token: String,
    /// Until when nobody is to ask again, in epoch milliseconds.
    until: u64,
    /// How many failures there were in a row.
    failures: u32,
    /// The last one.
    cause: TokenError,
}

impl Backoff {
    /// Reads the file's contents; whatever cannot be understood is no memory.
    pub(super) fn parse(contents: Option<&Secret>) -> Self {
        contents.and_then(|text| serde_json::from_str(text.expose()).ok()).unwrap_or_default()
    }

    /// Why a refresh with `token` need not be tried now, if so.
    pub(super) fn cause(&self, provider: &str, token: &Secret, now_ms: u64) -> Option<TokenError> {
        let record = self.record(provider, token)?;
        let left_ms = record.until.checked_sub(now_ms).filter(|left| *left > 0)?;
        // A clock that was set back must not make this last for ever.
        (left_ms <= MAX_RETRY_AFTER_MS).then(|| record.cause.clone().after(left_ms))
    }

    /// The contents of the file once this failure, too, is remembered, and for how long it is, in
    /// milliseconds. `None` for a failure that says nothing about the server: a network that comes
    /// back is to be used at once.
    pub(super) fn remember(
        mut self,
        provider: &str,
        token: &Secret,
        cause: &TokenError,
        now_ms: u64,
    ) -> Option<(Secret, u64)> {
        use TransportFailure::{Connect, Tls};
        if matches!(cause, TokenError::Transport(Connect | Tls)) {
            return None;
        }
        let failures = self.record(provider, token).map_or(0, |record| record.failures);
        let growing_ms = FIRST_MS.saturating_mul(1 << failures.min(8)).min(MAX_MS);
        let asked_ms = cause.retry_after_ms().map(|ms| ms.min(MAX_RETRY_AFTER_MS));
        let wait_ms = asked_ms.unwrap_or(growing_ms);
        let record = Record {
            token: digest(token),
            until: now_ms.saturating_add(wait_ms),
            failures: failures.saturating_add(1),
            cause: cause.clone(),
        };
        self.0.insert(provider.into(), record);
        let contents = serde_json::to_string(&self).ok()?;
        Some((contents.into(), wait_ms))
    }

    fn record(&self, provider: &str, token: &Secret) -> Option<&Record> {
        self.0.get(provider).filter(|record| record.token == digest(token))
    }
}

/// Enough of a digest to tell tokens apart, and far from enough to find one.
fn digest(token: &Secret) -> String {
    let digest = Sha256::digest(token.expose().as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn after_failures(causes: &[TokenError]) -> Backoff {
        let mut contents = None;
        for cause in causes {
            let backoff = Backoff::parse(contents.as_ref());
            contents = backoff.remember("p", &"t".into(), cause, NOW).map(|(text, _)| text);
        }
        Backoff::parse(contents.as_ref())
    }

    fn left_ms(causes: &[TokenError]) -> u64 {
        after_failures(causes).0["p"].until - NOW
    }

    fn unavailable() -> TokenError {
        TokenError::Unavailable { status: 503, after_ms: None }
    }

    #[test]
    fn it_grows_from_ten_seconds_to_a_minute_unless_the_server_says() {
        assert_eq!(left_ms(&[unavailable()]), 10_000);
        assert_eq!(left_ms(&[unavailable(), unavailable()]), 20_000);
        assert_eq!(left_ms(&[unavailable(), unavailable(), unavailable(), unavailable()]), 60_000);
        let asked = |ms| TokenError::RateLimited { after_ms: Some(ms) };
        assert_eq!(left_ms(&[asked(7000)]), 7000);
        assert_eq!(left_ms(&[asked(86_400_000)]), 900_000);
    }

    #[test]
    fn it_counts_for_one_token_and_for_its_time() {
        let backoff = after_failures(&[TokenError::RateLimited { after_ms: Some(7000) }]);
        let left = |after_ms| Some(TokenError::RateLimited { after_ms: Some(after_ms) });
        assert_eq!(backoff.cause("p", &"t".into(), NOW), left(7000));
        assert_eq!(backoff.cause("p", &"t".into(), NOW + 6000), left(1000));
        assert_eq!(backoff.cause("p", &"t".into(), NOW + 7000), None);
        assert_eq!(
            backoff.cause("p", &"t".into(), NOW - 86_400_000),
            None,
            "the clock was set back"
        );
        assert_eq!(backoff.cause("p", &"another".into(), NOW), None);
        assert_eq!(backoff.cause("q", &"t".into(), NOW), None);
    }

    #[test]
    fn what_cannot_be_understood_is_no_memory_and_no_network_is_not_remembered() {
        for text in ["", "{", "[]", r#"{"p":{}}"#, r#"{"p":{"token":1}}"#] {
            assert!(Backoff::parse(Some(&text.into())).0.is_empty(), "{text}");
        }
        let gone = TokenError::Transport(TransportFailure::Connect);
        assert!(Backoff::default().remember("p", &"t".into(), &gone, NOW).is_none());
    }

    #[test]
    fn the_token_is_not_in_it() {
        let contents =
            Backoff::default().remember("p", &"sk-ant-ort01-canary".into(), &unavailable(), NOW);
        assert!(!contents.unwrap().0.expose().contains("canary"));
    }
}
