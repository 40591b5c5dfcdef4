//! The internet on loopback: real addresses, a proxy, TLS, and a sandbox at the end of it.

use std::process::Command;
use std::sync::Once;

use pi_auth_tests::internet::{Certificate, Internet, Tunnel};
use pi_auth_tests::loopback;
use pi_auth_tests::pi::PATIENCE;
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{ENTERPRISE_DOMAIN, Endpoint, Fault, GITHUB_CLIENT_ID, Kind, REPLY};
use reqwest::{Client, Method, Proxy, RequestBuilder};
use serde_json::{Value, json};

use crate::client::{STATE, authorize_url, exchange_of, kinds, sandbox};
use crate::device_client::{EDITOR, GRANT_TYPE, prompt};

const CODE_PAGE: &str = "https://platform.claude.com/oauth/code/callback";

/// A client that was told where the proxy is and whom to trust, and nothing else.
fn client(internet: &Internet) -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        provider.install_default().unwrap();
    });
    let authority = std::fs::read(internet.ca_pem_path()).unwrap();
    Client::builder()
        .proxy(Proxy::https(internet.proxy_url()).unwrap())
        .tls_certs_only([reqwest::Certificate::from_pem(&authority).unwrap()])
        .retry(reqwest::retry::never())
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// Sends one request, and gives the status and the body.
fn send(request: RequestBuilder) -> Result<(u16, String), reqwest::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    })
}

