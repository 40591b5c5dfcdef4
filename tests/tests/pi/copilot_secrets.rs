//! Where no secret of Copilot's or GitHub's may ever be seen: nowhere but on the standard output of
//! `pi token` and `pi headers`.

use std::fs;

use pi_auth_tests::pi::{Age, Ended, Home, now_ms};
use pi_auth_tests::sandbox::{CopilotCredential, Endpoint, Fault};
use serde_json::json;

use crate::copilot::{COPILOT, entry, person, quick};
use crate::faults::every_fault;
use crate::sandbox;

/// In every secret of these tests.
const CANARY: &str = "cAnArY";

fn canary(what: &str) -> String {
    format!("{CANARY}-{what}-0123456789")
}

fn login() -> CopilotCredential {
    CopilotCredential { refresh: canary("github"), access: canary("copilot"), expires_at: 0 }
}

fn store(home: &Home, age: Age) {
    home.write("oauth.json", json!({ COPILOT: entry(&login(), age.expires()) }).to_string());
}

fn answer(status: u16, body: serde_json::Value) -> Fault {
    Fault::Status { code: status, headers: Default::default(), body: body.to_string() }
}

fn shows_code(sandbox: &pi_auth_tests::sandbox::Sandbox) -> Fault {
    answer(
        200,
        json!({
            "device_code": canary("device"), "user_code": "ABCD-EFGH", "expires_in": 900,
            "verification_uri": format!("{}/github.com/login/device", sandbox.base_url()),
            "interval": 1,
        }),
    )
}

fn grants_github() -> Fault {
    let body = json!({
        "access_token": canary("new-github"), "token_type": "bearer", "scope": "read:user",
    });
    answer(200, body)
}

fn grants_copilot() -> Fault {
    let expires_at = now_ms() / 1000 + 1800;
    let body = json!({
        "token": canary("new-copilot"), "expires_at": expires_at, "refresh_in": 1500,
    });
    answer(200, body)
}

/// A server that repeats what it was sent, in every place that is for people.
fn echo(secret: &str) -> Fault {
    let text = format!("there is no {secret} here");
    answer(
        403,
        json!({
            "message": text, "error": text, "error_description": text,
            "error_details": { "message": text },
        }),
    )
}

#[track_caller]
fn assert_tells_no_secret(ended: &Ended, stdout_too: bool) {
    assert!(!ended.stderr.contains(CANARY), "{ended}");
    assert!(!stdout_too || !ended.stdout.contains(CANARY), "{ended}");
}

#[test]
fn no_command_tells_one_whatever_is_stored() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    for (age, grants) in
        [(Age::Fresh, false), (Age::Due, false), (Age::Expired, false), (Age::Expired, true)]
    {
        for arguments in [
            &["status"][..],
            &["status", "--json"],
            &["token", COPILOT],
            &["token", COPILOT, "--min-validity", "9h"],
            &["headers", COPILOT],
            &["headers", COPILOT, "--json"],
            &["headers", COPILOT, "--base-url"],
            &["headers", COPILOT, "--body", "/nonexistent"],
            &["login", COPILOT, "--enterprise", "a b"],
            &["logout", COPILOT],
            &["logout", "--all", "--yes"],
        ] {
            store(&home, age);
            sandbox.clear_faults();
            if grants {
                sandbox.fail_next_at(Endpoint::CopilotToken, [grants_copilot()]);
            }
            for prefer in ["store", "env"] {
                let pi = home.pi(arguments).env("COPILOT_GITHUB_TOKEN", canary("variable"));
                let ended = pi.env("PI_AUTH_PREFER", prefer).talkative().run();
                let prints = ["token", "headers"].contains(&arguments[0])
                    && !arguments.contains(&"--base-url");
                assert_tells_no_secret(&ended, !prints);
                for what in ["github", "variable"] {
                    assert!(!ended.stdout.contains(&canary(what)), "{ended}");
                }
            }
        }
    }
}

