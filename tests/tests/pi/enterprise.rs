//! A GitHub Enterprise: what is taken for one, and that nothing of it goes anywhere else.

use pi_auth_tests::pi::{Age, Home, Signal, eventually};
use pi_auth_tests::sandbox::{Kind, Sandbox};
use serde_json::{Value, json};

use crate::copilot::{COPILOT, GITHUB, SUCCESS, approved, assert_logged_in, entry, quick, stored};
use crate::{kinds, sandbox};

const DOMAIN: &str = "ghe.example.com";

/// A home with a login in it that says it is of this domain.
fn logged_in(sandbox: &Sandbox, issued_at: &str, domain: &str, age: Age) -> Home {
    let home = Home::at(sandbox);
    let mut login = entry(&sandbox.issue_copilot(issued_at), age.expires());
    login["enterpriseUrl"] = domain.into();
    home.write("oauth.json", json!({ COPILOT: login }).to_string());
    home
}

#[test]
fn what_can_be_no_domain_is_refused_before_anything_is_done() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let (name, ascii, address) = ("is not a hostname", "outside ASCII", "is an address");
    let long = "a.".repeat(130);
    for (text, why) in [
        ("evil.com/@github.com", name),
        ("https://evil.com/@github.com", name),
        ("github.com@evil.com", name),
        ("http://u:p@h/", name),
        ("https://github.com:443@evil.com/", name),
        ("a b", name),
        ("-x", name),
        ("x-", name),
        ("ghe.example.com:8443", name),
        ("ghe.example.com/path", name),
        ("ghe.example.com?x", name),
        ("ghe.example.com#x", name),
        ("evil.com\\github.com", name),
        ("ftp://ghe.example.com", name),
        ("https://", name),
        ("..", name),
        ("ghe.example.com.", name),
        ("%67ithub.example", name),
        ("{domain}", name),
        ("ghe\r\nx.example.com", name),
        (&long, name),
        ("münchen.example", ascii),
        ("gıthub.com", ascii),
        ("https://ｇｉｔｈｕｂ.com/", ascii),
        ("10.0.0.1", address),
        ("https://127.0.0.1/", address),
        ("[::1]", address),
        ("::1", address),
        ("2130706433", name),
        ("0x7f000001", name),
    ] {
        let ended = home.pi(["login", COPILOT, &format!("--enterprise={text}")]).run();
        assert_eq!(ended.code(), Some(2), "{text}: {ended}");
        ended.prints("").says("The Enterprise domain cannot be used").says(why);
        ended.says("Give a name such as ghe.example.com; for github.com,");
        let json = home.pi(["login", COPILOT, "--json", &format!("--enterprise={text}")]).run();
        let event: Value = serde_json::from_str(&json.exits(2).stdout).unwrap();
        assert_eq!(event["error"]["code"], "bad_input", "{text}");
    }
    // As words of their own, options are options.
    home.pi(["login", COPILOT, "--enterprise", "-x"]).run().exits(2).prints("");
    home.pi(["login", COPILOT, "--enterprise"]).run().exits(2).prints("");
    assert_eq!(sandbox.log(), [], "no request is made");
    assert!(!home.agent_dir().exists(), "nothing is created");
}

