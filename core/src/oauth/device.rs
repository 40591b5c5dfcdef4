//! RFC 8628: the device authorization grant. A code that the person enters on any machine, and
//! polling until they have.

use alloc::boxed::Box;
use alloc::string::String;

use super::endpoint::{self, EndpointError};
use super::token::{self, Essential, Grant};
use crate::http::{Request, Response, encode_pairs, url::Url};
use crate::json::Json;
use crate::provider::Provider;
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
pub(crate) fn request(provider: &Provider, device_authorization_url: &str) -> Request {
    let scope = provider.scopes.join(" ");
    let mut fields = alloc::vec![("client_id", provider.client_id.as_str())];
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    let body = encode_pairs(&fields).into();
    let origins = provider.oauth_origins();
    Request::post(device_authorization_url, "application/x-www-form-urlencoded", body, origins)
}

/// The device authorization response (3.2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Code {
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
    pub(crate) pace: Pace,
}

/// Reads the device authorization response as of `now_ms`.
pub(crate) fn code(response: &Response, now_ms: u64) -> Result<Code, Box<EndpointError>> {
    let body = endpoint::members(response, now_ms)?;
    read(body.json(), now_ms).ok_or_else(|| endpoint::unreadable(response))
}

fn read(body: Json<'_>, now_ms: u64) -> Option<Code> {
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
    let is_same = |url: &String| Url::same_origin(url, &verification_uri);
    is_code.then(|| Code {
        device_code,
        user_code,
        verification_uri_complete: page("verification_uri_complete").filter(is_same),
        verification_uri: verification_uri.clone(),
        expires_ms: endpoint::epoch_ms(now_ms, expires_in_s),
        pace: Pace { interval_s: interval_s.min(MAX_INTERVAL_S), slowed: false, failures: 0 },
    })
}

impl Code {
    /// The device access token request (3.4).
    pub(crate) fn poll(&self, provider: &Provider) -> Request {
        let fields = [
            ("grant_type", GRANT_TYPE),
            ("device_code", self.device_code.expose()),
            ("client_id", provider.client_id.as_str()),
        ];
        token::request(provider, &fields)
    }

    /// Reads the device access token response (3.5) as of `now_ms`.
    pub(crate) fn answer(&self, response: &Response, now_ms: u64) -> Poll {
        // Some servers send this with 429, and it means more than that.
        if let Some(interval_s) = slow_down(response, now_ms) {
            return Poll::SlowDown { interval_s };
        }
        let error = match token::answer(response, Essential::AccessToken, now_ms) {
            Ok(grant) => return Poll::Granted(grant),
            Err(error) => error.without(core::slice::from_ref(&self.device_code)),
        };
        let EndpointError::OAuth { error: code, .. } = &error else {
            // A token that cannot be used was granted all the same: the code is spent.
            let is_over = matches!(error, EndpointError::UnusableToken(_)) || !error.is_passing();
            return if is_over { Poll::Failed(error) } else { Poll::Trouble(error) };
        };
        match code.as_str() {
            "authorization_pending" => Poll::Pending,
            "access_denied" | "authorization_declined" => Poll::Denied,
            "expired_token" | "token_expired" => Poll::Expired,
            _ => Poll::Failed(error),
        }
    }
}

/// Whether polls are to be rarer, and the new interval that some servers send along.
fn slow_down(response: &Response, now_ms: u64) -> Option<Option<u64>> {
    let body = endpoint::body(response)?;
    let body = body.json();
    let given_s = body.get("interval").and_then(endpoint::seconds);
    let asked_s = response.retry_after_ms(now_ms).map(|ms| ms.div_ceil(1000));
    (body.get("error")?.string()? == "slow_down").then(|| given_s.max(asked_s))
}

/// What a poll came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Poll {
    Granted(Grant),
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
pub(crate) struct Pace {
    interval_s: u64,
    /// Whether the server has asked to slow down before.
    slowed: bool,
    /// Polls in a row that found the server in trouble.
    failures: u32,
}

impl Pace {
    /// What to wait before the next poll, in milliseconds. After trouble it doubles each time, up to
    /// a minute (3.5: exponential backoff), but is never less than the server asked for.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::TransportFailure;
    use crate::provider::Table;

    fn response(status: u16, body: &str) -> Response {
        Response { status, headers: [].into(), body: body.into() }
    }

