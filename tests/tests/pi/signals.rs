//! What a signal stops, and what it must not.

use std::net::TcpListener;

use pi_auth_tests::loopback::Request;
use pi_auth_tests::pi::{Age, Home, PATIENCE, Running, Signal};
use pi_auth_tests::sandbox::Sandbox;
use serde_json::json;

use crate::callback::waiting;
use crate::lock::{Holder, lock_of};
use crate::login::{assert_logged_in, code_page};
use crate::{kinds, sandbox, wait_for_grants};

const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

#[test]
fn a_signal_during_a_prompt_cancels() {
    let sandbox = sandbox();
    for signal in SIGNALS {
        let home = Home::at(&sandbox);
        let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
        pi.hear("the prompt", |stderr| stderr.find("Paste the authorization code here:"));
        pi.signal(signal);
        pi.finish().exits(130).prints("").says("Cancelled.");
        assert!(!home.file().exists() && !lock_of(&home).exists());
    }
}

#[test]
fn a_signal_while_the_browser_is_waited_for_cancels_and_closes_the_port() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (mut pi, _, callback) = waiting(&home);
    pi.hear("the prompt", |stderr| stderr.find("Waiting for the browser"));
    pi.signal(Signal::INT);
    pi.finish().exits(130).prints("");
    let after = Request::get(callback.as_str()).send();
    // Another login may have got the port since; it does not know this one.
    assert!(!matches!(&after, Ok(reply) if reply.status == 200), "{after:?}");
    assert!(!home.file().exists());
}

#[test]
fn a_signal_during_json_is_told_as_an_event() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", "anthropic", "--no-browser", "--json"]).start();
    pi.event("authorize");
    pi.signal(Signal::TERM);
    let ended = pi.finish();
    ended.exits(130).is_quiet();
    let last = ended.events().pop().unwrap();
    assert_eq!(last["error"]["code"], "cancelled");
}

#[test]
fn a_signal_while_the_lock_is_waited_for_cancels() {
    let sandbox = sandbox();
    for signal in SIGNALS {
        for arguments in [
            &["token", "anthropic"][..],
            &["logout", "anthropic"],
            &["login", "anthropic", "--no-browser"],
        ] {
            // A token that is still really valid is no reason to go on.
            let (home, _) = Home::logged_in(&sandbox, Age::Due);
            std::fs::create_dir(lock_of(&home)).unwrap();
            let before = home.contents();
            let mut pi = home.pi(arguments).start();
            pi.hear("what it waits for", |stderr| stderr.find("Waiting for another pi"));
            pi.signal(signal);
            pi.signal(signal);
            pi.finish().exits(130).prints("").says("Cancelled.");
            assert_eq!(home.contents(), before);
            assert!(lock_of(&home).exists(), "it was not ours to remove");
        }
    }
    assert_eq!(kinds(&sandbox), []);
}

/// A login whose code is being exchanged: the answer is kept back.
fn exchanging(sandbox: &Sandbox, home: &Home) -> Running {
    sandbox.keep_answers_back();
    let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
    let (code, state) = code_page(&pi.authorize_url());
    let before = sandbox.log().len() as u64;
    pi.write(&format!("{code}#{state}\n"));
    assert_eq!(sandbox.log_after(before, PATIENCE).len(), 1);
    pi
}

#[test]
fn a_signal_while_a_login_waits_for_the_lock_to_store_itself_waits_until_it_is_stored() {
    for signal in SIGNALS {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let mut pi = exchanging(&sandbox, &home);
        let holder = Holder::of(lock_of(&home));
        sandbox.let_answers_go();
        pi.hear("what it waits for", |stderr| stderr.find("Waiting for another pi"));
        pi.signal(signal);
        pi.hear("why it still runs", |stderr| stderr.find("Stopping as soon as"));
        pi.signal(signal);
        assert!(pi.runs(), "{pi}");
        holder.release();
        pi.finish().exits(130).says("has been finished first");
        assert_logged_in(&home, &sandbox);
        assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    }
}

#[test]
fn a_signal_while_a_provider_is_told_of_a_logout_does_not_bring_the_login_back() {
    for signal in SIGNALS {
        // It takes the request and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let home = Home::new();
        let acme = json!({
            "flow": "authorization_code", "client_id": "c", "authorize_url": "https://acme.invalid/",
            "token_url": "https://acme.invalid/token",
            "revocation_url": format!("http://{address}/revoke"),
        });
        home.override_providers(&json!({ "acme": acme }).to_string());
        let login = json!({ "type": "oauth", "refresh": "r", "access": "a", "expires": 1 });
        home.write("auth.json", json!({ "acme": login }).to_string());
        let pi = home.pi(["logout", "acme"]).start();
        let told = silent.accept().unwrap();
        assert!(!lock_of(&home).exists(), "others wait for a provider that is silent");
        pi.signal(signal);
        pi.signal(signal);
        let ended = pi.finish();
        ended.exits(130);
        drop(told);
        assert_eq!(home.contents(), "{}", "{ended}");
        assert_eq!(home.names(), ["auth.json", "auth.json.flock"]);
    }
}

#[test]
fn a_signal_during_a_refresh_waits_until_the_answer_is_stored() {
    for signal in SIGNALS {
        let sandbox = sandbox();
        let (home, old) = Home::logged_in(&sandbox, Age::Expired);
        sandbox.keep_answers_back();
        let mut pi = home.pi(["token", "anthropic"]).start();
        wait_for_grants(&sandbox, 1);
        pi.signal(signal);
        pi.hear("why it still runs", |stderr| stderr.find("Stopping as soon as"));
        // An impatient person presses it again.
        pi.signal(signal);
        pi.signal(Signal::INT);
        sandbox.let_answers_go();
        pi.finish().exits(130).prints("").says("has been finished first");
        assert_ne!(home.refresh_token(), old.refresh, "the answer is lost");
        assert_logged_in(&home, &sandbox);
        assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
        let access = home.entry("anthropic")["access"].as_str().unwrap().to_owned();
        home.pi(["token", "anthropic"]).run().exits(0).prints(&format!("{access}\n"));
        assert_eq!(sandbox.grants(), 1);
    }
}

#[test]
fn a_signal_during_an_exchange_waits_until_the_login_is_stored() {
    for signal in SIGNALS {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let mut pi = exchanging(&sandbox, &home);
        pi.signal(signal);
        pi.hear("why it still runs", |stderr| stderr.find("Stopping as soon as"));
        pi.signal(signal);
        sandbox.let_answers_go();
        let ended = pi.finish();
        ended.exits(130).says("has been finished first");
        assert!(
            ended.stdout.contains("Successfully authenticated"),
            "what has happened is told: {ended}"
        );
        assert_logged_in(&home, &sandbox);
    }
}