#[test]
fn a_hostname_or_an_address_of_one_is_taken_and_asked_and_nobody_else() {
    for (text, domain) in [
        ("", GITHUB),
        ("  ", GITHUB),
        ("github.com", GITHUB),
        ("https://GitHub.com/", GITHUB),
        (DOMAIN, DOMAIN),
        (" https://GHE.example.com/ ", DOMAIN),
        ("http://ghe.example.com", DOMAIN),
        ("HTTPS://ghe.example.com", DOMAIN),
        ("company.ghe.com", "company.ghe.com"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
    ] {
        let sandbox = quick();
        let home = Home::at(&sandbox);
        let pi = home.pi(["login", COPILOT, "--enterprise", text]).start();
        let log = eventually("a request", || Some(sandbox.log()).filter(|log| !log.is_empty()));
        assert_eq!(log[0].request.path, format!("/{domain}/login/device/code"), "{text}");
        assert!(matches!(log[0].kind, Kind::DeviceAuthorized { .. }), "{:?}", log[0]);
        pi.signal(Signal::INT);
        pi.finish().exits(130).prints("");
        assert!(!home.file().exists(), "{text}");
    }
}

#[test]
fn a_login_there_is_kept_there() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let ended = approved(&home, &["--enterprise", "https://GHE.example.com/"]).run();
    ended.exits(0).prints(&SUCCESS.replace("Copilot", "Copilot at ghe.example.com"));
    assert_logged_in(&home, &sandbox, DOMAIN);
    let names: Vec<String> = home.entry(COPILOT).as_object().unwrap().keys().cloned().collect();
    let mut expected = vec!["type", "refresh", "access", "expires", "enterpriseUrl"];
    expected.push("availableModelIds");
    let contents = home.contents();
    let at = |name: &str| contents.find(&format!("\"{name}\":")).unwrap();
    assert!(expected.is_sorted_by_key(|name| at(name)), "{contents}");
    assert_eq!(names.len(), expected.len());
    assert_eq!(stored(&home, "enterpriseUrl"), DOMAIN);
    let status = home.pi(["status"]).run();
    let line = "✓ logged in at ghe.example.com; the token is valid for 29 min\n";
    assert!(status.exits(0).stdout.contains(line), "{status}");
    let elsewhere = |path: &str| !path.starts_with("/ghe.example.com/");
    let log = sandbox.log();
    assert!(!log.iter().any(|it| elsewhere(&it.request.path)), "{log:?}");
}

#[test]
fn a_refresh_goes_there_and_leaves_the_domain_as_it_is() {
    let sandbox = sandbox();
    // As some pi may have stored it.
    for stored_as in [DOMAIN, "https://GHE.example.com/"] {
        let home = logged_in(&sandbox, DOMAIN, stored_as, Age::Expired);
        let before = sandbox.log().len();
        home.pi(["token", COPILOT]).run().exits(0).is_quiet();
        let log = sandbox.log().split_off(before);
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!(log[0].request.path, "/ghe.example.com/copilot_internal/v2/token");
        assert_logged_in(&home, &sandbox, DOMAIN);
        assert_eq!(stored(&home, "enterpriseUrl"), stored_as);
        let base_url = home.pi(["headers", COPILOT, "--base-url"]).run();
        base_url.prints(&format!("{}/ghe.example.com/copilot\n", sandbox.base_url()));
    }
}

#[test]
fn a_token_of_one_place_is_none_at_another() {
    let sandbox = sandbox();
    for (issued_at, domain) in [(GITHUB, DOMAIN), (DOMAIN, "other.example.com"), (DOMAIN, "")] {
        let home = logged_in(&sandbox, issued_at, domain, Age::Expired);
        let before = home.contents();
        home.pi(["token", COPILOT]).run().exits(4).prints("").says("HTTP 401").says("was kept");
        assert_eq!(home.contents(), before);
    }
    assert_eq!(sandbox.exchanges(), 0);
}

#[test]
fn a_stored_domain_that_can_be_none_is_never_asked() {
    let sandbox = sandbox();
    for domain in ["evil.com/@github.com", "10.0.0.1", "http://u:p@h/", "münchen.example"] {
        let home = logged_in(&sandbox, DOMAIN, domain, Age::Expired);
        let before = home.contents();
        let ended = home.pi(["token", COPILOT]).run();
        ended.exits(1).prints("").says("The `enterpriseUrl` of the stored login cannot be used");
        ended.says("--enterprise DOMAIN");
        assert_eq!(home.contents(), before);
    }
    assert_eq!(kinds(&sandbox), []);
}

#[test]
fn only_copilot_has_one() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    for text in ["", DOMAIN] {
        let ended = home.pi(["login", "anthropic", "--enterprise", text]).run();
        ended.exits(2).prints("").says("Anthropic has no Enterprise domain.");
        ended.says("Leave --enterprise out");
    }
    assert_eq!(sandbox.log(), []);
    assert!(!home.agent_dir().exists());
}
