//! A Copilot token that can be used now: one request where it has expired, none where it has not.

use std::collections::BTreeMap;

use pi_auth_tests::pi::{Age, Home, Running, Signal};
use pi_auth_tests::sandbox::{Endpoint, Fault, Kind};
use serde_json::{Value, json};

use crate::copilot::{COPILOT, GITHUB, assert_logged_in, entry, logged_in, stored};
use crate::{kinds, sandbox};

#[test]
fn a_refresh_is_one_request_and_nothing_else() {
    let sandbox = sandbox();
    let (home, old) = logged_in(&sandbox, Age::Expired);
    let ended = home.pi(["token", COPILOT]).run();
    ended.exits(0).prints(&format!("{}\n", stored(&home, "access"))).is_quiet();
    assert_eq!(sandbox.log().len(), 1, "{:?}", sandbox.log());
    assert_eq!(kinds(&sandbox), [Kind::CopilotExchanged]);
    assert_ne!(stored(&home, "access"), old.access);
    assert_eq!(stored(&home, "refresh"), old.refresh, "a GitHub token stays as it is");
    assert_logged_in(&home, &sandbox, GITHUB);
    let request = &sandbox.log()[0];
    assert_eq!(request.header("authorization"), Some(format!("Bearer {}", old.refresh).as_str()));
    // And again: a fresh token is a matter between `pi` and the file.
    home.pi(["token", COPILOT]).run().exits(0);
    assert_eq!(sandbox.log().len(), 1);
}

#[test]
fn twenty_processes_make_one_request_and_all_print_its_token() {
    let sandbox = sandbox();
    let (home, _) = logged_in(&sandbox, Age::Expired);
    // Long enough for all of them to be there before the answer is.
    sandbox.change(|settings| settings.delays_ms = [(Endpoint::CopilotToken, 1000)].into());
    let all: Vec<Running> = (0..20).map(|_| home.pi(["token", COPILOT]).start()).collect();
    let printed: Vec<String> =
        all.into_iter().map(|pi| pi.finish().exits(0).stdout.clone()).collect();
    let access = format!("{}\n", stored(&home, "access"));
    assert!(printed.iter().all(|it| *it == access), "{printed:?}");
    assert_eq!(sandbox.log().len(), 1, "{:?}", sandbox.log());
    assert_logged_in(&home, &sandbox, GITHUB);
    assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
}

#[test]
fn a_refresh_changes_two_values_and_leaves_every_other_byte() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let login = sandbox.issue_copilot(GITHUB);
    let text = |access: &str, expires: &str| {
        format!(
            "{{ \"x\" : 1.0,\r\n\t\"{COPILOT}\":{{\"availableModelIds\" : [ \"gpt-5\" , \"né\\u00e9\"], \
             \"access\":\"{access}\",\"type\":\"oauth\" ,\"future\": {{\"a\":[1,  2]}},\"refresh\" \
             :\"{}\", \"expires\":  {expires}}} ,\"anthropic\":null }}\n\n",
            login.refresh
        )
    };
    home.write("auth.json", text(&login.access, "1.5e3"));
    home.pi(["token", COPILOT]).run().exits(0);
    let expires = home.entry(COPILOT)["expires"].to_string();
    assert_eq!(home.contents(), text(&stored(&home, "access"), &expires));
    assert_ne!(stored(&home, "access"), login.access);
}

#[test]
fn within_five_minutes_of_the_expiry_trouble_leaves_the_old_token_with_a_note() {
    let faults = [
        (Fault::status(500), "HTTP 500"),
        (Fault::status(503), "HTTP 503"),
        (Fault::rate_limited(60), "too often"),
        (Fault::status(401), "HTTP 401"),
        (Fault::status(403), "HTTP 403"),
        (Fault::Html200, "not what was asked for"),
        (Fault::WrongTypes, "not what was asked for"),
        (Fault::Close, "the connection broke"),
        (Fault::Redirect { location: "http://h.example/".to_owned() }, "HTTP 307"),
    ];
    for (fault, words) in faults {
        let sandbox = sandbox();
        let (home, old) = logged_in(&sandbox, Age::Due);
        let before = home.contents();
        sandbox.fail_next_at(Endpoint::CopilotToken, [fault.clone()]);
        let ended = home.pi(["token", COPILOT]).run();
        ended.exits(0).prints(&format!("{}\n", old.access)).says("note: ").says(words);
        ended.says("still valid for 3 min");
        assert_eq!(home.contents(), before, "{fault:?}");
        assert_eq!(sandbox.log().len(), 1, "{fault:?}");

        let (home, _) = logged_in(&sandbox, Age::Expired);
        let before = home.contents();
        sandbox.fail_next_at(Endpoint::CopilotToken, [fault.clone()]);
        let ended = home.pi(["token", COPILOT]).run();
        ended.prints("").says("error: ").says(words);
        assert_eq!(ended.code(), Some(if words == "HTTP 401" { 4 } else { 1 }), "{ended}");
        assert_eq!(home.contents(), before, "{fault:?}");
    }
}

#[test]
fn a_signal_during_a_refresh_waits_until_the_answer_is_stored() {
    let sandbox = sandbox();
    let (home, old) = logged_in(&sandbox, Age::Expired);
    sandbox.change(|settings| settings.delays_ms = [(Endpoint::CopilotToken, 25_000)].into());
    let mut pi = home.pi(["token", COPILOT]).start();
    pi_auth_tests::pi::eventually("an exchange", || (sandbox.exchanges() == 1).then_some(()));
    pi.signal(Signal::TERM);
    pi.hear("why it still runs", |stderr| stderr.find("Stopping as soon as"));
    sandbox.change(|settings| settings.delays_ms.clear());
    pi.finish().exits(130);
    assert_ne!(stored(&home, "access"), old.access);
    assert_logged_in(&home, &sandbox, GITHUB);
}