fn document(request: RequestBuilder) -> Value {
    let (status, body) = send(request).unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn form(client: &Client, url: String, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = client.post(url).header("Accept", "application/json").body(body);
    request.header("Content-Type", "application/x-www-form-urlencoded")
}

fn json(client: &Client, url: &str, body: &Value) -> RequestBuilder {
    client.post(url).header("Content-Type", "application/json").body(body.to_string())
}

fn dressed(request: RequestBuilder, token: &str) -> RequestBuilder {
    let request = request.header("Authorization", format!("Bearer {token}"));
    EDITOR.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

#[test]
fn every_host_leads_to_its_own_part_of_the_sandbox() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let client = client(&internet);
    let cases = [
        ("https://claude.ai/oauth/authorize?x=1", "/oauth/authorize"),
        ("https://platform.claude.com/oauth/code/callback?x=1", "/oauth/code/callback"),
        ("https://platform.claude.com/v1/oauth/token", "/v1/oauth/token"),
        ("https://api.anthropic.com/v1/messages", "/v1/messages"),
        ("https://github.com/login/device/code", "/github.com/login/device/code"),
        ("https://github.com/login/device", "/github.com/login/device"),
        (
            "https://api.github.com/copilot_internal/v2/token",
            "/github.com/copilot_internal/v2/token",
        ),
        ("https://api.individual.githubcopilot.com/models", "/github.com/copilot/models"),
        ("https://api.business.githubcopilot.com/models", "/github.com/copilot/models"),
        ("https://api.enterprise.githubcopilot.com/models", "/github.com/copilot/models"),
        ("https://ghe.example.com/login/device", "/ghe.example.com/login/device"),
        (
            "https://api.ghe.example.com/copilot_internal/v2/token",
            "/ghe.example.com/copilot_internal/v2/token",
        ),
        ("https://copilot-api.ghe.example.com/models", "/ghe.example.com/copilot/models"),
        ("https://claude.ai/v1/oauth/token", "/nowhere/claude.ai/v1/oauth/token"),
        ("https://claude.ai/_sandbox/log", "/nowhere/claude.ai/_sandbox/log"),
        ("https://platform.claude.com/", "/nowhere/platform.claude.com/"),
        (
            "https://github.com/ghe.example.com/login/device",
            "/nowhere/github.com/ghe.example.com/login/device",
        ),
        ("https://api.github.com/login/device", "/nowhere/api.github.com/login/device"),
    ];
    for (number, (url, path)) in cases.into_iter().enumerate() {
        let (status, _) = send(client.get(url)).unwrap();
        let log = sandbox.log();
        let entry = log.last().unwrap();
        assert_eq!((log.len(), entry.request.path.as_str()), (number + 1, path), "{url}");
        let host = url::Url::parse(url).unwrap().host_str().unwrap().to_owned();
        assert_eq!(entry.header("host"), Some(host.as_str()));
        if path.starts_with("/nowhere/") {
            assert_eq!(status, 404, "{url}");
        }
    }
    assert_eq!(internet.hosts().len(), cases.len());
    assert!(internet.tunnels().iter().all(|tunnel| tunnel.opened));
}

#[test]
fn a_device_logs_in_at_the_real_addresses() {
    let sandbox = prompt();
    let internet = Internet::start(&sandbox).unwrap();
    let client = client(&internet);
    for (domain, api) in [
        ("github.com", "api.individual.githubcopilot.com".to_owned()),
        (ENTERPRISE_DOMAIN, format!("copilot-api.{ENTERPRISE_DOMAIN}")),
    ] {
        let fields = [("client_id", GITHUB_CLIENT_ID), ("scope", "read:user")];
        let told = document(form(&client, format!("https://{domain}/login/device/code"), &fields));
        assert_eq!(told["verification_uri"], format!("https://{domain}/login/device"));
        let page = sandbox.stand_in(told["verification_uri"].as_str().unwrap()).unwrap();
        let user_code = robot::pending_user_code(&page).unwrap();
        assert_eq!(told["user_code"], user_code);
        robot::approve_device(&page, &user_code).unwrap();

        let code = told["device_code"].as_str().unwrap();
        let fields =
            [("client_id", GITHUB_CLIENT_ID), ("device_code", code), ("grant_type", GRANT_TYPE)];
        let url = format!("https://{domain}/login/oauth/access_token");
        let granted = document(form(&client, url, &fields));
        let github = granted["access_token"].as_str().unwrap();
        let url = format!("https://api.{domain}/copilot_internal/v2/token");
        let exchanged = document(dressed(client.get(url), github));
        let copilot = exchanged["token"].as_str().unwrap();
        assert!(sandbox.is_valid_copilot(domain, copilot));
        let models = dressed(client.get(format!("https://{api}/models")), copilot);
        let models = document(models.header("X-GitHub-Api-Version", "2026-06-01"));
        assert!(models["data"][0]["id"].is_string());
        let url = format!("https://{api}/models/gemini-2.5-pro/policy");
        let policy = dressed(json(&client, &url, &json!({ "state": "enabled" })), copilot)
            .header("Openai-Intent", "chat-policy")
            .header("X-Interaction-Type", "chat-policy");
        assert_eq!(document(policy)["state"], "enabled");
    }
    let hosts = internet.hosts();
    assert!(hosts.contains(&"api.ghe.example.com".to_owned()), "{hosts:?}");
}

#[test]
fn a_login_by_paste_ends_at_the_real_code_page() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let client = client(&internet);
    let real = |redirect_uri: &str| {
        let url = authorize_url(&sandbox, &[("redirect_uri", redirect_uri)]);
        let url = url.replace(sandbox.base_url(), "https://claude.ai");
        sandbox.stand_in(&url).unwrap()
    };
    let Landing::Code(shown) = robot::approve(&real(CODE_PAGE)).unwrap() else {
        panic!("{:?}", kinds(&sandbox))
    };
    let code = shown.strip_suffix(&format!("#{STATE}")).unwrap();
    let mut body = exchange_of(&sandbox, code);
    body["redirect_uri"] = json!(CODE_PAGE);
    let tokens = document(json(&client, "https://platform.claude.com/v1/oauth/token", &body));
    let access = tokens["access_token"].as_str().unwrap();
    assert!(sandbox.is_valid_access(access));
    let message = json!({ "model": "m", "max_tokens": 1, "messages": [{ "role": "user" }] });
    let message = json(&client, "https://api.anthropic.com/v1/messages", &message)
        .header("Authorization", format!("Bearer {access}"))
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "oauth-2025-04-20");
    assert_eq!(document(message)["content"][0]["text"], REPLY);

    // Each code page is registered where it is, and only there.
    let elsewhere = real(&format!("{}/oauth/code/callback", sandbox.base_url()));
    assert!(robot::approve(&elsewhere).is_err());
    assert!(robot::approve(&authorize_url(&sandbox, &[("redirect_uri", CODE_PAGE)])).is_err());
}

