//! RFC 8628: the device authorization grant. A code that the person enters on any machine, and
//! polling until they have.

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::string::String;

use super::client::Client;
use super::endpoint::{self, EndpointError};
use super::token::{self, Essential, TokenResponse};
use crate::http::{HttpRequest, HttpResponse, encode_pairs, origin, url::Url};
use crate::json::Json;
use crate::secret::Secret;
use crate::text::plain;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What is waited between polls where the server does not say, in seconds (3.2).
const DEFAULT_INTERVAL_S: u64 = 5;
/// What `slow_down` adds to it for good, in seconds (3.5).
const SLOW_DOWN_S: u64 = 5;
/// The longest interval that is believed, in seconds: no code lives for a day.
const MAX_INTERVAL_S: u64 = 86_400;
/// The longest user code that is shown, in characters; real ones have nine.
const MAX_USER_CODE_CHARS: usize = 32;
/// The longest address that is shown, in bytes.
const MAX_URI_BYTES: usize = 2048;
/// How long a code lives where the server does not say, in seconds; it has to (3.2).
const DEFAULT_EXPIRES_IN_S: u64 = 900;

/// The device authorization request (3.1).
pub(crate) fn request(client: &Client, device_authorization_url: &str) -> HttpRequest {
    let scope = client.scopes.join(" ");
    let mut fields = alloc::vec![("client_id", client.client_id.as_str())];
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    let body = encode_pairs(&fields).into();
    let origins = client.origins();
    HttpRequest::post(device_authorization_url, "application/x-www-form-urlencoded", body, origins)
}

/// The device authorization response (3.2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DeviceAuthorizationResponse {
    /// What this client shows at the token endpoint, and nobody else.
    device_code: Secret,
    /// What the person enters.
    pub(crate) user_code: String,
    /// Where they enter it.
    pub(crate) verification_uri: String,
    /// The same with the code in it; the code is to be shown all the same (3.3.1).
    pub(crate) verification_uri_complete: Option<String>,
    /// When both codes expire, in epoch milliseconds.
    pub(crate) expires_ms: u64,
    pub(crate) pace: PollInterval,
}

/// Reads the device authorization response as of `now_ms`.
pub(crate) fn code(
    response: &HttpResponse,
    now_ms: u64,
) -> Result<DeviceAuthorizationResponse, Box<EndpointError>> {
    let read = |json: Json<'_>| read(json, now_ms).ok_or_else(|| endpoint::unreadable(response));
    endpoint::parse(response, now_ms, read).map(|parsed| parsed.value)
}

fn read(body: Json<'_>, now_ms: u64) -> Option<DeviceAuthorizationResponse> {
    let text = |name: &str| body.get(name).and_then(Json::string);
    let seconds = |name: &str| body.get(name).and_then(endpoint::seconds);
    let expires_in_s = seconds("expires_in").unwrap_or(DEFAULT_EXPIRES_IN_S);
    let interval_s = seconds("interval").filter(|s| *s > 0).unwrap_or(DEFAULT_INTERVAL_S);
    // It is opened in a browser: nothing but a plain web address will do.
    let page = |name: &str| {
        text(name).filter(|url| {
            url.len() <= MAX_URI_BYTES && Url::parse(url).is_some_and(|parsed| parsed.is_safe())
        })
    };
    let user_code = plain(text("user_code")?.trim());
    // In one with a blank, words of the server would stand beside the code.
    let is_code = (1..=MAX_USER_CODE_CHARS).contains(&user_code.chars().count())
        && !user_code.contains(char::is_whitespace);
    // The second is the name in drafts of the RFC, which Google kept.
    let verification_uri = page("verification_uri").or_else(|| page("verification_url"))?;
    let device_code = body.get("device_code")?.secret().filter(|code| !code.is_empty())?;
    // What is opened must be on the server that the person is shown.
    let is_same = |url: &String| origin::of(url) == origin::of(&verification_uri);
    is_code.then(|| DeviceAuthorizationResponse {
        device_code,
        user_code,
        verification_uri_complete: page("verification_uri_complete").filter(is_same),
        verification_uri: verification_uri.clone(),
        expires_ms: endpoint::epoch_ms(now_ms, expires_in_s),
        pace: PollInterval {
            interval_s: interval_s.min(MAX_INTERVAL_S),
            slowed: false,
            failures: 0,
        },
    })
}

