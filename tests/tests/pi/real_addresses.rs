//! Without any overrides: the built-in addresses, through a proxy and with certificates that are
//! checked.

use pi_auth_tests::internet::Internet;
use pi_auth_tests::pi::{Age, Home, Pi};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{ENTERPRISE_DOMAIN, Sandbox};

use crate::copilot::{COPILOT, GITHUB, SUCCESS, assert_logged_in, quick, stored};
use crate::login;

/// `pi ARGUMENTS` that knows of nothing but the proxy and the one certificate to trust.
pub(crate) fn pi<'a>(home: &'a Home, internet: &Internet, arguments: &[&str]) -> Pi<'a> {
    home.pi(arguments)
        .env_remove("PI_AUTH_PROVIDERS")
        .env("HTTPS_PROXY", internet.proxy_url())
        .env("SSL_CERT_FILE", internet.ca_pem_path())
}

/// What a browser does in which somebody enters the code and authorizes, at the sandbox that plays
/// the real world.
fn person(sandbox: &Sandbox) -> String {
    let port = sandbox.base_url().rsplit_once(':').unwrap().1;
    format!("exec '{}' approve --port {port} \"$1\"", env!("CARGO_BIN_EXE_pi-auth-sandbox"))
}

/// The hosts that were asked for, in order, without repetitions in a row.
fn hosts(internet: &Internet) -> Vec<String> {
    let mut hosts = internet.hosts();
    hosts.dedup();
    hosts
}

#[test]
fn copilot_is_logged_in_to_at_github() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let home = Home::new();
    let login = pi(&home, &internet, &["login", COPILOT]).browser(&person(&sandbox));
    let ended = login.run();
    ended.exits(0).prints(SUCCESS).says("\n    https://github.com/login/device\n");
    assert!(!ended.stderr.contains("note:"), "{ended}");
    assert_logged_in(&home, &sandbox, GITHUB);
    assert_eq!(home.entry(COPILOT)["availableModelIds"].as_array().map(Vec::len), Some(4));
    let expected = ["github.com", "api.github.com", "api.individual.githubcopilot.com"];
    assert_eq!(hosts(&internet), expected);

    let base_url = pi(&home, &internet, &["headers", COPILOT, "--base-url"]).run();
    base_url.prints("https://api.individual.githubcopilot.com\n");
    assert_eq!(hosts(&internet), expected, "a fresh token needs no network");
}

#[test]
fn and_at_an_enterprise_where_the_refresh_goes_too() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let home = Home::new();
    let words = ["login", COPILOT, "--enterprise", ENTERPRISE_DOMAIN];
    let login = pi(&home, &internet, &words).browser(&person(&sandbox));
    let ended = login.run();
    ended.exits(0).prints(&SUCCESS.replace("Copilot", "Copilot at ghe.example.com"));
    ended.says("\n    https://ghe.example.com/login/device\n");
    assert_logged_in(&home, &sandbox, ENTERPRISE_DOMAIN);
    let expected = ["ghe.example.com", "api.ghe.example.com", "copilot-api.ghe.example.com"];
    assert_eq!(hosts(&internet), expected);
    let base_url = pi(&home, &internet, &["headers", COPILOT, "--base-url"]).run();
    base_url.prints("https://copilot-api.ghe.example.com\n");

    let (access, before) = (stored(&home, "access"), internet.hosts().len());
    let words = ["token", COPILOT, "--min-validity", "30m"];
    sandbox.change(|settings| settings.github.copilot_lifetime_s = 3600);
    pi(&home, &internet, &words).run().exits(0);
    assert_ne!(stored(&home, "access"), access);
    assert_eq!(internet.hosts().split_off(before), ["api.ghe.example.com"]);
}

#[test]
fn anthropic_is_logged_in_to_by_paste_and_refreshed() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let home = Home::new();
    let mut login = pi(&home, &internet, &["login", "anthropic", "--no-browser"]).start();
    let url = login.authorize_url();
    assert!(url.starts_with("https://claude.ai/oauth/authorize?"), "{url}");
    let Landing::Code(shown) = robot::approve(&sandbox.stand_in(&url).unwrap()).unwrap() else {
        panic!("no code page: {url}")
    };
    login.write(&format!("{shown}\n"));
    login.finish().exits(0);
    login::assert_logged_in(&home, &sandbox);
    assert_eq!(internet.hosts(), ["platform.claude.com"]);

    let old = sandbox.issue();
    home.store(&old, Age::Expired.expires());
    pi(&home, &internet, &["token", "anthropic"]).run().exits(0);
    login::assert_logged_in(&home, &sandbox);
    assert_ne!(home.refresh_token(), old.refresh);
    assert_eq!(internet.hosts(), ["platform.claude.com", "platform.claude.com"]);
}
