//! Where no secret may ever be seen.
//!
//! Every run of every test here is held to it for what looks like a token; these tests use secrets
//! that look like nothing else.

use std::fs;

use pi_auth_tests::machine::strace;
use pi_auth_tests::pi::{Age, Ended, Home, binary, now_ms};
use pi_auth_tests::sandbox::{Credential, Fault, Kind, Sandbox};
use serde_json::json;

use crate::faults::every_fault;
use crate::login::{code_page, parameter};
use crate::{sandbox, wait_for_grants};

/// In every secret of these tests.
const CANARY: &str = "cAnArY";

fn canary(what: &str) -> String {
    format!("{CANARY}-{what}-0123456789")
}

fn tokens() -> Credential {
    let (access, refresh) = (canary("access"), canary("refresh"));
    Credential { access, refresh, expires_in: 28_800, scope: String::new() }
}

/// A grant of tokens that are canaries, too.
fn granting() -> Fault {
    let body = json!({
        "access_token": canary("new-access"), "refresh_token": canary("new-refresh"),
        "token_type": "Bearer", "expires_in": 60, "id_token": canary("id"),
    });
    Fault::Status { code: 200, headers: Default::default(), body: body.to_string() }
}

#[track_caller]
fn assert_tells_no_secret(ended: &Ended, stdout_too: bool) {
    assert!(!ended.stderr.contains(CANARY), "{ended}");
    assert!(!stdout_too || !ended.stdout.contains(CANARY), "{ended}");
}

/// Runs every command there; `prepare` is done before each.
fn run_all(home: &Home, prepare: impl Fn(&Home)) {
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["token", "anthropic"],
        &["token", "anthropic", "--min-validity", "9h"],
        &["token", "nobody"],
        &["headers", "anthropic"],
        &["headers", "anthropic", "--json"],
        &["headers", "anthropic", "--base-url"],
        &["login", "anthropic", "--no-browser"],
        &["login", "anthropic", "--no-browser", "--json"],
        &["doctor"],
        &["doctor", "--json", "--fix"],
        &["--version"],
        &["--help"],
        &["unknown"],
        &["completions", "bash"],
        &["logout", "nobody"],
        &["logout", "anthropic"],
        &["logout", "--all", "--yes"],
    ] {
        prepare(home);
        let keys = home
            .pi(arguments)
            .env("ANTHROPIC_API_KEY", canary("key"))
            .env("ANTHROPIC_OAUTH_TOKEN", canary("variable"));
        let pasted = format!("{}#{}\n", canary("code"), canary("state"));
        let ended = keys.talkative().run_with(&pasted.repeat(6));
        let prints = ["token", "headers"].contains(&arguments[0]);
        assert_tells_no_secret(&ended, !prints || arguments.contains(&"--base-url"));
    }
}

#[test]
fn no_command_tells_one_whatever_is_stored_and_whatever_the_provider_does() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    for age in [Age::Fresh, Age::Due, Age::Expired] {
        run_all(&home, |home| home.store(&tokens(), age.expires()));
    }
    run_all(&home, |home| {
        sandbox.clear_faults();
        sandbox.fail_next(granting());
        home.store(&tokens(), Age::Expired.expires());
    });
    sandbox.clear_faults();
    for (name, fault) in every_fault() {
        for age in [Age::Due, Age::Expired] {
            home.store(&tokens(), age.expires());
            sandbox.fail_next(fault.clone());
            let ended = home.pi(["token", "anthropic"]).talkative().run();
            assert_tells_no_secret(&ended, false);
            assert!(!ended.stdout.contains("refresh"), "{name}: {ended}");
        }
    }
}

#[test]
fn no_command_tells_one_of_a_corrupt_file() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (a, r) = (canary("access"), canary("refresh"));
    for contents in [
        format!(r#"{{"anthropic":{{"type":"oauth","refresh":"{r}","access":"{a}"#),
        format!(r#""{r}""#),
        format!("[\"{r}\"]"),
        r.clone(),
        format!("{{\"anthropic\": {r}}}"),
        format!("{{\"{r}\" \"{a}\"}}"),
        format!(
            "{{\"anthropic\":{{\"type\":\"oauth\",\"refresh\":[\"{r}\"],\"expires\":\"{a}\"}}}}"
        ),
        format!("{{\"anthropic\":{{\"type\":\"api_key\",\"key\":\"!echo {r}\"}}}}"),
        format!("{{\"anthropic\":\"{r}\"}}"),
    ] {
        run_all(&home, |home| {
            home.write("oauth.json", &contents);
        });
    }
}

#[test]
fn no_login_tells_one_whatever_is_pasted_and_whatever_the_provider_does() {
    let sandbox = sandbox();
    for (name, fault) in every_fault().into_iter().chain([("grants", granting())]) {
        for json in [&[][..], &["--json"]] {
            let home = Home::at(&sandbox);
            sandbox.fail_next(fault.clone());
            let arguments = [&["login", "anthropic", "--no-browser"], json].concat();
            // A code that the provider does not know is as good as any: the fault comes first.
            let mut pi = home.pi(arguments).talkative().start();
            pi.write(&format!("{}-Code\n", canary("code")));
            let ended = pi.finish();
            assert_tells_no_secret(&ended, true);
            assert_eq!(ended.code() == Some(0), name == "grants", "{name}: {ended}");
            sandbox.clear_faults();
        }
    }
}

#[test]
fn a_provider_that_repeats_what_it_was_sent_is_not_repeated() {
    let sandbox = sandbox();
    let echo = |secret: &str| Fault::OauthError {
        error: "invalid_grant".to_owned(),
        description: format!("there is no {secret} here"),
    };
    for age in [Age::Due, Age::Expired] {
        let home = Home::at(&sandbox);
        home.store(&tokens(), age.expires());
        sandbox.fail_next(echo(&canary("refresh")));
        assert_tells_no_secret(&home.pi(["token", "anthropic"]).run(), false);
    }
    let home = Home::at(&sandbox);
    let code = canary("Code-that-is-long-enough");
    sandbox.fail_next(echo(&code));
    let login = home.pi(["login", "anthropic", "--no-browser"]);
    assert_tells_no_secret(&login.run_with(&format!("{code}\n")), true);
}

#[test]
fn a_refresh_that_cannot_be_stored_is_told_without_its_tokens() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    home.store(&tokens(), Age::Expired.expires());
    sandbox.keep_answers_back();
    sandbox.fail_next(granting());
    let pi = home.pi(["token", "anthropic"]).talkative().start();
    pi_auth_tests::pi::eventually("the request", || (!sandbox.log().is_empty()).then_some(()));
    // Somebody puts a directory in the file's place meanwhile.
    fs::remove_file(home.file()).unwrap();
    fs::create_dir(home.file()).unwrap();
    sandbox.let_answers_go();
    let ended = pi.finish();
    assert_tells_no_secret(&ended, false);
    ended.exits(0).prints(&format!("{}\n", canary("new-access"))).says("has already replaced");
}

