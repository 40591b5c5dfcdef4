//! Copilot with the extension: base URL, headers, and the models that an account may use.

use pi_auth_tests::agent::{Agent, Version, extension};
use pi_auth_tests::pi::{Age, Ended, Home};
use pi_auth_tests::sandbox::{CopilotCredential, Kind, Sandbox};
use serde_json::json;

use crate::{answered, only, sandbox};

pub(crate) const COPILOT: &str = "github-copilot";

/// A model that this version knows, and asks by chat completions.
pub(crate) fn model(version: Version) -> &'static str {
    match version {
        Version::V0_73_1 => "gpt-4.1",
        Version::V1_6_0 => "kimi-k3",
    }
}

fn copilot_home(sandbox: &Sandbox, version: Version, age: Age) -> (Home, CopilotCredential) {
    let (home, login) = (Home::at(sandbox), sandbox.issue_copilot("github.com"));
    let entry = json!({
        "type": "oauth", "refresh": login.refresh, "access": login.access, "expires": age.expires(),
        "availableModelIds": [model(version)], "future": { "kept": true },
    });
    home.write("auth.json", json!({ COPILOT: entry }).to_string());
    (home, login)
}

fn run(version: Version, home: &Home, arguments: &[&str]) -> Ended {
    let words = [&["-e", extension()], arguments].concat();
    Agent::installed(version).run(home, &words).run()
}

fn ask(version: Version, home: &Home) -> Ended {
    let words = ["-e", extension()];
    Agent::installed(version).ask(home, (COPILOT, model(version)), &words).run()
}

#[test]
fn an_expired_token_is_exchanged_by_the_core_and_the_request_goes_where_it_says() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, old) = copilot_home(&sandbox, version, Age::Expired);
        answered(&ask(version, &home));
        let kinds: Vec<Kind> = sandbox.log().into_iter().map(|entry| entry.kind).collect();
        assert_eq!(
            kinds,
            [Kind::CopilotExchanged, Kind::ChatAnswered],
            "one request, not the list"
        );
        let entry = home.entry(COPILOT);
        assert_ne!(entry["access"], old.access.as_str());
        assert_eq!(entry["refresh"], old.refresh.as_str());
        assert_eq!(entry["availableModelIds"], json!([model(version)]), "what is not ours is kept");
        assert_eq!(entry["future"], json!({ "kept": true }));
        let chat = only(&sandbox, &Kind::ChatAnswered);
        let authorization = format!("Bearer {}", entry["access"].as_str().unwrap());
        assert_eq!(chat.header("authorization"), Some(authorization.as_str()));
        assert_eq!(chat.header("x-initiator"), Some("user"));
        assert_eq!(chat.header("copilot-integration-id"), Some("vscode-chat"));
    }
}

/// Header versions are data: what the overrides say reaches the agent's requests.
#[test]
fn headers_are_those_of_the_core() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, _) = copilot_home(&sandbox, version, Age::Fresh);
        let mut overrides: serde_json::Value =
            serde_json::from_str(&sandbox.providers_json()).unwrap();
        overrides[COPILOT]["headers"] = json!({ "Editor-Version": "vscode/9.9.9" });
        home.override_providers(&overrides.to_string());
        answered(&ask(version, &home));
        let chat = only(&sandbox, &Kind::ChatAnswered);
        assert_eq!(chat.header("editor-version"), Some("vscode/9.9.9"));
    }
}

#[test]
fn only_models_that_the_account_may_use_are_offered() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, _) = copilot_home(&sandbox, version, Age::Fresh);
        let ended = run(version, &home, &["--list-models"]);
        ended.exits(0);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        let ours: Vec<&str> = all.lines().filter(|line| line.starts_with(COPILOT)).collect();
        assert_eq!(ours.len(), 1, "{ended}");
        assert!(ours[0].contains(model(version)), "{ended}");
    }
}

/// A picture of one pixel.
const PIXEL: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\
    \x00\x00\x00\x0dIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82";

/// Who began a request, and whether it carries an image, the agent tells by itself, each time anew.
#[test]
fn a_request_with_an_image_says_so() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, _) = copilot_home(&sandbox, version, Age::Fresh);
        std::fs::write(home.path().join("pixel.png"), PIXEL).unwrap();
        let words = ["-e", extension(), "@pixel.png"];
        answered(&Agent::installed(version).ask(&home, (COPILOT, model(version)), &words).run());
        let chat = only(&sandbox, &Kind::ChatAnswered);
        assert_eq!(chat.header("copilot-vision-request"), Some("true"));
        assert_eq!(chat.header("x-initiator"), Some("user"));
    }
}
