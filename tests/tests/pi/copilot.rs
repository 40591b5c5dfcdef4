//! Logging in to GitHub Copilot by a code, and what is stored then.

use std::os::unix::fs::PermissionsExt as _;

use pi_auth_tests::pi::{Age, Home, Pi, Running};
use pi_auth_tests::robot;
use pi_auth_tests::sandbox::{CopilotCredential, Kind, Sandbox};
use serde_json::{Value, json};

use crate::{kinds, sandbox};

pub(crate) const COPILOT: &str = "github-copilot";
pub(crate) const GITHUB: &str = "github.com";

pub(crate) const SUCCESS: &str = "\n✓ Successfully authenticated with GitHub Copilot\n  \
                                  Tokens saved to ~/.pi/agent/oauth.json\n";

/// The models that a login may use in the end, by the sandbox's defaults.
pub(crate) const MODELS: [&str; 4] = ["gpt-4.1", "gpt-5", "claude-sonnet-4.5", "gemini-2.5-pro"];

/// A sandbox whose devices need to wait for a second only.
pub(crate) fn quick() -> Sandbox {
    let sandbox = sandbox();
    sandbox.change(|settings| settings.github.interval_s = 1);
    sandbox
}

/// What a browser does in which somebody enters the code and presses this button.
pub(crate) fn person(button: &str) -> String {
    format!("exec '{}' {button} \"$1\"", env!("CARGO_BIN_EXE_pi-auth-sandbox"))
}

/// `pi login github-copilot` and more, with a browser in which somebody authorizes it.
pub(crate) fn approved<'a>(home: &'a Home, more: &[&str]) -> Pi<'a> {
    home.pi([&["login", COPILOT], more].concat()).browser(&person("approve"))
}

/// The address and the code that a person is shown.
#[track_caller]
pub(crate) fn shown(pi: &mut Running) -> (String, String) {
    pi.hear("a code", |stderr| {
        let (before, _) = stderr.split_once("\n\nNever enter a code that somebody sent you")?;
        let (before, uri) = before.rsplit_once("\n\n    ")?;
        Some((uri.to_owned(), before.rsplit_once("\n\n    ")?.1.to_owned()))
    })
}

/// What a file holds of a login.
pub(crate) fn entry(login: &CopilotCredential, expires: u64) -> Value {
    json!({
        "type": "oauth", "refresh": login.refresh, "access": login.access, "expires": expires,
    })
}

/// A home at this sandbox with a login at github.com in it that is this far into its life.
pub(crate) fn logged_in(sandbox: &Sandbox, age: Age) -> (Home, CopilotCredential) {
    let (home, login) = (Home::at(sandbox), sandbox.issue_copilot(GITHUB));
    home.write("oauth.json", json!({ COPILOT: entry(&login, age.expires()) }).to_string());
    (home, login)
}

/// A field of the stored login, which is a text.
pub(crate) fn stored(home: &Home, name: &str) -> String {
    home.entry(COPILOT)[name].as_str().unwrap_or_default().to_owned()
}

/// Returns whether the stored login is one that is taken at this domain.
#[track_caller]
pub(crate) fn assert_logged_in(home: &Home, sandbox: &Sandbox, domain: &str) {
    let entry = home.entry(COPILOT);
    assert!(sandbox.is_valid_github(domain, &stored(home, "refresh")), "{entry}");
    assert!(sandbox.is_valid_copilot(domain, &stored(home, "access")), "{entry}");
}

