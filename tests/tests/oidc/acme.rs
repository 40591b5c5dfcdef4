//! What the tests share: Acme, which is what the override file makes of the server, and its logins.

use pi_auth_tests::oidc::person::{End, Person};
use pi_auth_tests::oidc::{CLIENT_ID, Kind, SCOPES, Server, Tokens};
use pi_auth_tests::pi::{Age, Ended, Home, Pi};
use serde_json::{Value, json};

/// Acme by authorization code, by discovery.
pub(crate) fn by_issuer(server: &Server) -> Value {
    acme(json!({
        "flow": "authorization_code",
        "issuer": server.url(),
        "authorize_parameters": { "prompt": "consent" },
    }))
}

/// Acme by authorization code, address by address.
pub(crate) fn by_addresses(server: &Server) -> Value {
    let url = |path: &str| format!("{}{path}", server.url());
    acme(json!({
        "flow": "authorization_code",
        "authorize_url": url("/auth"),
        "token_url": url("/token"),
        "revocation_url": url("/token/revocation"),
        "authorize_parameters": { "prompt": "consent" },
    }))
}

/// Acme by device code, by discovery.
pub(crate) fn device_by_issuer(server: &Server) -> Value {
    acme(json!({ "flow": "device_code", "issuer": server.url() }))
}

/// Acme by device code, address by address.
pub(crate) fn device_by_addresses(server: &Server) -> Value {
    let url = |path: &str| format!("{}{path}", server.url());
    acme(json!({
        "flow": "device_code",
        "device_authorization_url": url("/device/auth"),
        "token_url": url("/token"),
        "revocation_url": url("/token/revocation"),
    }))
}

fn acme(mut entry: Value) -> Value {
    entry["name"] = "Acme".into();
    entry["client_id"] = CLIENT_ID.into();
    entry["scopes"] = SCOPES.split(' ').collect();
    entry
}

/// The same entry with one more key.
pub(crate) fn with(mut entry: Value, key: &str, value: impl Into<Value>) -> Value {
    entry[key] = value.into();
    entry
}

/// A home that knows this Acme.
pub(crate) fn home(entry: &Value) -> Home {
    let home = Home::new();
    home.override_providers(&json!({ "acme": entry }).to_string());
    home
}

/// A home with a login in it that is this far into its life.
pub(crate) fn logged_in(server: &Server, age: Age) -> (Home, Tokens) {
    let (home, tokens) = (home(&by_issuer(server)), server.log_in());
    store(&home, &tokens, age);
    (home, tokens)
}

/// Stores a login.
pub(crate) fn store(home: &Home, tokens: &Tokens, age: Age) {
    let entry = json!({
        "type": "oauth",
        "refresh": tokens.refresh,
        "access": tokens.access,
        "expires": age.expires(),
    });
    home.write("auth.json", format!("{:#}\n", json!({ "acme": entry })));
}

/// The stored tokens.
#[track_caller]
pub(crate) fn tokens(home: &Home) -> Tokens {
    let entry = home.entry("acme");
    let text = |name: &str| entry[name].as_str().unwrap_or_else(|| panic!("no {name}: {entry}"));
    Tokens { access: text("access").to_owned(), refresh: text("refresh").to_owned() }
}

/// Makes the stored token this old.
pub(crate) fn age(home: &Home, age: Age) {
    store(home, &tokens(home), age);
}

/// `pi`, with the person for a browser, who approves or denies.
pub(crate) fn with_person<'a>(pi: Pi<'a>, does: &str) -> Pi<'a> {
    let person = env!("CARGO_BIN_EXE_pi-auth-person");
    pi.browser(&format!("exec '{person}' {does} \"$1\""))
}

/// Logs in by callback.
#[track_caller]
pub(crate) fn log_in(home: &Home, server: &Server) -> Ended {
    let ended = with_person(home.pi(["login", "acme"]), "approve").run();
    tells_no_secret(&ended, server);
    ended
}

/// The address that the person's browser shows when nothing answers at the callback.
#[track_caller]
pub(crate) fn address_bar(authorize_url: &str) -> String {
    match Person::approves().opens(authorize_url).unwrap() {
        End::Callback(url) => url,
        end @ End::Page(_) => panic!("{end:?}"),
    }
}

/// Asserts that a login is stored whose access token the server takes.
#[track_caller]
pub(crate) fn assert_logged_in(home: &Home, server: &Server) {
    assert!(server.accepts(&tokens(home).access), "{}", home.contents());
}

/// Asserts that the stored refresh token is good, and spends it.
#[track_caller]
pub(crate) fn assert_can_go_on(home: &Home, server: &Server) {
    let reply = server.refresh(&tokens(home).refresh);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(server.families_revoked(), [""; 0]);
}

/// Asserts that nothing is stored, and that no code was taken to the server.
#[track_caller]
pub(crate) fn assert_nothing_came_of_it(home: &Home, server: &Server) {
    assert!(!home.file().exists() || home.entry("acme").is_null(), "{}", home.contents());
    let asked = |kind: &Kind| matches!(kind, Kind::Granted { .. } | Kind::Refused { .. });
    assert!(!server.kinds().iter().any(asked), "{:?}", server.kinds());
}

/// Asserts that nothing which the server ever gave is in what was said.
#[track_caller]
pub(crate) fn tells_no_secret(ended: &Ended, server: &Server) {
    for secret in secrets(server) {
        assert!(!ended.stdout.contains(&secret), "{ended}\na secret on stdout: {secret}");
        assert!(!ended.stderr.contains(&secret), "{ended}\na secret on stderr: {secret}");
    }
}

fn secrets(server: &Server) -> Vec<String> {
    let of = |kind| match kind {
        Kind::Granted { access_token, refresh_token, .. } => {
            [Some(access_token), refresh_token].into_iter().flatten().collect()
        }
        Kind::DeviceCode { device_code, .. } => vec![device_code],
        _ => Vec::new(),
    };
    server.kinds().into_iter().flat_map(of).collect()
}