#[test]
fn no_program_that_is_started_is_given_one_as_an_argument_or_a_variable() {
    let strace = or_skip!(strace::find());
    let sandbox = sandbox();
    for (arguments, starts) in [
        (&["login", "anthropic", "--paste"][..], "/bin/browser\""),
        (&["token", "anthropic"], ""),
        (&["headers", "anthropic"], ""),
        (&["status"], ""),
        (&["doctor"], ""),
        (&["logout", "anthropic"], ""),
        (&["--version"], "/bin/pi\""),
        (&["--help"], "/bin/pi\""),
        (&["-p", "hello"], "/bin/pi\""),
    ] {
        let home = Home::at(&sandbox);
        home.script("pi", "exit 0");
        home.store(&tokens(), Age::Expired.expires());
        sandbox.clear_faults();
        sandbox.fail_next(granting());
        // No folder of the home's: it is gone through after each run.
        let traces = tempfile::tempdir().unwrap();
        let mut words = strace::starting(&traces.path().join("trace"));
        words.push(binary().into());
        words.extend(arguments.iter().map(Into::into));
        let pi = home.program(&strace, words).browser("exit 0");
        pi.run_with(&format!("{}\n", canary("Code-that-is-long-enough"))).exits(0);
        let entries = fs::read_dir(traces.path()).unwrap();
        let started = entries.map(|it| fs::read_to_string(it.unwrap().path()).unwrap());
        let started = started.collect::<String>();
        assert!(started.contains("HOME="), "all is seen of what is started: {started}");
        assert!(started.contains(starts), "{arguments:?} starts {starts}: {started}");
        assert!(!started.contains(CANARY), "{arguments:?}: {started}");
    }
}

#[test]
fn a_browser_gets_the_authorization_url_and_nothing_else() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let notes = r#"PATH=/usr/bin:/bin
        printf '%s\n' "$#" "$1" > "$HOME/words"
        env > "$HOME/environment"
        mv "$HOME/words" "$HOME/browser.words""#;
    home.store(&tokens(), now_ms());
    let mut pi = home.pi(["login", "anthropic", "--paste"]).browser(notes).start();
    let url = pi.authorize_url();
    let words = home.path().join("browser.words");
    let words = pi_auth_tests::pi::eventually("the browser", || fs::read_to_string(&words).ok());
    assert_eq!(words, format!("1\n{url}\n"));
    let (code, state) = code_page(&url);
    pi.write(&format!("{code}#{state}\n"));
    pi.finish().exits(0);
    assert_eq!(parameter(&url, "state"), state);
    let mut names = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.any(|name| name.to_string_lossy().ends_with(".notes")), "as in every test");
    let environment = fs::read_to_string(home.path().join("environment")).unwrap();
    let verifier = verifier(&sandbox);
    for text in [words, environment] {
        assert!(!text.contains(&verifier) && !text.contains(CANARY), "{text}");
    }
}

fn verifier(sandbox: &Sandbox) -> String {
    let log = sandbox.log();
    let exchange = log.iter().find(|entry| entry.kind == Kind::CodeExchanged).unwrap();
    exchange.field("code_verifier").unwrap().to_owned()
}

#[test]
fn no_file_but_the_credential_file_ever_holds_one() {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.keep_answers_back();
    let pi = home.pi(["token", "anthropic"]).start();
    wait_for_grants(&sandbox, 1);
    for name in home.names().into_iter().filter(|name| name != "oauth.json") {
        let contents = fs::read(home.agent_dir().join(&name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&contents);
        assert!(!text.contains(&old.refresh) && !text.contains("sk-ant-"), "{name}");
    }
    sandbox.let_answers_go();
    pi.finish().exits(0);
    assert!(!home.contents().contains(&old.refresh), "the old token is gone");
}