#[test]
fn a_script_is_told_the_code_on_stderr_and_the_result_on_stdout() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", COPILOT]).start();
    let (uri, code) = shown(&mut pi);
    assert_eq!(uri, format!("{}/github.com/login/device", sandbox.base_url()));
    assert_eq!(code, sandbox.pending_user_codes()[0].user_code);
    assert_eq!(pi.stdout(), "");
    robot::approve_device(&uri, &code).unwrap();
    let ended = pi.finish();
    ended.exits(0).prints(SUCCESS).says("Open this page in any browser, and enter the code:");
    assert_logged_in(&home, &sandbox, GITHUB);
    assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    let mode = home.file().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);

    let happened: Vec<Kind> = kinds(&sandbox)
        .into_iter()
        .filter(|kind| match kind {
            Kind::Polled(_) | Kind::DevicePage => false,
            Kind::Refused { error, .. } => error != "authorization_pending",
            _ => true,
        })
        .collect();
    let enabled = |model: &str| Kind::PolicyEnabled { model: model.to_owned() };
    assert_eq!(
        happened,
        [
            Kind::DeviceAuthorized { user_code: code },
            Kind::Approved,
            Kind::DeviceGranted,
            Kind::CopilotExchanged,
            Kind::ModelsListed,
            enabled(MODELS[2]),
            enabled(MODELS[3]),
        ]
    );
}

#[test]
fn a_browser_that_opens_makes_it_one_go_and_the_file_is_the_agents_to_the_byte() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let ended = approved(&home, &[]).run();
    ended.exits(0).prints(SUCCESS).says("Enter this code on the page that is opening:");
    assert_logged_in(&home, &sandbox, GITHUB);
    let (refresh, access) = (stored(&home, "refresh"), stored(&home, "access"));
    let expires_at: u64 = field(&access, "exp").parse().unwrap();
    let expires = expires_at * 1000 - 300_000;
    let [a, b, c, d] = MODELS;
    assert_eq!(
        home.contents(),
        format!(
            "{{\n  \"github-copilot\": {{\n    \"type\": \"oauth\",\n    \"refresh\": \
             \"{refresh}\",\n    \"access\": \"{access}\",\n    \"expires\": {expires},\n    \
             \"availableModelIds\": [\"{a}\",\"{b}\",\"{c}\",\"{d}\"]\n  }}\n}}"
        )
    );
    assert!(refresh.starts_with("ghu_"));
}

/// A field of a Copilot token.
fn field<'a>(token: &'a str, name: &str) -> &'a str {
    let fields = token.split(';').filter_map(|field| field.split_once('='));
    fields.into_iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn who_is_logged_in_is_told_and_the_token_printed() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    approved(&home, &[]).run().exits(0);
    let (access, expires) = (stored(&home, "access"), home.entry(COPILOT)["expires"].clone());
    let requests = sandbox.log().len();

    let status = home.pi(["status"]).run();
    status.exits(0);
    assert!(
        status.stdout.starts_with("GitHub Copilot\n  ✓ logged in; the token is valid for 29 min\n"),
        "{status}"
    );
    let status = home.pi(["status", "--json"]).run();
    let status: Value = serde_json::from_str(&status.exits(0).stdout).unwrap();
    let key = &status["keys"][0];
    assert_eq!(key["provider"], json!({ "id": COPILOT, "name": "GitHub Copilot" }));
    assert_eq!((&key["state"], &key["active"]), (&json!("ready"), &json!(true)));
    assert_eq!(key["expires_ms"].as_u64(), expires.as_u64().map(|ms| ms + 300_000));
    assert!(key["enterprise"].is_null(), "{key}");

    home.pi(["token", COPILOT]).run().exits(0).prints(&format!("{access}\n")).is_quiet();
    assert_eq!(sandbox.log().len(), requests, "a fresh token needs no request");
}

#[test]
fn it_presents_itself_as_itself_to_github_and_as_an_editor_to_copilot() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    approved(&home, &[]).run().exits(0);
    let log = sandbox.log();
    let asked = log.iter().find(|it| matches!(it.kind, Kind::DeviceAuthorized { .. })).unwrap();
    let granted = log.iter().find(|it| it.kind == Kind::DeviceGranted).unwrap();
    for entry in [asked, granted] {
        assert!(entry.user_agent().unwrap().starts_with("pi-auth/"), "{entry:?}");
        assert_eq!(entry.header("accept"), Some("application/json"));
        assert!(entry.header("authorization").is_none());
    }
    assert_eq!(asked.field("scope"), Some("read:user"), "the least that is needed");
    let bearers = [
        (Kind::CopilotExchanged, stored(&home, "refresh")),
        (Kind::ModelsListed, stored(&home, "access")),
    ];
    for (kind, token) in bearers {
        let entry = log.iter().find(|it| it.kind == kind).unwrap();
        assert_eq!(entry.header("authorization"), Some(format!("Bearer {token}").as_str()));
        assert_eq!(entry.user_agent(), Some("GitHubCopilotChat/0.32.4"));
    }
}

