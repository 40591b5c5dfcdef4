//! The memory of refreshes, and exchanges, that failed, so that any number of processes do not all
//! ask in vain.
//!
//! It is a small file beside the credential file, written under its lock. It holds no secret and
//! decides nothing that matters: one that cannot be read is no memory. It holds kinds and numbers,
//! and no words: whoever could write it must not be able to put a text on a screen. A record counts
//! for one refresh token and endpoint, so a new login, a token that somebody else got, or a mended
//! overrides file begins without one.

mod kind;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize, Serializer};

use crate::digest::digest;
use crate::json::{self, Json};
use crate::oauth::endpoint::EndpointError;
use crate::provider::Provider;
use crate::secret::Secret;
use kind::Kind;

/// How long a failure is remembered at least, in milliseconds: `Retry-After: 0` is no invitation.
const MIN_MS: u64 = 1_000;
/// How long the first failure is remembered where the server does not say, in milliseconds; each
/// further one twice as long.
const FIRST_MS: u64 = 10_000;
/// How long a failure is remembered at most where the server does not say, in milliseconds.
const MAX_MS: u64 = 60_000;
/// How long a failure is remembered at most even if the server says so, in milliseconds (15 min).
const MAX_RETRY_AFTER_MS: u64 = 900_000;

/// What is remembered, by provider.
#[derive(Debug, Default)]
pub(crate) struct Backoff(Vec<(String, Record)>);

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// What was refused: a digest of the refresh token, the endpoint and the client.
    token: String,
    /// When it was, in epoch milliseconds.
    since: u64,
    /// Until when nobody is to ask again, in epoch milliseconds.
    until: u64,
    /// How many failures there were in a row.
    failures: u32,
    /// The last one.
    kind: Kind,
    /// Its HTTP status; 0 where there is none to tell.
    status: u16,
}

/// The refresh tokens of a failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens<'a> {
    /// The one that was sent.
    pub(crate) sent: &'a Secret,
    /// The one that would be sent next.
    pub(crate) next: &'a Secret,
}

impl<'a> Tokens<'a> {
    /// The one that was sent is still the one.
    pub(crate) fn kept(token: &'a Secret) -> Self {
        Tokens { sent: token, next: token }
    }
}

impl Serialize for Backoff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(provider, record)| (provider, record)))
    }
}

