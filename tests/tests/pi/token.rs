//! A token that can be used now, for what it costs.

use pi_auth_tests::pi::{Age, Home, now_ms};
use pi_auth_tests::sandbox::{Fault, Kind};
use serde_json::{Value, json};

use crate::login::assert_logged_in;
use crate::{kinds, sandbox};

#[test]
fn a_fresh_token_costs_one_read() {
    let sandbox = sandbox();
    let (home, credential) = Home::logged_in(&sandbox, Age::Fresh);
    let before = home.snapshot();
    let printed = format!("{}\n", credential.access);
    home.pi(["token", "anthropic"]).run().exits(0).prints(&printed).is_quiet();
    assert_eq!(kinds(&sandbox), [], "no request");
    assert_eq!(home.snapshot(), before, "no lock, no write");

    // Nor does it look at the overrides, or for somebody else's lock.
    home.override_providers("this is not JSON");
    std::fs::create_dir(home.agent_dir().join("auth.json.lock")).unwrap();
    home.pi(["token", "anthropic"]).run().exits(0).prints(&printed).is_quiet();
}

#[test]
fn an_expired_token_is_refreshed_once() {
    let sandbox = sandbox();
    for age in [Age::Expired, Age::Due] {
        let (home, old) = Home::logged_in(&sandbox, age);
        let grants = sandbox.grants();
        let began = now_ms();
        let first = home.pi(["token", "anthropic"]).run();
        first.exits(0).is_quiet();
        let entry = home.entry("anthropic");
        assert_eq!(first.stdout, format!("{}\n", entry["access"].as_str().unwrap()));
        assert_ne!(entry["access"], old.access.as_str());
        assert_ne!(entry["refresh"], old.refresh.as_str(), "it was rotated");
        assert_logged_in(&home, &sandbox);
        // The buffer of five minutes is taken off once.
        let lifetime_ms = 28_800_000;
        let expected = began + lifetime_ms - 300_000..=now_ms() + lifetime_ms - 300_000;
        assert!(expected.contains(&entry["expires"].as_u64().unwrap()), "{entry}");

        home.pi(["token", "anthropic"]).run().exits(0).prints(&first.stdout).is_quiet();
        assert_eq!(sandbox.grants(), grants + 1, "{age:?}");
        let names = ["auth.json.flock", "oauth.json"];
        assert_eq!(home.names(), names, "no lock directory, no temporary file is left");
    }
    let refresh = sandbox.log().into_iter().find(|entry| entry.kind == Kind::Refreshed).unwrap();
    assert_eq!(refresh.content_type(), Some("application/json"));
    assert_eq!(refresh.field("scope"), None, "Anthropic answers invalid_scope to any");
}

#[test]
fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.fail_next(Fault::NoRefreshToken);
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    let entry = home.entry("anthropic");
    assert_eq!(entry["refresh"], old.refresh.as_str());
    assert_ne!(entry["access"], old.access.as_str());
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_longer_validity_is_asked_for_and_got() {
    const H: u64 = 3_600_000;
    for (left_ms, asked, refreshes) in [
        (H, "2h", true),
        (3 * H, "2h", false),
        (H, "30m", false),
        (H, "1h 30m", true),
        // Down to nothing: the five minutes after `expires` count, too.
        (60_000, "0s", false),
        (60_000, "30s", false),
        (60_000, "2min", true),
    ] {
        let sandbox = sandbox();
        let (home, old) = (Home::at(&sandbox), sandbox.issue());
        // `expires` lies five minutes before the real end.
        home.store(&old, now_ms() + left_ms - 300_000);
        let ended = home.pi(["token", "anthropic", "--min-validity", asked]).run();
        ended.exits(0).is_quiet();
        assert_eq!(sandbox.grants(), usize::from(refreshes), "{left_ms} {asked}");
        assert_eq!(ended.stdout.trim_end() == old.access, !refreshes, "{left_ms} {asked}");
    }
}

#[test]
fn a_validity_that_no_token_has_is_noted_and_the_token_printed() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let ended = home.pi(["token", "anthropic", "--min-validity", "2days"]).run();
    ended.exits(0).says("note: ").says("less than was asked for");
    assert_eq!(ended.stdout, format!("{}\n", home.entry("anthropic")["access"].as_str().unwrap()));
    assert_eq!(sandbox.grants(), 1);
}

