//! Tests of the checks on a module.

use super::*;
use crate::callback::Loopback;
use crate::environment::Environment;
use crate::flow::{OneTime, login, token};
use crate::http;
use crate::json;
use crate::store::access::{Directory, Owned};
use alloc::format;

fn token(provider: &str) -> Witness {
    Witness::new(&Request::Token(token::TokenRequest::new(provider, Environment::default())))
}

fn request(url: &str) -> Effect {
    // What the module says of its own origins is worth nothing here.
    let origins = origin::of(url).into_iter().collect();
    Effect::http(http::HttpRequest::get(url, origins), String::new())
}

fn overrides(text: &str) -> Event {
    let contents = Some(text.into());
    Event::OverridesRead { path: "o".into(), contents, access: None }
}

fn response(body: &str) -> Event {
    Event::Response(http::HttpResponse { status: 200, headers: [].into(), body: body.into() })
}

fn allows(witness: &mut Witness, url: &str) -> bool {
    witness.objection(&request(url)).is_none()
}

#[test]
fn requests_go_to_the_provider_that_the_job_is_about() {
    let mut witness = token("anthropic");
    assert!(allows(&mut witness, "https://platform.claude.com/v1/oauth/token"));
    for url in [
        "https://platform.claude.evil/v1/oauth/token",
        "https://api.github.com/copilot_internal/v2/token",
        "http://platform.claude.com/",
        "http://127.0.0.1:1/",
        "",
    ] {
        assert_eq!(witness.objection(&request(url)), Some(Objection::Address(url)));
    }
}