impl Backoff {
    /// Reads the file's contents; whatever cannot be understood is no memory.
    pub(crate) fn parse(contents: Option<&Secret>) -> Self {
        let Some(json) = contents.and_then(|text| Json::parse(text.expose()).ok()) else {
            return Backoff::default();
        };
        let record =
            |(provider, record): (Option<String>, Json<'_>)| Some((provider?, record.read()?));
        Backoff(json.members().filter_map(record).collect())
    }

    /// Why a refresh with `token` need not be tried now, if so.
    pub(crate) fn cause(
        &self,
        provider: &Provider,
        token: &Secret,
        now_ms: u64,
    ) -> Option<EndpointError> {
        let record = self.record(provider, token)?;
        let left_ms = record.until.checked_sub(now_ms).filter(|left| *left > 0)?;
        // A clock that was set back, or ahead when this was written, must not make it last.
        let is_sane = record.since <= now_ms && left_ms <= MAX_RETRY_AFTER_MS;
        is_sane.then(|| record.kind.cause(record.status).after(left_ms))
    }

    /// The contents of the file once this failure, too, is remembered, and for how long it is, in
    /// milliseconds. `None` for a failure that a person can mend at any moment, such as a network
    /// that is not there or a wrong client: what was mended is to work at once.
    pub(crate) fn remember(
        &mut self,
        provider: &Provider,
        tokens: Tokens<'_>,
        cause: &EndpointError,
        now_ms: u64,
    ) -> Option<(Secret, u64)> {
        let (kind, status) = Kind::of(cause)?;
        let recent = |record: &&Record| now_ms.saturating_sub(record.until) <= MAX_MS;
        let failures =
            self.record(provider, tokens.sent).filter(recent).map_or(0, |it| it.failures);
        let growing_ms = FIRST_MS.saturating_mul(1 << failures.min(8)).min(MAX_MS);
        let asked_ms = cause.retry_after_ms().map(|ms| ms.min(MAX_RETRY_AFTER_MS));
        let wait_ms = asked_ms.unwrap_or(growing_ms).max(MIN_MS);
        let record = Record {
            token: digest_of(provider, tokens.next),
            since: now_ms,
            until: now_ms.saturating_add(wait_ms),
            failures: failures.saturating_add(1),
            kind,
            status,
        };
        self.0.retain(|(id, _)| *id != provider.id);
        self.0.push((provider.id.clone(), record));
        Some((json::to_string(self).into(), wait_ms))
    }

    fn record(&self, provider: &Provider, token: &Secret) -> Option<&Record> {
        let (_, record) = self.0.iter().find(|(id, _)| *id == provider.id)?;
        (record.token == digest_of(provider, token)).then_some(record)
    }
}

/// Returns the digest of a refresh token at the endpoint that takes it.
fn digest_of(provider: &Provider, token: &Secret) -> String {
    digest(&[token.expose(), provider.client.refresh_url(), &provider.client.client_id])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::TransportFailure;
    use crate::oauth::endpoint::TokenFault;
    use crate::provider::Table;

    const NOW: u64 = 1_700_000_000_000;

    fn provider() -> Provider {
        Table::built_in().get("anthropic").unwrap().as_ref().clone()
    }

    fn after_failures(causes: &[EndpointError], pause_ms: u64) -> Backoff {
        let mut contents = None;
        for (n, cause) in causes.iter().enumerate() {
            let mut backoff = Backoff::parse(contents.as_ref());
            let now_ms = NOW + n as u64 * pause_ms;
            let remembered =
                backoff.remember(&provider(), Tokens::kept(&"t".into()), cause, now_ms);
            contents = remembered.map(|(text, _)| text);
        }
        Backoff::parse(contents.as_ref())
    }

    fn wait_ms(causes: &[EndpointError], pause_ms: u64) -> u64 {
        let record = &after_failures(causes, pause_ms).0[0].1;
        record.until - record.since
    }

    fn unavailable() -> EndpointError {
        EndpointError::Unavailable { status: 503, after_ms: None }
    }

    fn limited(after_ms: u64) -> EndpointError {
        EndpointError::RateLimited { after_ms: Some(after_ms) }
    }

    #[test]
    fn it_grows_from_ten_seconds_to_a_minute_unless_the_server_says() {
        let in_a_row = |n: usize| wait_ms(&alloc::vec![unavailable(); n], 20_000);
        assert_eq!([1, 2, 3, 4, 9].map(in_a_row), [10_000, 20_000, 40_000, 60_000, 60_000]);
        assert_eq!(wait_ms(&[unavailable(), unavailable()], 3_600_000), 10_000, "long ago");
        assert_eq!(wait_ms(&[limited(7000)], 0), 7000);
        assert_eq!(wait_ms(&[limited(0)], 0), 1000);
        assert_eq!(wait_ms(&[limited(86_400_000)], 0), 900_000);
    }

    #[test]
    fn it_counts_for_one_token_at_one_endpoint_and_for_its_time() {
        let backoff = after_failures(&[limited(7000)], 0);
        let cause = |token: &str, now_ms| backoff.cause(&provider(), &token.into(), now_ms);
        assert_eq!(cause("t", NOW), Some(limited(7000)));
        assert_eq!(cause("t", NOW + 6000), Some(limited(1000)));
        assert_eq!(cause("t", NOW + 7000), None);
        assert_eq!(cause("t", NOW - 1), None, "the clock was set back");
        assert_eq!(cause("another", NOW), None);
        let mut mended = provider();
        mended.client.client_id = "another".into();
        assert_eq!(backoff.cause(&mended, &"t".into(), NOW), None);
    }

    #[test]
    fn what_cannot_be_understood_is_no_memory() {
        for text in ["", "{", "[]", r#"{"p":{}}"#, r#"{"p":{"token":1}}"#] {
            assert!(Backoff::parse(Some(&text.into())).0.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_a_person_can_mend_at_any_moment_is_not_remembered() {
        let oauth = |error: &str| EndpointError::OAuth { error: error.into(), description: None };
        for (cause, remembered) in [
            (EndpointError::Transport(TransportFailure::Connect), false),
            (EndpointError::Transport(TransportFailure::Tls), false),
            (EndpointError::Transport(TransportFailure::UnknownAuthority), false),
            (EndpointError::Transport(TransportFailure::WrongName), false),
            (EndpointError::Transport(TransportFailure::OutOfDate), false),
            (EndpointError::Transport(TransportFailure::Proxy("http://p:1".into())), false),
            (EndpointError::Transport(TransportFailure::BadProxy), false),
            (EndpointError::Transport(TransportFailure::Timeout), true),
            (EndpointError::Metadata { problem: "x".into() }, false),
            (EndpointError::NoCopilot { status: 403, message: None }, false),
            (EndpointError::NoCopilot { status: 404, message: None }, false),
            (oauth("invalid_client"), false),
            (oauth("invalid_grant"), true),
            (EndpointError::Unauthorized, true),
            (unavailable(), true),
        ] {
            let token = "t".into();
            let tokens = Tokens::kept(&token);
            let record = Backoff::default().remember(&provider(), tokens, &cause, NOW);
            assert_eq!(record.is_some(), remembered, "{cause:?}");
        }
    }

    #[test]
    fn a_refusal_without_an_oauth_error_is_remembered_for_longer_each_time() {
        for status in [300, 302, 307, 400, 401, 403, 404, 407, 418, 451, 499] {
            let refused = EndpointError::Refused { status };
            let in_a_row = |n: usize| wait_ms(&alloc::vec![refused.clone(); n], 20_000);
            assert_eq!([1, 2, 3, 9].map(in_a_row), [10_000, 20_000, 40_000, 60_000], "{status}");
            let cause = after_failures(core::slice::from_ref(&refused), 0).cause(
                &provider(),
                &"t".into(),
                NOW,
            );
            assert_eq!(cause, Some(refused));
        }
    }

    #[test]
    fn it_grows_although_each_answer_brings_another_refresh_token() {
        let fault = EndpointError::UnusableToken(TokenFault::Type);
        let (mut contents, mut waits) = (None, Vec::new());
        for n in 0..4u64 {
            let [sent, next] = [n, n + 1].map(|n| Secret::new(alloc::format!("t{n}")));
            let tokens = Tokens { sent: &sent, next: &next };
            let mut backoff = Backoff::parse(contents.as_ref());
            let now_ms = NOW + n * 60_000;
            let (text, wait_ms) = backoff.remember(&provider(), tokens, &fault, now_ms).unwrap();
            let backoff = Backoff::parse(Some(&text));
            assert_eq!(backoff.cause(&provider(), &next, now_ms), Some(fault.clone()));
            assert_eq!(backoff.cause(&provider(), &sent, now_ms), None);
            contents = Some(text);
            waits.push(wait_ms);
        }
        assert_eq!(waits, [10_000, 20_000, 40_000, 60_000]);
    }

    #[test]
    fn it_holds_neither_the_token_nor_a_word_of_the_server() {
        let token = "sk-canary".into();
        let description = Some("words of a server".into());
        let cause = EndpointError::OAuth { error: "invalid_grant".into(), description };
        let tokens = Tokens::kept(&token);
        let (text, _) = Backoff::default().remember(&provider(), tokens, &cause, NOW).unwrap();
        assert!(!text.expose().contains("canary"));
        assert!(!text.expose().contains("words"), "{}", text.expose());
        let cause = Backoff::parse(Some(&text)).cause(&provider(), &token, NOW).unwrap();
        assert!(!alloc::format!("{cause:?}").contains("words"));
    }

    #[test]
    fn a_planted_file_puts_no_text_on_a_screen() {
        let token = "t".into();
        let refused = EndpointError::Unauthorized;
        let (text, _) =
            Backoff::default().remember(&provider(), Tokens::kept(&token), &refused, NOW).unwrap();
        let planted = |from: &str, to: &str| {
            let text = text.expose().replace(from, to);
            Backoff::parse(Some(&text.into())).cause(&provider(), &token, NOW)
        };
        assert_eq!(planted("", ""), Some(EndpointError::Unauthorized));
        for kind in [
            r#""call 555-0100""#,
            r#"{"type":"oauth","error":"call 555-0100"}"#,
            r#"["call 555-0100"]"#,
            "7",
        ] {
            assert_eq!(planted(r#""unauthorized""#, kind), None, "{kind}");
        }
        let older = r#""cause":{"type":"oauth","error":"call 555-0100"},"token""#;
        let cause = planted("\"token\"", older).map(|cause| alloc::format!("{cause}"));
        assert!(!cause.unwrap_or_default().contains("555"));
    }
}
