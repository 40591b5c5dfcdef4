//! Whom `pi` trusts, and that nobody else learns anything.

use std::fs;
use std::path::Path;
use std::process::Command;

use pi_auth_tests::canary;
use pi_auth_tests::internet::{Certificate, Internet};
use pi_auth_tests::pi::{Age, Ended, Home, binary};
use pi_auth_tests::sandbox::Sandbox;
use pi_auth_tests::wire::{Script, Wire};
use serde_json::json;

use crate::copilot::{COPILOT, GITHUB, assert_logged_in, entry, quick};
use crate::login;
use crate::real_addresses::pi;

/// Bad certificates, what is said of each, and what to do.
const REFUSED: [(Certificate, &str, &str); 5] = [
    (
        Certificate::UnknownAuthority,
        "its certificate is from an authority that is not trusted",
        "SSL_CERT_FILE",
    ),
    (
        Certificate::SelfSigned,
        "its certificate is from an authority that is not trusted",
        "SSL_CERT_FILE",
    ),
    (Certificate::OtherName, "its certificate is for another name", "another network"),
    (Certificate::Expired, "its certificate has expired or is not valid yet", "clock"),
    (Certificate::NotYetValid, "its certificate has expired or is not valid yet", "clock"),
];

#[test]
fn a_certificate_that_is_not_to_be_trusted_is_refused_and_nothing_is_lost() {
    for (presented, what, mend) in REFUSED {
        let sandbox = quick();
        let internet = Internet::start(&sandbox).unwrap();
        internet.present(presented);
        let home = Home::new();
        let (copilot, anthropic) = (sandbox.issue_copilot(GITHUB), sandbox.issue());
        let expires = Age::Expired.expires();
        let stale = json!({
            "type": "oauth", "refresh": anthropic.refresh, "access": anthropic.access,
            "expires": expires,
        });
        let both = json!({ "anthropic": stale, COPILOT: entry(&copilot, expires) });
        home.write("oauth.json", both.to_string());
        let before = home.contents();
        for arguments in
            [&["token", COPILOT][..], &["token", "anthropic"], &["login", COPILOT, "--no-browser"]]
        {
            let ended = pi(&home, &internet, arguments).run();
            ended.exits(1).prints("").says(what).says(mend);
            assert_eq!(home.contents(), before, "{presented:?}: {ended}");
        }
        assert_eq!(sandbox.log(), [], "{presented:?}: nobody was told anything");
        let expected = ["api.github.com", "platform.claude.com", "github.com"];
        assert_eq!(internet.hosts(), expected, "{presented:?}");

        // As soon as that is mended, all is as it was.
        internet.present(Certificate::Good);
        pi(&home, &internet, &["token", COPILOT]).run().exits(0);
        pi(&home, &internet, &["token", "anthropic"]).run().exits(0);
        assert_logged_in(&home, &sandbox, GITHUB);
        login::assert_logged_in(&home, &sandbox);
    }
}

#[test]
fn an_authority_that_is_not_named_is_not_trusted() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let other = Internet::start(&sandbox).unwrap();
    let home = expired(&sandbox);
    let pi = pi(&home, &internet, &["token", "anthropic"]);
    let ended = pi.env("SSL_CERT_FILE", other.ca_pem_path()).run();
    ended.exits(1).prints("").says("an authority that is not trusted");
    assert_eq!(sandbox.log(), []);
}

#[test]
fn authorities_are_named_by_a_file_or_by_directories() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let home = expired(&sandbox);
    let authorities = home.path().join("authorities");
    let empty = home.path().join("empty");
    fs::create_dir(&authorities).unwrap();
    fs::create_dir(&empty).unwrap();
    fs::copy(internet.ca_pem_path(), authorities.join("ours.pem")).unwrap();
    let both = format!("{}:{}", empty.display(), authorities.display());
    for (variable, value) in [
        ("SSL_CERT_FILE", internet.ca_pem_path().display().to_string()),
        ("SSL_CERT_DIR", authorities.display().to_string()),
        ("SSL_CERT_DIR", both),
    ] {
        home.store(&sandbox.issue(), Age::Expired.expires());
        let pi = pi(&home, &internet, &["token", "anthropic"]).env_remove("SSL_CERT_FILE");
        pi.env(variable, value).run().exits(0);
        login::assert_logged_in(&home, &sandbox);
    }
}

#[test]
fn a_file_of_authorities_that_is_none_trusts_nobody() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let home = expired(&sandbox);
    let nonsense = home.path().join("nonsense.pem");
    fs::write(&nonsense, "no certificate").unwrap();
    for file in [nonsense.as_path(), Path::new("/nonexistent"), home.path()] {
        let before = home.contents();
        let pi = pi(&home, &internet, &["token", "anthropic"]).env("SSL_CERT_FILE", file);
        pi.run().exits(1).prints("").says("Your login is kept.").says("SSL_CERT_FILE");
        assert_eq!(home.contents(), before);
    }
    assert_eq!(sandbox.log(), []);
}