#[test]
fn who_is_not_logged_in_is_told_how_to() {
    let home = Home::new();
    let ended = home.pi(["token", "anthropic"]).run();
    ended.exits(4).prints("").says("You are not logged in to Anthropic").says("pi login anthropic");
    assert_eq!(home.names(), [""; 0], "nothing was made");

    home.write("oauth.json", "{}");
    home.pi(["token", "anthropic"]).run().exits(4).prints("").says("pi login anthropic");
}

#[test]
fn a_login_without_a_refresh_token_lasts_as_long_as_its_access_token() {
    let sandbox = sandbox();
    for (age, code) in [(Age::Fresh, 0), (Age::Due, 0), (Age::Expired, 4)] {
        let home = Home::at(&sandbox);
        let entry =
            json!({ "type": "oauth", "access": "sk-ant-oat01-only", "expires": age.expires() });
        home.write("oauth.json", json!({ "anthropic": entry }).to_string());
        let ended = home.pi(["token", "anthropic"]).run();
        ended.exits(code).prints(if code == 0 { "sk-ant-oat01-only\n" } else { "" });
        assert_eq!(ended.stderr.is_empty(), age == Age::Fresh, "{ended}");
    }
    assert_eq!(kinds(&sandbox), [], "there was nothing to ask with");
}

#[test]
fn an_expiry_that_makes_no_sense_leads_to_a_refresh() {
    let sandbox = sandbox();
    for expires in [
        "0",
        "-1",
        "-0",
        "1.5",
        "\"soon\"",
        "\"9999999999999\"",
        "null",
        "[]",
        "{}",
        "true",
        "1e-300",
        "-1e300",
        "1e300",
        "1e400",
        "-1e400",
        "18446744073709551616",
        "absent",
    ] {
        let (home, tokens) = (Home::at(&sandbox), sandbox.issue());
        let expires =
            if expires == "absent" { String::new() } else { format!(",\"expires\":{expires}") };
        let (access, refresh) = (&tokens.access, &tokens.refresh);
        home.write(
            "oauth.json",
            format!(
                r#"{{"anthropic":{{"type":"oauth","refresh":"{refresh}","access":"{access}"{expires}}}}}"#
            ),
        );
        let ended = home.pi(["token", "anthropic"]).run();
        ended.exits(0).is_quiet();
        assert_ne!(ended.stdout.trim_end(), tokens.access, "{expires}");
        assert!(home.entry("anthropic")["expires"].as_u64().unwrap() > now_ms());
    }
}

#[test]
fn an_expiry_beyond_every_clock_is_taken_at_its_word() {
    let sandbox = sandbox();
    // Past what a double can count, and the last that 64 bits can.
    for expires in [(1 << 53) + 1, u64::MAX] {
        let (home, tokens) = (Home::at(&sandbox), sandbox.issue());
        home.store(&tokens, expires);
        let before = home.snapshot();
        let printed = format!("{}\n", tokens.access);
        home.pi(["token", "anthropic"]).run().exits(0).prints(&printed).is_quiet();
        home.pi(["status"]).run().exits(0);
        assert_eq!(home.snapshot(), before);
    }
    assert_eq!(kinds(&sandbox), []);
}

#[test]
fn a_login_of_a_provider_that_only_the_agent_knows_is_served_while_it_is_fresh() {
    let home = Home::new();
    let store = |expires: u64| {
        let entry = json!({ "type": "oauth", "refresh": "r", "access": "x", "expires": expires });
        home.write("auth.json", json!({ "openai-codex": entry }).to_string());
    };
    store(Age::Fresh.expires());
    home.pi(["token", "openai-codex"]).run().exits(0).prints("x\n").is_quiet();
    store(Age::Expired.expires());
    let before = home.snapshot();
    let ended = home.pi(["token", "openai-codex"]).run();
    assert!(matches!(ended.code(), Some(1 | 4)), "{ended}");
    ended.prints("").says("openai-codex");
    assert_eq!(home.snapshot(), before);
}