#[test]
fn an_unknown_host_cannot_be_reached_and_is_logged() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let client = client(&internet);
    let unknown = ["console.anthropic.com:443", "example.com:443", "github.com:8443"];
    for to in unknown {
        let error =
            send(client.get(format!("https://{}", to.trim_end_matches(":443")))).unwrap_err();
        assert!(error.is_connect(), "{error:?}");
    }
    let refused = unknown.map(|to| Tunnel { to: to.to_owned(), opened: false });
    assert_eq!(internet.tunnels(), refused);
    assert_eq!(internet.hosts(), ["console.anthropic.com", "example.com", "github.com"]);
    assert_eq!(sandbox.log(), []);
    assert_eq!(sandbox.stand_in("https://example.com/"), None);
    assert_eq!(sandbox.stand_in("http://github.com/"), None);
    assert_eq!(sandbox.stand_in("https://github.com:8443/"), None);
}

#[test]
fn a_bad_certificate_is_refused_before_anything_is_sent() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let client = client(&internet);
    let request = || client.get("https://github.com/login/device");
    for (bad, reason) in [
        (Certificate::UnknownAuthority, "UnknownIssuer"),
        (Certificate::OtherName, "NotValidForName"),
        (Certificate::Expired, "Expired"),
        (Certificate::NotYetValid, "NotValidYet"),
        (Certificate::SelfSigned, "UnknownIssuer"),
    ] {
        internet.present(bad);
        let error = send(request()).unwrap_err();
        let why = format!("{error:?}");
        // An issuer of the same name and another key is found out by its signature.
        let found =
            why.contains(reason) || (reason == "UnknownIssuer" && why.contains("BadSignature"));
        assert!(error.is_connect() && found, "{bad:?}: {why}");
    }
    assert_eq!(sandbox.log(), []);
    internet.present(Certificate::Good);
    assert_eq!(send(request()).unwrap().0, 200);
}

#[test]
fn a_request_that_names_another_host_than_the_tunnel_leads_nowhere() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let request = client(&internet).get("https://claude.ai/oauth/authorize");
    let (status, _) = send(request.header("Host", "github.com")).unwrap();
    assert_eq!(status, 404);
    assert_eq!(sandbox.log()[0].request.path, "/nowhere/claude.ai/oauth/authorize");
}

#[test]
fn the_proxy_gives_tunnels_and_nothing_else() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    for method in [Method::GET, Method::POST] {
        let request = loopback::Request::new(method, internet.proxy_url());
        assert_eq!(request.send().unwrap().status, 405);
    }
    assert_eq!(internet.tunnels(), []);
}

#[test]
fn faults_reach_through_the_tunnel() {
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let client = client(&internet);
    let request = || json(&client, "https://platform.claude.com/v1/oauth/token", &json!({}));
    sandbox.fail_next_at(Endpoint::Token, [Fault::Close, Fault::rate_limited(1)]);
    assert!(!send(request()).unwrap_err().is_connect());
    assert_eq!(send(request()).unwrap().0, 429);
    assert_eq!(kinds(&sandbox).len(), 2);
}

#[test]
fn the_command_finds_a_real_page_at_the_sandbox_it_is_told() {
    let sandbox = prompt();
    let internet = Internet::start(&sandbox).unwrap();
    let fields = [("client_id", GITHUB_CLIENT_ID), ("scope", "read:user")];
    let url = format!("https://{ENTERPRISE_DOMAIN}/login/device/code");
    let told = document(form(&client(&internet), url, &fields));
    let pressed = Command::new(env!("CARGO_BIN_EXE_pi-auth-sandbox"))
        .args(["approve", "--port", sandbox.base_url().rsplit(':').next().unwrap()])
        .arg(told["verification_uri"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(pressed.status.success(), "{pressed:?}");
    assert!(kinds(&sandbox).contains(&Kind::Approved));
    assert_eq!(sandbox.pending_user_codes(), []);
}