/// Where Debian's authorities are, and on most other systems.
const SYSTEM: &str = "/etc/ssl/certs";

/// A command line before a program by which it sees another directory in the place of [`SYSTEM`],
/// which stays as it is: `None` where this machine does not let us.
fn with_other_authorities() -> Option<[&'static str; 5]> {
    let script = r#"PATH=/usr/sbin:/usr/bin:/sbin:/bin
        mount --bind "$1" /etc/ssl/certs && shift && exec "$@""#;
    let works = |flags: &str| {
        let tried =
            Command::new("unshare").args([flags, "--", "mount", "--bind", SYSTEM, SYSTEM]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    // Who is not root is, in a namespace of users.
    let flags = ["-m", "-rm"].into_iter().find(|flags| works(flags))?;
    Some([flags, "--", "/bin/sh", "-c", script])
}

#[test]
fn an_authority_of_the_systems_store_is_trusted_without_a_variable() {
    let Some(before) = with_other_authorities() else {
        crate::skipped("no mount namespace with another /etc/ssl/certs can be made here");
        return;
    };
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    let home = expired(&sandbox);
    let refused = pi(&home, &internet, &["token", "anthropic"]).env_remove("SSL_CERT_FILE").run();
    refused.exits(1).prints("");
    assert_eq!(sandbox.log(), [], "this machine's own store does not know the authority");

    let store = home.path().join("store");
    fs::create_dir(&store).unwrap();
    fs::copy(internet.ca_pem_path(), store.join("ca-certificates.crt")).unwrap();
    let pi = binary().display().to_string();
    let store = store.display().to_string();
    let words = [&before[..], &["sh", &store, &pi, "token", "anthropic"]].concat();
    let unshare = ["/usr/bin/unshare", "/bin/unshare"].iter().map(Path::new).find(|it| it.exists());
    let ended = home
        .program(unshare.unwrap(), words)
        .env_remove("PI_AUTH_PROVIDERS")
        .env("HTTPS_PROXY", internet.proxy_url())
        .run();
    ended.exits(0);
    login::assert_logged_in(&home, &sandbox);
}

fn expired(sandbox: &Sandbox) -> Home {
    let home = Home::new();
    home.store(&sandbox.issue(), Age::Expired.expires());
    home
}

/// Refreshes at the port of a server that is said to speak TLS.
fn refresh_at(wire: &Wire, sandbox: &Sandbox, internet: &Internet) -> Ended {
    let home = expired(sandbox);
    let url = format!("https://localhost:{}/token", wire.port());
    home.override_providers(&json!({ "anthropic": { "token_url": url } }).to_string());
    let before = home.contents();
    let ended = home.pi(["token", "anthropic"]).env("SSL_CERT_FILE", internet.ca_pem_path()).run();
    ended.exits(1).prints("").says("Your login is kept.");
    assert_eq!(home.contents(), before);
    ended
}

#[test]
fn a_server_that_speaks_no_tls_or_an_old_one_learns_nothing() {
    let sandbox = quick();
    let internet = Internet::start(&sandbox).unwrap();
    // The answer to a ClientHello by a server that knows nothing newer than TLS 1.1.
    let mut old = vec![0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    old.extend([7; 32]);
    old.extend([0, 0xc0, 0x13, 0]);
    let unset = "the secure connection could not be set up";
    for (name, script, words) in [
        ("plain http", Script::answer(400, &[], "this is http"), unset),
        ("a redirect", Script::answer(301, &[("Location", "http://localhost/")], ""), unset),
        ("TLS 1.1", Script::new().send(&old), unset),
        ("an alert: protocol version", Script::new().send([0x15, 3, 1, 0, 2, 2, 70]), unset),
        ("an alert: handshake failure", Script::new().send([0x15, 3, 3, 0, 2, 2, 40]), unset),
        ("an SSH server", Script::new().send("SSH-2.0-OpenSSH_9.2\r\n"), unset),
        ("nothing", Script::new(), "could not connect"),
        ("a reset", Script::new().reset(), "could not connect"),
    ] {
        let wire = Wire::of(script);
        let ended = refresh_at(&wire, &sandbox, &internet);
        assert!(ended.stderr.contains(words), "{name}: {ended}");
        let heard = wire.heard().concat();
        assert!(!heard.is_empty(), "{name}: {ended}");
        assert_eq!(canary::found(&heard, |_| false), None, "{name}");
        assert!(!heard.contains("refresh_token"), "{name}: {heard}");
    }
}