#[test]
fn overrides_and_enterprises_count_once_they_were_told() {
    let mut witness = token("github-copilot");
    let enterprise = "https://api.ghe.example.com/copilot_internal/v2/token";
    assert!(!allows(&mut witness, enterprise));
    assert!(allows(&mut witness, "https://api.github.com/copilot_internal/v2/token"));
    let stored = r#"{"github-copilot":{"type":"oauth","enterpriseUrl":"ghe.example.com"}}"#;
    let contents = Some(stored.into());
    witness.hear(&Event::StoreRead { path: "s".into(), contents, access: None });
    assert!(allows(&mut witness, enterprise));
    assert!(!allows(&mut witness, "http://127.0.0.1:1/t"));
    witness.hear(&overrides(r#"{"github-copilot":{"copilot_token_url":"http://127.0.0.1:1/t"}}"#));
    assert!(allows(&mut witness, "http://127.0.0.1:1/t"));
    let own = "https://api.github.com/copilot_internal/v2/token";
    assert!(!allows(&mut witness, own), "it has been moved");
    let mut typed = token("github-copilot");
    typed.hear(&Event::Answered { text: "ghe.example.com".into() });
    assert!(allows(&mut typed, enterprise));
}

#[test]
fn endpoints_that_only_the_issuer_knows_come_from_its_own_metadata() {
    let acme = r#"{"acme":{"flow":"device_code","client_id":"c","issuer":"https://i.example"}}"#;
    let place = "https://i.example/.well-known/oauth-authorization-server";
    let token_url = "https://t.example/token";
    let told = |issuer: &str| {
        response(&format!(r#"{{"issuer":"{issuer}","token_endpoint":"{token_url}"}}"#))
    };
    for (asked, issuer, allowed) in [
        (place, "https://i.example", true),
        (place, "https://evil.example", false),
        // An answer of another address speaks for nobody.
        ("https://i.example/elsewhere", "https://i.example", false),
    ] {
        let mut witness = token("acme");
        witness.hear(&overrides(acme));
        assert!(allows(&mut witness, asked));
        witness.hear(&told(issuer));
        assert_eq!(allows(&mut witness, token_url), allowed, "{asked} {issuer}");
    }
}

fn login(provider: &str) -> Witness {
    let text = format!(r#"{{"provider":"{provider}","entropy":"{}"}}"#, "0".repeat(128));
    Witness::new(&Request::Login(json::from_str::<login::LoginRequest>(&text).unwrap()))
}

fn page(url: &str, one_time: Option<(&str, &str)>) -> Effect {
    Effect::Authorize(Authorize {
        one_time: one_time.map(|(url, path)| OneTime { url: url.into(), path: path.into() }),
        url: url.into(),
        open_browser: true,
        callback: false,
        state: Secret::default(),
        message: String::new(),
        prompt: String::new(),
        problem: None,
    })
}

fn code(user_code: &str, verification_uri: &str, url: &str) -> Effect {
    Effect::ShowCode(ShowCode {
        user_code: user_code.into(),
        verification_uri: verification_uri.into(),
        url: url.into(),
        open_browser: true,
        message: String::new(),
        warning: String::new(),
        expires_ms: 0,
    })
}

#[test]
fn a_page_is_one_of_the_provider() {
    let mut witness = login("anthropic");
    assert_eq!(witness.objection(&page("https://claude.ai/oauth/authorize?x", None)), None);
    let evil = "https://claude.evil/";
    assert_eq!(witness.objection(&page(evil, None)), Some(Objection::Address(evil)));
}

#[test]
fn a_browser_begins_at_the_callback_server_or_at_the_provider() {
    let authorize = "https://claude.ai/oauth/authorize";
    for (port, url, allowed) in [
        (Some(5000), "http://localhost:5000/open/x", true),
        (Some(5000), "http://127.0.0.1:5000/open/x", true),
        (Some(5000), "http://[::1]:5000/open/x", true),
        (Some(5000), "http://localhost:5001/open/x", false),
        (Some(5000), "http://localhost:5000/open/y", false),
        (Some(5000), "http://localhost/open/x", false),
        (Some(5000), "https://localhost:5000/open/x", false),
        (Some(5000), "http://evil.example:5000/open/x", false),
        (Some(5000), "https://evil.example/open/x", false),
        (Some(5000), "file:///open/x", false),
        (None, "http://localhost:5000/open/x", false),
    ] {
        let mut witness = login("anthropic");
        if let Some(port) = port {
            witness.hear(&Event::Listening { port });
        }
        let effect = page(authorize, Some((url, "/open/x")));
        let expected = (!allowed).then_some(Objection::Address(url));
        assert_eq!(witness.objection(&effect), expected, "{port:?} {url}");
    }
}

#[test]
fn a_code_and_its_pages_are_those_of_the_last_response() {
    let (uri, complete) = ("https://github.com/login/device", "https://github.com/login/device?c");
    let mut witness = login("github-copilot");
    let answer = |user_code: &str, complete: &str| {
        response(&format!(
            r#"{{"device_code":"d","user_code":"{user_code}","verification_uri":"{uri}",
                "verification_uri_complete":"{complete}"}}"#
        ))
    };
    let objection = |witness: &mut Witness, effect: Effect| witness.objection(&effect).is_some();
    assert!(objection(&mut witness, code("A-B", uri, uri)), "nobody has sent one");
    witness.hear(&answer("A-B", complete));
    for (user_code, verification_uri, url, allowed) in [
        ("A-B", uri, uri, true),
        ("A-B", uri, complete, true),
        ("A-C", uri, uri, false),
        ("A-B", "https://evil.example/", uri, false),
        ("A-B", uri, "https://evil.example/", false),
        ("A-B", uri, "https://github.com/login/device?d", false),
    ] {
        let effect = code(user_code, verification_uri, url);
        let expected = (!allowed).then_some(Objection::Code);
        assert_eq!(witness.objection(&effect), expected, "{user_code} {verification_uri} {url}");
    }
    witness.hear(&answer("A-B", "https://evil.example/device?c"));
    assert!(objection(&mut witness, code("A-B", uri, "https://evil.example/device?c")));
    witness.hear(&answer("A-C", complete));
    assert!(objection(&mut witness, code("A-B", uri, uri)), "there is a newer one");
    witness.hear(&response("{}"));
    assert!(objection(&mut witness, code("A-C", uri, uri)), "the last one has none");
}

#[test]
fn only_a_login_shows_pages_and_codes() {
    let uri = "https://github.com/login/device";
    let sent = format!(r#"{{"device_code":"d","user_code":"A-B","verification_uri":"{uri}"}}"#);
    let effects = [
        page("https://github.com/login/oauth/authorize", None),
        code("A-B", uri, uri),
        Effect::Listen { on: Loopback::Ipv4, preferred_port: 0, path: "/".into() },
        Effect::AwaitCallback { state: "s".into(), activity: String::new(), until_ms: 0 },
        Effect::Prompt { message: String::new(), problem: None },
    ];
    for effect in effects {
        for (mut witness, expected) in
            [(login("github-copilot"), None), (token("github-copilot"), Some(Objection::NotALogin))]
        {
            witness.hear(&response(&sent));
            assert_eq!(witness.objection(&effect), expected, "{effect:?}");
        }
    }
}

#[test]
fn a_key_goes_to_the_api_of_the_provider() {
    let api = "https://api.anthropic.com";
    let evil = "https://api.anthropic.evil";
    for (base_url, origins, objection) in [
        (None, &[][..], None),
        (Some(api), &[api], None),
        (Some("https://api.anthropic.com/v1"), &[], None),
        (Some("https://platform.claude.com"), &[], Some("https://platform.claude.com")),
        (Some(evil), &[], Some(evil)),
        (Some(api), &[api, evil], Some(evil)),
        (None, &[evil], Some(evil)),
        (None, &["https://*.com"], Some("https://*.com")),
        (None, &["https://*.anthropic.com"], Some("https://*.anthropic.com")),
        (None, &[""], Some("")),
    ] {
        let effect = headers(base_url, origins);
        let expected = objection.map(Objection::Address);
        assert_eq!(token("anthropic").objection(&effect), expected, "{base_url:?} {origins:?}");
    }
    let below = "https://*.githubcopilot.com";
    let effect = headers(Some("https://api.individual.githubcopilot.com"), &[below]);
    assert_eq!(token("github-copilot").objection(&effect), None);
}

fn headers(base_url: Option<&str>, origins: &[&str]) -> Effect {
    let headers = headers::Headers {
        headers: Vec::new(),
        base_url: base_url.map(String::from),
        origins: origins.iter().map(|origin| String::from(*origin)).collect(),
        expires_ms: None,
        notes: Vec::new(),
    };
    Effect::Done { output: Output::Headers(headers) }
}

#[test]
fn overrides_that_others_could_have_changed_are_not_believed() {
    let (own, others) = (
        Owned { owner: 1000, group: 1000, mode: 0o600 },
        Owned { owner: 1001, group: 1001, mode: 0o600 },
    );
    let directory = |owned| Directory { path: "/d".into(), owned };
    let url = "https://t.example/token";
    for (file, directories, believed) in [
        (own, Vec::from([directory(Owned { mode: 0o700, ..own })]), true),
        (others, Vec::new(), false),
        (Owned { mode: 0o666, ..own }, Vec::new(), false),
        (own, Vec::from([directory(Owned { mode: 0o777, ..own })]), false),
    ] {
        let mut witness = token("anthropic");
        let access = Access { user: 1000, group: 1000, served: None, file, directories };
        witness.hear(&Event::OverridesRead {
            path: "o".into(),
            contents: Some(format!(r#"{{"anthropic":{{"token_url":"{url}"}}}}"#).into()),
            access: Some(access.clone()),
        });
        assert_eq!(allows(&mut witness, url), believed, "{access:?}");
    }
}