    const ANSWER: &str = r#"{"device_code":"d-canary","user_code":"WDJB-MJHT",
        "verification_uri":"https://h/device","expires_in":900,"interval":5}"#;

    #[test]
    fn an_answer_has_two_codes_and_a_page() {
        let code = code(&response(200, ANSWER), 1000).unwrap();
        assert_eq!((code.user_code.as_str(), code.expires_ms), ("WDJB-MJHT", 901_000));
        assert_eq!(code.verification_uri, "https://h/device");
        assert_eq!(code.pace.wait_ms(None), 6000);
        assert!(!alloc::format!("{code:?}").contains("canary"));
    }

    #[test]
    fn an_answer_that_is_none() {
        for (from, to) in [
            ("d-canary", ""),
            ("WDJB-MJHT", " "),
            ("WDJB-MJHT", &"x".repeat(65)),
            ("https://h/device", "http://h/device"),
            ("https://h/device", "javascript:alert(1)"),
            ("https://h/device", "https://h/\\u202eecived"),
            ("\"verification_uri\"", "\"uri\""),
            ("\"d-canary\"", "1"),
        ] {
            let answer = code(&response(200, &ANSWER.replace(from, to)), 0);
            assert_eq!(
                answer,
                Err(EndpointError::Unreadable { status: 200 }.into()),
                "{from} -> {to}"
            );
        }
    }

    #[test]
    fn fields_that_are_missing_or_odd() {
        let wait_ms = |interval: &str| {
            let body = ANSWER.replace("\"interval\":5", interval);
            code(&response(200, &body), 0).unwrap().pace.wait_ms(None)
        };
        for (interval, expected) in [
            (r#""x":0"#, 6000),
            (r#""interval":0"#, 6000),
            (r#""interval":-1"#, 6000),
            (r#""interval":1"#, 1200),
            (r#""interval":"10""#, 12_000),
            (r#""interval":600"#, 720_000),
            (r#""interval":1e300"#, 103_680_000),
        ] {
            assert_eq!(wait_ms(interval), expected, "{interval}");
        }
        let crafted = ANSWER.replace("WDJB", "\\u001b[2JWDJB");
        assert_eq!(code(&response(200, &crafted), 0).unwrap().user_code, "[2JWDJB-MJHT");
        for (user_code, is_code) in [
            ("A", true),
            ("  WDJB-MJHT ", true),
            ("WDJB MJHT", false),
            ("WDJB\u{a0}MJHT", false),
            ("WDJB\u{3000}MJHT", false),
            ("", false),
            ("\u{2800}", false),
            (&"x".repeat(32), true),
            (&"x".repeat(33), false),
        ] {
            let body = ANSWER.replace("WDJB-MJHT", user_code);
            assert_eq!(code(&response(200, &body), 0).is_ok(), is_code, "{user_code:?}");
        }
        let google = ANSWER.replace("verification_uri", "verification_url");
        assert!(code(&response(200, &google), 0).is_ok());
    }

    #[test]
    fn the_page_that_is_opened_is_on_the_server_that_is_shown() {
        let complete = |url: &str| {
            let field = alloc::format!("\"verification_uri_complete\":\"{url}\",\"interval\"");
            let body = ANSWER.replace("\"interval\"", &field);
            code(&response(200, &body), 0).unwrap().verification_uri_complete.is_some()
        };
        assert!(complete("https://h/device?code=WDJB-MJHT"));
        assert!(complete("https://h:443/device"));
        assert!(!complete("https://evil.example/device"));
        assert!(!complete("https://h:8443/device"));
        assert!(!complete("javascript:alert(1)"));
    }

    #[test]
    fn what_a_poll_comes_to() {
        let code = code(&response(200, ANSWER), 0).unwrap();
        let error = |error: &str| alloc::format!(r#"{{"error":"{error}"}}"#);
        for status in [200, 400] {
            let poll = |name: &str| code.answer(&response(status, &error(name)), 0);
            assert_eq!(poll("authorization_pending"), Poll::Pending);
            assert_eq!(poll("slow_down"), Poll::SlowDown { interval_s: None });
            assert_eq!(poll("access_denied"), Poll::Denied);
            assert_eq!(poll("expired_token"), Poll::Expired);
            assert!(matches!(poll("incorrect_device_code"), Poll::Failed(_)));
        }
        let slower = r#"{"error":"slow_down","interval":12}"#;
        assert_eq!(code.answer(&response(200, slower), 0), Poll::SlowDown { interval_s: Some(12) });
        assert_eq!(
            code.answer(&response(429, slower), 0),
            Poll::SlowDown { interval_s: Some(12) },
            "whatever the status"
        );
        for status in [400, 404, 405, 410] {
            let poll = code.answer(&response(status, ""), 0);
            assert!(matches!(poll, Poll::Failed(_)), "{status}");
        }
        let echo = r#"{"error":"bad","error_description":"not d-canary"}"#;
        let poll = code.answer(&response(400, echo), 0);
        assert!(!alloc::format!("{poll:?}").contains("canary"));
    }

    #[test]
    fn limits_and_middlemen_end_no_polling() {
        let code = code(&response(200, ANSWER), 0).unwrap();
        for (status, body) in [
            (502, ""),
            (429, ""),
            (408, ""),
            (302, ""),
            (307, ""),
            (401, "<h1>Sign in</h1>"),
            (403, ""),
            (403, "<h1>Blocked by your office</h1>"),
            (403, r#"{"message":"You have exceeded a secondary rate limit."}"#),
            (403, r#"{"message":"API rate limit exceeded for 192.0.2.1."}"#),
            (407, ""),
            (451, ""),
            (499, ""),
            (200, "<html>"),
            (200, "{"),
            (200, "{}"),
        ] {
            let poll = code.answer(&response(status, body), 0);
            assert!(matches!(poll, Poll::Trouble(_)), "{status} {body}");
        }
    }

    #[test]
    fn a_poll_that_brings_an_access_token_ends_the_polling() {
        let code = code(&response(200, ANSWER), 0).unwrap();
        let poll = |body: &str| code.answer(&response(200, body), 0);
        for body in [
            r#"{"access_token":"a","token_type":"bearer"}"#,
            r#"{"access_token":"a","expires_in":"soon","scope":5}"#,
            r#"{"access_token":"a","interval":NaN}"#,
            r#"{"access_token":"a","token_type":"bea"#,
            r#"{"access_token":"a"} // done"#,
            r#"{"access_token":"a","token_type":"mac","refresh_token":"r"}"#,
            r#"{"access_token":7,"refresh_token":"r"}"#,
        ] {
            assert!(matches!(poll(body), Poll::Granted(_)), "{body}");
        }
        for body in [
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","token_type":5}"#,
            "{\"access_token\":\"a\nb\"}",
        ] {
            let poll = poll(body);
            assert!(matches!(poll, Poll::Failed(EndpointError::UnusableToken(_))), "{body}");
        }
    }

    #[test]
    fn odd_parts_of_a_device_authorization_cost_nothing_else() {
        for (from, to) in [
            ("\"expires_in\":900", "\"expires_in\":\"soon\""),
            ("\"expires_in\":900", "\"expires_in\":NaN"),
            ("\"interval\":5", "\"interval\":{},\"verification_uri_complete\":7"),
            ("\"interval\":5", "\"verification_url\":[],\"message\":\"a\tb\""),
            ("\"interval\":5}", "\"interval\":5} // x"),
            ("\"interval\":5}", "\"interval\":5}\0\0"),
            (",\"expires_in\":900,\"interval\":5}", ",\"expi"),
            ("{\"device_code\"", "\u{feff}{\"device_code\""),
        ] {
            let body = ANSWER.replace(from, to);
            assert_ne!(body, ANSWER);
            let code = code(&response(200, &body), 1000).unwrap();
            assert_eq!((code.expires_ms, code.pace.wait_ms(None)), (901_000, 6000), "{body}");
        }
    }

    #[test]
    fn the_pace_only_ever_slows() {
        let mut pace = Pace { interval_s: 5, slowed: false, failures: 0 };
        assert_eq!(pace.wait_ms(None), 6000);
        pace.slow_down(None);
        assert_eq!(pace.wait_ms(None), 14_000, "10 s and a little");
        pace.slow_down(Some(3));
        assert_eq!(pace.wait_ms(None), 21_000, "an interval that is no longer is no answer");
        pace.slow_down(Some(20));
        assert_eq!(pace.wait_ms(None), 28_000);
        pace.slow_down(Some(u64::MAX));
        assert_eq!(pace.wait_ms(None), 120_960_000);
    }

    #[test]
    fn trouble_makes_polls_rarer_until_the_server_answers() {
        let mut pace = Pace { interval_s: 5, slowed: false, failures: 0 };
        let waits = [1, 2, 3, 4, 5].map(|_| {
            pace.trouble();
            pace.wait_ms(Some(&EndpointError::Transport(TransportFailure::Broken)))
        });
        assert_eq!(waits, [12_000, 24_000, 48_000, 60_000, 60_000]);
        let limited = EndpointError::RateLimited { after_ms: Some(90_000) };
        assert_eq!(pace.wait_ms(Some(&limited)), 90_000);
        pace.answered();
        assert_eq!(pace.wait_ms(None), 6000);
        let slow = Pace { interval_s: 300, slowed: true, failures: 3 };
        assert_eq!(slow.wait_ms(None), 420_000, "never earlier than asked");
    }

    #[test]
    fn requests_carry_what_the_rfc_names() {
        let table = Table::built_in();
        let provider = table.get("github-copilot").unwrap().at(None);
        let begun = request(&provider, "https://github.com/login/device/code");
        assert_eq!(begun.body.expose(), "client_id=Iv1.b507a08c87ecfe98&scope=read%3Auser");
        let code = code(&response(200, ANSWER), 0).unwrap();
        let poll = code.poll(&provider);
        assert_eq!(poll.url, "https://github.com/login/oauth/access_token");
        assert_eq!(
            poll.body.expose(),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
             &device_code=d-canary&client_id=Iv1.b507a08c87ecfe98"
        );
    }
}
