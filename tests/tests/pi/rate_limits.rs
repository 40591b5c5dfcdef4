//! Rate limits that look like refusals, and refusals by whatever stands in between.

use std::collections::BTreeMap;

use pi_auth_tests::pi::{Age, Home, now_ms};
use pi_auth_tests::sandbox::{Endpoint, Fault, Kind};
use serde_json::Value;

use crate::copilot::{COPILOT, GITHUB, SUCCESS, approved, assert_logged_in, logged_in, quick};
use crate::{kinds, sandbox};

const SECONDARY: &str = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/rest"}"#;
const EXCEEDED: &str = r#"{"message":"API rate limit exceeded for user ID 1."}"#;

fn answer(code: u16, headers: &[(&str, String)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Fault::Status { code, headers: headers.collect::<BTreeMap<_, _>>(), body: body.into() }
}

/// With 403: the words of both limits, and the headers alone.
fn limits() -> Vec<(&'static str, Fault)> {
    let reset = (now_ms() / 1000 + 90).to_string();
    let spent = [("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset)];
    vec![
        ("secondary rate limit", answer(403, &[], SECONDARY)),
        ("API rate limit exceeded", answer(403, &[], EXCEEDED)),
        ("none left until a time", answer(403, &spent, "")),
        ("none left", answer(403, &spent[..1], "")),
    ]
}

/// Answers of proxies and portals between this machine and the provider.
fn middlemen() -> Vec<(&'static str, Fault)> {
    let elsewhere = ("Location", "https://portal.invalid/".to_owned());
    vec![
        ("403 HTML", answer(403, &[], "<h1>Blocked by your office</h1>")),
        ("407", answer(407, &[], "")),
        ("451", answer(451, &[], "<h1>Unavailable for legal reasons</h1>")),
        ("302", answer(302, &[elsewhere], "")),
    ]
}

#[test]
fn a_rate_limit_with_403_is_one_and_not_the_end_of_a_subscription() {
    for (name, limit) in limits() {
        let sandbox = sandbox();
        let (home, _) = logged_in(&sandbox, Age::Expired);
        sandbox.fail_next_at(Endpoint::CopilotToken, [limit]);
        for _ in 0..2 {
            let ended = home.pi(["token", COPILOT]).run();
            assert_eq!(ended.code(), Some(1), "{name}: {ended}");
            ended.prints("").says("it is being asked too often.").says("Your login is kept.");
        }
        assert_eq!(sandbox.log().len(), 1, "{name}: nobody asks again at once");
        let memory = std::fs::read_to_string(home.agent_dir().join("auth.json.backoff")).unwrap();
        let memory: Value = serde_json::from_str(&memory).unwrap();
        let left = memory[COPILOT]["until"].as_u64().unwrap() - now_ms();
        assert!((50_000..=91_000).contains(&left), "{name}: {left} ms");
    }
}

#[test]
fn what_stands_in_between_is_not_asked_again_by_every_call() {
    for provider in ["anthropic", COPILOT] {
        for (name, fault) in middlemen() {
            let sandbox = sandbox();
            let (home, endpoint) = match provider {
                COPILOT => (logged_in(&sandbox, Age::Expired).0, Endpoint::CopilotToken),
                _ => (Home::logged_in(&sandbox, Age::Expired).0, Endpoint::Token),
            };
            sandbox.fail_next_at(endpoint, [fault.clone(), fault]);
            let before = home.contents();
            for _ in 0..3 {
                let ended = home.pi(["token", provider]).run();
                assert_eq!(ended.code(), Some(1), "{name}: {ended}");
                ended.prints("").says("it refused the request (HTTP ").says("Your login is kept.");
            }
            assert_eq!(sandbox.log().len(), 1, "{provider} {name}: one request of three calls");
            assert_eq!(home.contents(), before);
        }
    }
}

#[test]
fn a_memory_of_an_earlier_version_or_a_planted_one_puts_no_words_on_the_screen() {
    let words = "call 555-0100";
    for planted in [
        format!(r#"{{"type":"oauth","error":"{words}"}}"#),
        format!(r#"{{"type":"no_copilot","status":403,"message":"{words}"}}"#),
        format!("\"{words}\""),
    ] {
        let sandbox = sandbox();
        let (home, _) = logged_in(&sandbox, Age::Expired);
        sandbox.fail_next_at(Endpoint::CopilotToken, [answer(503, &[], "")]);
        home.pi(["token", COPILOT]).run().exits(1);
        let path = home.agent_dir().join("auth.json.backoff");
        let memory = std::fs::read_to_string(&path).unwrap();
        let planted = memory.replace("\"unavailable\"", &format!("{planted},\"cause\":{planted}"));
        assert_ne!(memory, planted);
        std::fs::write(&path, planted).unwrap();
        let ended = home.pi(["token", COPILOT]).run();
        ended.exits(0);
        assert!(!ended.stderr.contains("555"), "{ended}");
        assert!(!home.pi(["doctor", "--offline"]).run().stdout.contains("555"));
    }
}

#[test]
fn a_device_login_outlasts_limits_and_whatever_stands_in_between() {
    let logins: Vec<_> = middlemen()
        .into_iter()
        .map(|(name, fault)| {
            let sandbox = quick();
            sandbox.fail_next_at(Endpoint::DevicePoll, [fault]);
            let home = Home::at(&sandbox);
            let pi = approved(&home, &[]).start();
            (sandbox, home, pi, name)
        })
        .collect();
    for (sandbox, home, pi, name) in logins {
        let ended = pi.finish();
        assert_eq!(ended.code(), Some(0), "{name}: {ended}");
        ended.prints(SUCCESS);
        assert_logged_in(&home, &sandbox, GITHUB);
        assert_eq!(sandbox.pending_faults_at(Endpoint::DevicePoll), [], "{name}");
    }
}

#[test]
fn a_device_login_that_meets_a_rate_limit_goes_on_polling() {
    // It would wait for a minute, so that it still waits is all that is seen here.
    for (name, limit) in limits() {
        let sandbox = quick();
        sandbox.fail_next_at(Endpoint::DevicePoll, [limit]);
        let home = Home::at(&sandbox);
        let mut pi = approved(&home, &[]).talkative().start();
        pi.hear("the limit", |stderr| {
            stderr.contains("last time: it is being asked too often").then_some(())
        });
        assert!(pi.runs(), "{name}");
        let refused = |kind: &Kind| matches!(kind, Kind::DeviceGranted);
        assert!(!kinds(&sandbox).iter().any(refused), "{name}");
        pi.signal(pi_auth_tests::pi::Signal::INT);
        pi.finish().exits(130);
    }
}
