//! Another user takes the port of the callback, or fills it with connections: the code goes to
//! nobody else, and the login works.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use pi_auth_tests::pi::{Home, Running};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Config, Sandbox};
use serde_json::Value;
use url::Url;

use crate::other::Other;
use crate::two_users;

/// The program of the attacker.
fn squatter() -> &'static Path {
    env!("CARGO_BIN_EXE_pi-auth-squatter").as_ref()
}

/// The port to which the authorization page leads back.
fn callback_port(url: &str) -> u16 {
    let page = Url::parse(url).unwrap();
    let (_, uri) = page.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    Url::parse(&uri).unwrap().port().unwrap()
}

/// Authorizes in a browser, and waits for the end of the login.
fn authorize(pi: Running, url: &str, home: &Home) {
    let landing = robot::approve(url).unwrap();
    assert!(matches!(landing, Landing::Callback { status: 200, .. }), "{landing:?}");
    pi.finish().exits(0);
    assert_eq!(home.entry("anthropic")["type"], "oauth");
}

#[test]
fn a_port_that_another_user_holds_on_either_family_is_not_used_and_nothing_comes_there() {
    let (user, other) = or_skip!(two_users());
    for address in ["[::1]:0", "127.0.0.1:0"] {
        if let Err(error) = TcpListener::bind(address) {
            crate::skipped(&format!("{address}: {error}"));
            continue;
        }
        let mut holder = Other::start(&other, squatter(), &["hold", address]);
        let port: u16 = holder.line().parse().unwrap();
        let sandbox = Sandbox::start(Config::default()).unwrap();
        let home = Home::new();
        let mut providers: Value = serde_json::from_str(&sandbox.providers_json()).unwrap();
        let preferred = format!("http://localhost:{port}/callback");
        providers["anthropic"]["loopback_redirect_uri"] = preferred.into();
        home.override_providers(&providers.to_string());
        user.own(home.path());
        let login = home.pi_as(&user, &["login", "anthropic"]);
        let mut pi = login.browser("exit 0").start();
        let url = pi.authorize_url();
        assert_ne!(callback_port(&url), port, "{address}");
        authorize(pi, &url, &home);
        assert_eq!(holder.end(), "0", "connections to {address}");
    }
}

#[test]
fn connections_of_another_user_that_say_nothing_keep_the_browser_out_of_no_login() {
    let (user, other) = or_skip!(two_users());
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let home = Home::at(&sandbox);
    user.own(home.path());
    let mut pi = home.pi_as(&user, &["login", "anthropic"]).browser("exit 0").start();
    let url = pi.authorize_url();
    let address = SocketAddr::from(([127, 0, 0, 1], callback_port(&url)));
    let mut silent = Other::start(&other, squatter(), &["connect", &address.to_string(), "40"]);
    assert_eq!(silent.line(), "40");
    authorize(pi, &url, &home);
    drop(silent);
}