#[test]
fn a_login_without_a_github_token_lasts_as_long_as_its_copilot_token() {
    let sandbox = sandbox();
    for (age, code) in [(Age::Fresh, 0), (Age::Due, 0), (Age::Expired, 4)] {
        let (home, login) = logged_in(&sandbox, age);
        let mut ended = entry(&login, age.expires());
        ended.as_object_mut().unwrap().remove("refresh");
        home.write("oauth.json", json!({ COPILOT: ended }).to_string());
        home.pi(["token", COPILOT]).run().exits(code);
    }
    assert_eq!(sandbox.log(), []);
}

const VARIABLE: &str = "COPILOT_GITHUB_TOKEN";

#[test]
fn a_variable_is_exchanged_where_nothing_is_stored_and_nothing_gets_stored() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let github = sandbox.issue_github(GITHUB);
    let ended = home.pi(["token", COPILOT]).env(VARIABLE, &github).run();
    ended.exits(0).is_quiet();
    let token = ended.stdout.trim_end();
    assert!(sandbox.is_valid_copilot(GITHUB, token), "{ended}");
    assert_eq!(kinds(&sandbox), [Kind::CopilotExchanged]);
    assert!(!home.agent_dir().exists(), "nothing is created");

    let ended = home.pi(["headers", COPILOT, "--json"]).env(VARIABLE, &github).run();
    let headers: Value = serde_json::from_str(&ended.exits(0).stdout).unwrap();
    let bearer = headers["headers"]["Authorization"].as_str().unwrap();
    assert!(sandbox.is_valid_copilot(GITHUB, bearer.strip_prefix("Bearer ").unwrap()));
    assert_eq!(sandbox.log().len(), 2, "one exchange each");
    assert!(!home.agent_dir().exists());

    let status = home.pi(["status"]).env(VARIABLE, &github).run();
    status.exits(0).prints(&format!(
        "GitHub Copilot\n  ✓ {VARIABLE} is set\nCredentials: ~/.pi/agent/oauth.json\n"
    ));
}

#[test]
fn a_stored_login_wins_over_it_unless_it_is_preferred() {
    let sandbox = sandbox();
    let github = sandbox.issue_github(GITHUB);
    for (age, prefer, wins) in [
        (Age::Fresh, None, "store"),
        (Age::Expired, None, "store"),
        (Age::Fresh, Some("store"), "store"),
        (Age::Fresh, Some("env"), "variable"),
        (Age::Expired, Some("env"), "variable"),
    ] {
        let (home, login) = logged_in(&sandbox, age);
        let before = home.contents();
        let requests = sandbox.log().len();
        let pi = home.pi(["token", COPILOT]).env(VARIABLE, &github);
        let ended = match prefer {
            None => pi.run(),
            Some(prefer) => pi.env("PI_AUTH_PREFER", prefer).run(),
        };
        ended.exits(0).is_quiet();
        let requests = sandbox.log().split_off(requests);
        let sent: Vec<_> = requests.iter().map(|it| it.header("authorization").unwrap()).collect();
        let bearer = |token: &str| format!("Bearer {token}");
        match (wins, age) {
            ("variable", _) => {
                assert_eq!(sent, [bearer(&github)]);
                assert_eq!(home.contents(), before);
            }
            (_, Age::Fresh) => {
                ended.prints(&format!("{}\n", login.access));
                assert_eq!(sent.len(), 0);
            }
            _ => assert_eq!(sent, [bearer(&login.refresh)]),
        }
    }
}

#[test]
fn a_bad_one_says_what_to_do_and_is_never_a_reason_to_use_another() {
    let sandbox = sandbox();
    let other = sandbox.issue_github("ghe.example.com");
    let again = "to another token, or unset it and log in.";
    let body = r#"{"message":"Resource not accessible by integration"}"#.into();
    let no_subscription = Fault::Status { code: 403, headers: BTreeMap::new(), body };
    let cases = [
        ("ghu_unknown", None, 4, ["HTTP 401", again]),
        (other.as_str(), None, 4, ["HTTP 401", again]),
        ("ghu_x", Some(no_subscription), 1, ["HTTP 403", "settings/copilot"]),
        ("ghu_x", Some(Fault::status(502)), 1, ["HTTP 502", "Try again in"]),
        ("ghu_x", Some(Fault::Close), 1, ["broke", "Check your connection"]),
    ];
    for (value, fault, code, words) in cases {
        let (home, _) = logged_in(&sandbox, Age::Fresh);
        sandbox.fail_next_at(Endpoint::CopilotToken, fault.clone());
        let pi = home.pi(["token", COPILOT]).env(VARIABLE, value).env("PI_AUTH_PREFER", "env");
        let ended = pi.run();
        assert_eq!(ended.code(), Some(code), "{fault:?}: {ended}");
        ended.prints("").says(VARIABLE);
        for text in words {
            ended.says(text);
        }
    }
    // An empty one is none.
    let home = Home::at(&sandbox);
    home.pi(["token", COPILOT]).env(VARIABLE, "").run().exits(4).says("pi login github-copilot");
}