#[test]
fn what_else_is_in_the_file_survives_and_an_older_login_is_replaced() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let old = sandbox.issue_copilot(GITHUB);
    let mut older = entry(&old, Age::Expired.expires());
    older["enterpriseUrl"] = "ghe.example.com".into();
    let anthropic = r#"{"type" : "oauth", "refresh":"r","access":"a","expires":1e3, "x":[1, 2]}"#;
    let others = format!("{{ \"anthropic\" : {anthropic},\n\t\"openai\":{{\"type\":\"api_key\"");
    let tail = ",\"key\":\"k\"} , \"weird\": [ null ]";
    home.write("auth.json", format!("{others}{tail}, \"{COPILOT}\":{older} }}"));
    let ended = approved(&home, &[]).run();
    ended.exits(0);
    let contents = home.contents();
    assert!(contents.starts_with(&format!("{others}{tail}, \"{COPILOT}\":")), "{contents}");
    assert_logged_in(&home, &sandbox, GITHUB);
    assert_ne!(stored(&home, "refresh"), old.refresh);
    assert!(home.entry(COPILOT)["enterpriseUrl"].is_null(), "it was of another login");
}

#[test]
fn a_browser_that_does_not_start_is_told_and_the_code_can_be_entered_by_hand() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", COPILOT]).env("BROWSER", "/nonexistent/browser").start();
    let (uri, code) = shown(&mut pi);
    pi.hear("that none opened", |stderr| {
        stderr
            .contains(&format!("No browser could be opened. Open this page:\n\n{uri}"))
            .then_some(())
    });
    robot::approve_device(&uri, &code).unwrap();
    pi.finish().exits(0).prints(SUCCESS);
}

#[test]
fn an_address_with_the_code_in_it_is_what_opens_but_the_code_is_shown_all_the_same() {
    let sandbox = quick();
    sandbox.change(|settings| settings.github.send_verification_uri_complete = true);
    let home = Home::at(&sandbox);
    let notes = format!("echo \"$1\" > \"$HOME/opened\"\n{}", person("approve"));
    let mut pi = home.pi(["login", COPILOT]).browser(&notes).start();
    let (uri, code) = shown(&mut pi);
    assert!(uri.ends_with("/login/device"), "{uri}");
    pi.finish().exits(0);
    let opened = std::fs::read_to_string(home.path().join("opened")).unwrap();
    assert_eq!(opened, format!("{uri}?user_code={code}\n"));
}

#[test]
fn a_login_ends_with_logout_which_leaves_the_others_alone() {
    let sandbox = sandbox();
    let (home, login) = logged_in(&sandbox, Age::Fresh);
    let anthropic = json!({ "type": "oauth", "refresh": "r", "access": "a", "expires": 1 });
    let both = json!({ "anthropic": anthropic, COPILOT: entry(&login, Age::Fresh.expires()) });
    home.write("oauth.json", both.to_string());
    let ended = home.pi(["logout", COPILOT, "--yes"]).run();
    ended.exits(0);
    assert!(ended.stdout.contains("✓ Successfully logged out of GitHub Copilot"), "{ended}");
    assert!(home.entry(COPILOT).is_null());
    assert_eq!(home.entry("anthropic"), anthropic);
    home.pi(["token", COPILOT]).run().exits(4).prints("").says("COPILOT_GITHUB_TOKEN");
}