#[test]
fn no_fault_of_the_exchange_makes_a_refresh_tell_one() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let faults = every_fault();
    for (age, prefer, sent) in [
        (Age::Due, "store", "github"),
        (Age::Expired, "store", "github"),
        (Age::Expired, "env", "variable"),
    ] {
        for (name, fault) in faults.iter().cloned().chain([("echo", echo(&canary(sent)))]) {
            store(&home, age);
            let _ = fs::remove_file(home.agent_dir().join("auth.json.backoff"));
            sandbox.fail_next_at(Endpoint::CopilotToken, [fault.clone()]);
            let pi = home.pi(["token", COPILOT]).env("COPILOT_GITHUB_TOKEN", canary("variable"));
            let ended = pi.env("PI_AUTH_PREFER", prefer).talkative().run();
            assert_eq!(sandbox.pending_faults_at(Endpoint::CopilotToken), [], "{name} was met");
            assert_tells_no_secret(&ended, age == Age::Expired);
            for file in home.names().into_iter().filter(|file| file != "oauth.json") {
                let contents = fs::read(home.agent_dir().join(&file)).unwrap_or_default();
                assert!(!String::from_utf8_lossy(&contents).contains(CANARY), "{name}: {file}");
            }
        }
    }
}

#[test]
fn no_fault_on_the_way_makes_a_login_tell_one() {
    // Each endpoint with what it was sent, and may repeat.
    let endpoints = [
        (Endpoint::DeviceAuthorization, "nothing"),
        (Endpoint::DevicePoll, "device"),
        (Endpoint::CopilotToken, "new-github"),
        (Endpoint::Models, "new-copilot"),
        (Endpoint::Policy, "new-copilot"),
    ];
    let faults = every_fault();
    let faults_at = |(endpoint, sent): (Endpoint, &str)| {
        let echo = Some(echo(&canary(sent))).filter(|_| sent != "nothing");
        let faults = faults.iter().map(|(_, fault)| fault.clone()).chain(echo);
        faults.map(move |fault| (endpoint, fault)).collect::<Vec<_>>()
    };
    let cases: Vec<(Endpoint, Fault)> = endpoints.into_iter().flat_map(faults_at).collect();
    // They spend their time waiting, so many of them can do that at once.
    for lot in cases.chunks(70) {
        let logins: Vec<_> = lot
            .iter()
            .map(|(endpoint, fault)| {
                let sandbox = quick();
                let all = [
                    (Endpoint::DeviceAuthorization, shows_code(&sandbox)),
                    (Endpoint::DevicePoll, grants_github()),
                    (Endpoint::CopilotToken, grants_copilot()),
                ];
                for (at, instead) in all {
                    let own = (at == *endpoint).then(|| fault.clone());
                    sandbox.fail_next_at(at, own.into_iter().chain([instead]));
                }
                if matches!(endpoint, Endpoint::Models | Endpoint::Policy) {
                    sandbox.fail_next_at(*endpoint, [fault.clone()]);
                }
                let home = Home::at(&sandbox);
                let words = ["login", COPILOT, "--json", "--enterprise", ""];
                let pi = home.pi(words).talkative().start();
                (sandbox, home, pi)
            })
            .collect();
        for (_sandbox, _home, mut pi) in logins {
            let cmdline = fs::read_to_string(format!("/proc/{}/cmdline", pi.id()));
            assert!(!cmdline.unwrap_or_default().contains(CANARY));
            let end = |out: &str| {
                let over = out.contains("\"logged_in\"") || out.contains("\"type\":\"error\"");
                over.then_some(())
            };
            pi.read("the last event", end);
            assert_tells_no_secret(&pi.finish(), true);
        }
    }
}

#[test]
fn a_browser_gets_the_address_and_nothing_else() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    store(&home, Age::Expired);
    let notes = format!(
        "PATH=/usr/bin:/bin\nprintf '%s\\n' \"$#\" \"$1\" > \"$HOME/words\"\nenv > \
         \"$HOME/environment\"\n{}",
        person("approve")
    );
    let pi = home.pi(["login", COPILOT]).browser(&notes);
    pi.run().exits(0);
    let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
    assert_eq!(read("words"), format!("1\n{}/github.com/login/device\n", sandbox.base_url()));
    let device_code =
        sandbox.log().iter().find_map(|it| it.field("device_code").map(str::to_owned));
    for text in [read("words"), read("environment")] {
        assert!(!text.contains(&device_code.clone().unwrap()) && !text.contains(CANARY), "{text}");
    }
}