#[test]
fn only_the_token_fields_of_an_entry_change() {
    let sandbox = sandbox();
    let (home, tokens) = (Home::at(&sandbox), sandbox.issue());
    let (access, refresh) = (&tokens.access, &tokens.refresh);
    let expires = Age::Expired.expires();
    home.write(
        "auth.json",
        format!(
            "{{ \"other\" : {{\"type\":\"new-kind\"}},\n \"anthropic\":{{\"accountId\":\"a\",\"access\": \
             \"{access}\",\t\"type\":\"oauth\",\"refresh\":\"{refresh}\", \"expires\" :{expires},\
             \"scopes\":[1 , 2]}} }}\n\n"
        ),
    );
    home.pi(["token", "anthropic"]).run().exits(0);
    let entry = home.entry("anthropic");
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    let (access, refresh, expires) = (text("access"), text("refresh"), &entry["expires"]);
    assert_eq!(
        home.contents(),
        format!(
            "{{ \"other\" : {{\"type\":\"new-kind\"}},\n \"anthropic\":{{\"accountId\":\"a\",\"access\": \
             \"{access}\",\t\"type\":\"oauth\",\"refresh\":\"{refresh}\", \"expires\" :{expires},\
             \"scopes\":[1 , 2]}} }}\n\n"
        )
    );
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let shell = "PATH=/usr/bin:/bin; \"$1\" token anthropic | true; \"$1\" status | true";
    let pi = pi_auth_tests::pi::binary().to_str().unwrap();
    let ended = home.program("/bin/sh".as_ref(), ["-c", shell, "sh", pi]).run();
    ended.exits(0).prints("").is_quiet();
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    if !std::fs::exists("/dev/full").unwrap() {
        crate::skipped("this system has no /dev/full");
        return;
    }
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let pi = pi_auth_tests::pi::binary().to_str().unwrap();
    for words in ["token anthropic", "status", "status --json"] {
        // As on a disk that is full: whoever reads the file must not take nothing for a token.
        let shell = format!("exec \"$1\" {words} > /dev/full");
        let ended = home.program("/bin/sh".as_ref(), ["-c", &shell, "sh", pi]).run();
        assert_eq!(ended.code(), Some(1), "{words}: {ended}");
    }
}

#[test]
fn standard_streams_that_are_closed_do_no_harm() {
    let sandbox = sandbox();
    let pi = pi_auth_tests::pi::binary().to_str().unwrap();
    for age in [Age::Fresh, Age::Expired] {
        let (home, _) = Home::logged_in(&sandbox, age);
        let shell = "exec \"$1\" token anthropic <&- >&- 2>&-";
        home.program("/bin/sh".as_ref(), ["-c", shell, "sh", pi]).run();
        assert_logged_in(&home, &sandbox);
    }
}

#[test]
fn the_home_directory_is_where_the_file_is_looked_for_without_a_variable() {
    let sandbox = sandbox();
    let (home, credential) = Home::logged_in(&sandbox, Age::Fresh);
    let printed = format!("{}\n", credential.access);
    let run = |value: Option<&str>| {
        let pi = home.pi(["token", "anthropic"]);
        match value {
            None => pi.env_remove("PI_CODING_AGENT_DIR").run(),
            Some(value) => pi.env("PI_CODING_AGENT_DIR", value).run(),
        }
    };
    for value in [None, Some(""), Some("~/.pi/agent"), Some(".pi/agent")] {
        run(value).exits(0).prints(&printed);
    }
    run(Some("~/elsewhere")).exits(4);
}

#[test]
fn a_refresh_that_no_longer_fits_in_is_not_begun() {
    // A directory where the kernel lock's file should be stops everybody, root included.
    let sandbox = sandbox();
    for (age, code) in [(Age::Expired, 1), (Age::Due, 0)] {
        let (home, old) = Home::logged_in(&sandbox, age);
        std::fs::create_dir(home.agent_dir().join("auth.json.flock")).unwrap();
        let before = home.snapshot();
        let ended = home.pi(["token", "anthropic"]).run();
        let printed = if code == 0 { format!("{}\n", old.access) } else { String::new() };
        ended.exits(code).prints(&printed).says("Could not lock");
        assert_eq!(home.snapshot(), before);
        assert!(sandbox.is_valid_refresh(&old.refresh));
    }
    assert_eq!(kinds(&sandbox), [], "a token that cannot be stored is not asked for");
}

#[test]
fn json_of_the_status_agrees_with_the_token() {
    let sandbox = sandbox();
    for (age, state) in
        [(Age::Fresh, "ready"), (Age::Due, "refresh_due"), (Age::Expired, "refresh_due")]
    {
        let (home, _) = Home::logged_in(&sandbox, age);
        let expires = home.entry("anthropic")["expires"].as_u64().unwrap();
        let ended = home.pi(["status", "--json"]).run();
        ended.exits(0).is_quiet();
        let status: Value = serde_json::from_str(&ended.stdout).unwrap();
        let key = &status["keys"][0];
        assert_eq!(key["state"], state, "{age:?}");
        assert_eq!(key["expires_ms"], expires + 300_000, "the real end");
    }
}