impl DeviceAuthorizationResponse {
    /// The device access token request (3.4).
    pub(crate) fn poll(&self, client: &Client) -> HttpRequest {
        let fields = [
            ("grant_type", GRANT_TYPE),
            ("device_code", self.device_code.expose()),
            ("client_id", client.client_id.as_str()),
        ];
        token::request(client, &fields)
    }

    /// Reads the device access token response (3.5) as of `now_ms`.
    pub(crate) fn answer(&self, response: &HttpResponse, now_ms: u64) -> PollResult {
        let error = match token::answer(response, Essential::AccessToken, now_ms) {
            Ok(grant) => return PollResult::Granted(grant),
            Err(error) => error.without(core::slice::from_ref(&self.device_code)),
        };
        // Some servers send this with 429, and it means more than that.
        if let Some(interval_s) = slow_down(response, now_ms) {
            return PollResult::SlowDown { interval_s };
        }
        let EndpointError::OAuth { error: code, .. } = &error else {
            // A token that cannot be used was granted all the same: the code is spent.
            let is_over = matches!(error, EndpointError::UnusableToken(_)) || !error.is_passing();
            return if is_over { PollResult::Failed(error) } else { PollResult::Trouble(error) };
        };
        match code.as_str() {
            "authorization_pending" => PollResult::Pending,
            "access_denied" | "authorization_declined" => PollResult::Denied,
            "expired_token" | "token_expired" => PollResult::Expired,
            _ => PollResult::Failed(error),
        }
    }
}

/// Returns whether polls are to be rarer, and the new interval that some servers send along.
fn slow_down(response: &HttpResponse, now_ms: u64) -> Option<Option<u64>> {
    let body = endpoint::body(response)?;
    let body = body.json();
    let given_s = body.get("interval").and_then(endpoint::seconds);
    let asked_s = response.retry_after_ms(now_ms).map(|ms| ms.div_ceil(1000));
    (body.get("error")?.string()? == "slow_down").then(|| given_s.max(asked_s))
}

/// What a poll came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PollResult {
    Granted(TokenResponse),
    /// The person has not decided yet.
    Pending,
    /// The same, and polls are to be rarer from now on.
    SlowDown {
        interval_s: Option<u64>,
    },
    /// The person said no.
    Denied,
    /// They took too long.
    Expired,
    /// The server is in trouble; the code is as good as before.
    Trouble(EndpointError),
    /// Anything else: it would be no different the next time (3.5).
    Failed(EndpointError),
}

/// How often to poll.
///
/// Always a little later than the server asks for: clocks of virtual machines drift, and a poll
/// that comes too early makes every further one rarer, for some servers without end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PollInterval {
    interval_s: u64,
    /// True if the server has asked to slow down before.
    slowed: bool,
    /// Polls in a row that found the server in trouble.
    failures: u32,
}

impl PollInterval {
    /// Returns the wait before the next poll, in milliseconds. After trouble it doubles each time,
    /// up to a minute (3.5: exponential backoff), but is never less than the server asked for.
    pub(crate) fn wait_ms(&self, trouble: Option<&EndpointError>) -> u64 {
        let percent = if self.slowed { 140 } else { 120 };
        let interval_ms = self.interval_s * 10 * percent;
        let doubled = interval_ms.saturating_mul(1 << self.failures.min(16));
        let asked_ms = trouble.and_then(EndpointError::retry_after_ms).unwrap_or(0);
        doubled.min(interval_ms.max(60_000)).max(asked_ms)
    }

    /// The server answered.
    pub(crate) fn answered(&mut self) {
        self.failures = 0;
    }

    /// The server asked to slow down, for good.
    pub(crate) fn slow_down(&mut self, interval_s: Option<u64>) {
        self.answered();
        self.slowed = true;
        let given = interval_s.filter(|given| *given > self.interval_s);
        self.interval_s = given.unwrap_or(self.interval_s + SLOW_DOWN_S).min(MAX_INTERVAL_S);
    }

    /// The server was in trouble, or not there.
    pub(crate) fn trouble(&mut self) {
        self.failures += 1;
    }
}
