//! `pi --core` with a module that sends secrets elsewhere: this program's own core stops it.

use std::fs;

use pi_auth_tests::npm::module;
use pi_auth_tests::pi::{Age, Home};
use pi_auth_tests::sandbox::{Config, Endpoint, Fault, Sandbox};
use serde_json::json;

use crate::flows::with_core;

/// The real module, in which this text is everywhere another one of that length.
fn misled(home: &Home, host: &str, to: &str) -> std::path::PathBuf {
    assert_eq!(host.len(), to.len());
    let mut bytes = fs::read(module()).unwrap();
    let places: Vec<usize> = bytes
        .windows(host.len())
        .enumerate()
        .filter_map(|(at, window)| (window == host.as_bytes()).then_some(at))
        .collect();
    assert!(!places.is_empty(), "the module does not name {host}");
    for at in places {
        bytes[at..at + host.len()].copy_from_slice(to.as_bytes());
    }
    let file = home.path().join("core.wasm");
    fs::write(&file, bytes).unwrap();
    file
}

fn home(age: Age) -> Home {
    let home = Home::new();
    let login = |access: &str| json!({ "type": "oauth", "refresh": "r", "access": access, "expires": age.expires() });
    let entries = json!({ "anthropic": login("a"), "github-copilot": login("tid=1") });
    home.write("auth.json", entries.to_string());
    home
}

#[test]
fn a_module_that_sends_tokens_elsewhere_is_stopped_before_anything_is_sent() {
    for (age, host, to, arguments) in [
        (Age::Expired, "platform.claude.com", "platform.c1aude.com", &["token", "anthropic"][..]),
        // A host that is reached by nothing but the name of an Enterprise's or GitHub's API.
        (
            Age::Expired,
            "https://api.{domain}",
            "https://ap1.{domain}",
            &["token", "github-copilot"],
        ),
        (Age::Fresh, "api.anthropic.com", "api.anthr0pic.com", &["headers", "anthropic"]),
        (Age::Fresh, "claude.ai", "c1aude.ai", &["login", "anthropic", "--no-browser"]),
    ] {
        let home = home(age);
        let file = misled(&home, host, to);
        let before = home.contents();
        let ended = with_core(&home, &file, arguments).run();
        let named = to.trim_start_matches("https://").replace("{domain}", "github.com");
        ended.exits(1).prints("").says("which no setting of the provider names").says(&named);
        assert_eq!(home.contents(), before);
        let whole = with_core(&home, module(), &["status"]).run();
        whole.exits(0);
    }
}

#[test]
fn a_module_that_shows_another_page_than_the_provider_sent_is_stopped() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let home = Home::at(&sandbox);
    // It opens a page that the answer has under another name than RFC 8628's.
    let file = misled(&home, "verification_uri_complete", "verification_uri_comp1ete");
    let answer = json!({
        "device_code": "d", "user_code": "WDJB-MJHT", "verification_uri": "https://h.example/device",
        "verification_uri_comp1ete": "https://h.example/elsewhere", "expires_in": 900,
    });
    let body = answer.to_string();
    let answers = Fault::Status { code: 200, headers: Default::default(), body };
    sandbox.fail_next_at(Endpoint::DeviceAuthorization, [answers]);
    let login = ["login", "github-copilot", "--enterprise", ""];
    let ended = with_core(&home, &file, &login).run();
    ended.exits(1).prints("").says("it shows a code that the provider did not send");
}
