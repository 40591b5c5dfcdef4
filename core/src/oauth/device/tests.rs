use super::*;
use crate::http::TransportFailure;
use crate::provider::Table;

fn response(status: u16, body: &str) -> HttpResponse {
    HttpResponse { status, headers: [].into(), body: body.into() }
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
        assert_eq!(answer, Err(EndpointError::Unreadable { status: 200 }.into()), "{from} -> {to}");
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
        assert_eq!(poll("authorization_pending"), PollResult::Pending);
        assert_eq!(poll("slow_down"), PollResult::SlowDown { interval_s: None });
        assert_eq!(poll("access_denied"), PollResult::Denied);
        assert_eq!(poll("expired_token"), PollResult::Expired);
        assert!(matches!(poll("incorrect_device_code"), PollResult::Failed(_)));
    }
    let slower = r#"{"error":"slow_down","interval":12}"#;
    assert_eq!(
        code.answer(&response(200, slower), 0),
        PollResult::SlowDown { interval_s: Some(12) }
    );
    assert_eq!(
        code.answer(&response(429, slower), 0),
        PollResult::SlowDown { interval_s: Some(12) },
        "whatever the status"
    );
    for status in [400, 404, 405, 410] {
        let poll = code.answer(&response(status, ""), 0);
        assert!(matches!(poll, PollResult::Failed(_)), "{status}");
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
        assert!(matches!(poll, PollResult::Trouble(_)), "{status} {body}");
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
        r#"{"access_token":"a","error":"none"}"#,
        r#"{"access_token":"a","error":"authorization_pending"}"#,
        r#"{"access_token":"a","error":"slow_down","interval":9}"#,
        r#"{"refresh_token":"r","error":"access_denied"}"#,
    ] {
        assert!(matches!(poll(body), PollResult::Granted(_)), "{body}");
    }
    for body in [
        r#"{"access_token":"a","token_type":"mac"}"#,
        r#"{"access_token":"a","token_type":5}"#,
        "{\"access_token\":\"a\nb\"}",
    ] {
        let poll = poll(body);
        assert!(matches!(poll, PollResult::Failed(EndpointError::UnusableToken(_))), "{body}");
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
    let mut pace = PollInterval { interval_s: 5, slowed: false, failures: 0 };
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
    let mut pace = PollInterval { interval_s: 5, slowed: false, failures: 0 };
    let waits = [1, 2, 3, 4, 5].map(|_| {
        pace.trouble();
        pace.wait_ms(Some(&EndpointError::Transport(TransportFailure::Broken)))
    });
    assert_eq!(waits, [12_000, 24_000, 48_000, 60_000, 60_000]);
    let limited = EndpointError::RateLimited { after_ms: Some(90_000) };
    assert_eq!(pace.wait_ms(Some(&limited)), 90_000);
    pace.answered();
    assert_eq!(pace.wait_ms(None), 6000);
    let slow = PollInterval { interval_s: 300, slowed: true, failures: 3 };
    assert_eq!(slow.wait_ms(None), 420_000, "never earlier than asked");
}

#[test]
fn requests_carry_what_the_rfc_names() {
    let table = Table::built_in();
    let provider = table.get("github-copilot").unwrap().at(None);
    let begun = request(&provider.client, "https://github.com/login/device/code");
    assert_eq!(begun.body.expose(), "client_id=Iv1.b507a08c87ecfe98&scope=read%3Auser");
    let code = code(&response(200, ANSWER), 0).unwrap();
    let poll = code.poll(&provider.client);
    assert_eq!(poll.url, "https://github.com/login/oauth/access_token");
    assert_eq!(
        poll.body.expose(),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
         &device_code=d-canary&client_id=Iv1.b507a08c87ecfe98"
    );
}
