//! Ways in: paste and callback; and what each mistake leads to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pi_auth_tests::pi::{Ended, Home, Running, eventually};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Fault, Kind, Sandbox};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::{kinds, sandbox};

/// A browser that only writes down where it was sent.
pub(crate) const NOTES_URL: &str = "echo \"$1\" >> \"$HOME/opened\"";

/// The authorization code and the state that the provider's code page shows.
pub(crate) fn code_page(url: &str) -> (String, String) {
    match robot::approve(url).unwrap() {
        Landing::Code(shown) => {
            let (code, state) = shown.split_once('#').unwrap();
            (code.to_owned(), state.to_owned())
        }
        other => panic!("{other:?}"),
    }
}

/// What a query parameter of a URL says.
pub(crate) fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    found.unwrap_or_else(|| panic!("{url} has no {name}"))
}

/// Logs in by pasting `code#state`.
pub(crate) fn log_in_by_paste(home: &Home) -> Ended {
    let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
    paste(&mut pi);
    pi.finish()
}

/// Authorizes, and pastes `code#state`.
#[track_caller]
pub(crate) fn paste(pi: &mut Running) {
    let (code, state) = code_page(&pi.authorize_url());
    pi.write(&format!("{code}#{state}\n"));
}

/// Returns whether the stored login is one that the sandbox takes.
#[track_caller]
pub(crate) fn assert_logged_in(home: &Home, sandbox: &Sandbox) {
    let entry = home.entry("anthropic");
    assert!(sandbox.is_valid_access(entry["access"].as_str().unwrap()), "{entry}");
    assert!(sandbox.is_valid_refresh(entry["refresh"].as_str().unwrap()), "{entry}");
}

const SUCCESS: &str = "\n✓ Successfully authenticated with Anthropic\n  \
                       Tokens saved to ~/.pi/agent/oauth.json\n";

#[test]
fn a_code_is_taken_in_every_shape_that_people_paste() {
    type Shape = fn(&str, &str) -> String;
    let shapes: [(&str, Shape); 6] = [
        ("code#state", |code, state| format!("{code}#{state}")),
        ("the bare code", |code, _| code.to_owned()),
        ("the address of the page", |code, state| {
            format!("https://provider.invalid/oauth/code/callback?code={code}&state={state}")
        }),
        ("the query of it", |code, state| format!("?state={state}&code={code}")),
        ("a line that a terminal wrapped", |code, state| {
            let (start, end) = code.split_at(20);
            format!("  {start}  \t {end}#{state} \r")
        }),
        ("with what a bracketed paste adds", |code, state| {
            format!("\x1b[200~{code}#{state}\x1b[201~")
        }),
    ];
    for (name, shape) in shapes {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
        let (code, state) = code_page(&pi.authorize_url());
        pi.write(&(shape(&code, &state) + "\n"));
        let ended = pi.finish();
        assert_eq!(ended.code(), Some(0), "{name}: {ended}");
        ended.prints(SUCCESS);
        assert_logged_in(&home, &sandbox);
    }
}

#[test]
fn a_browser_brings_the_code_by_itself() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let robot = env!("CARGO_BIN_EXE_pi-auth-sandbox");
    let pi = home.pi(["login", "anthropic"]).browser(&format!("exec '{robot}' approve \"$1\""));
    pi.run().exits(0).prints(SUCCESS);
    assert_logged_in(&home, &sandbox);
    assert_eq!(kinds(&sandbox), [Kind::AuthorizePage, Kind::Approved, Kind::CodeExchanged]);
    let approved = &sandbox.log()[1];
    let redirect_uri = Url::parse(approved.field("redirect_uri").unwrap()).unwrap();
    assert_eq!((redirect_uri.host_str(), redirect_uri.path()), (Some("localhost"), "/callback"));
}

#[test]
fn pkce_verifies_and_the_state_is_a_secret_of_its_own() {
    let sandbox = sandbox();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let before = sandbox.log().len();
        let home = Home::at(&sandbox);
        let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
        let url = pi.authorize_url();
        let (code, state) = code_page(&url);
        pi.write(&format!("{code}#{state}\n"));
        pi.finish().exits(0);

        let log = sandbox.log().split_off(before);
        let exchange = log.iter().find(|it| it.kind == Kind::CodeExchanged).unwrap();
        let verifier = exchange.field("code_verifier").unwrap().to_owned();
        assert_eq!(verifier.len(), 43, "32 bytes in base64url");
        assert_eq!(state.len(), 43, "32 bytes in base64url");
        assert_ne!(state, verifier);
        assert!(!url.contains(&verifier), "the verifier is in the URL");
        assert_eq!(parameter(&url, "state"), state);
        assert_eq!(parameter(&url, "code_challenge_method"), "S256");
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        assert_eq!(parameter(&url, "code_challenge"), challenge);
        assert_eq!(
            parameter(&url, "scope"),
            "org:create_api_key user:profile user:inference",
            "the least that is needed"
        );
        assert!(exchange.user_agent().unwrap().starts_with("pi-auth/"));
        seen.extend([verifier, state]);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4, "no secret is used twice");
}

#[test]
fn paste_opens_the_browser_and_no_browser_opens_none() {
    let sandbox = sandbox();
    for (flags, opens) in [
        (&["--paste"][..], true),
        (&["--no-browser"], false),
        (&["--no-browser", "--paste"], false),
    ] {
        let home = Home::at(&sandbox);
        let arguments = [&["login", "anthropic"], flags].concat();
        let mut pi = home.pi(arguments).browser(NOTES_URL).start();
        let url = pi.authorize_url();
        let redirect_uri = parameter(&url, "redirect_uri");
        assert_eq!(redirect_uri, format!("{}/oauth/code/callback", sandbox.base_url()));
        let (code, state) = code_page(&url);
        pi.write(&format!("{code}#{state}\n"));
        pi.finish().exits(0).prints(SUCCESS);
        let opened = home.path().join("opened");
        if opens {
            let line = || std::fs::read_to_string(&opened).ok().filter(|it| it.ends_with('\n'));
            assert_eq!(eventually("the browser", line), format!("{url}\n"));
        } else {
            assert!(!opened.exists(), "{flags:?}");
        }
    }
}

#[test]
#[cfg(not(target_os = "macos"))]
fn without_a_display_the_address_is_for_a_browser_elsewhere() {
    let sandbox = sandbox();
    for (name, value) in [("TERM", "xterm"), ("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")] {
        let home = Home::at(&sandbox);
        let mut pi = home.pi(["login", "anthropic"]).env(name, value).start();
        let url = pi.authorize_url();
        assert!(parameter(&url, "redirect_uri").ends_with("/oauth/code/callback"));
        let (code, state) = code_page(&url);
        pi.write(&format!("{code}#{state}\n"));
        pi.finish().exits(0).says("Open this page in a browser to authorize:");
    }
}

#[test]
fn over_ssh_with_a_browser_helper_the_page_is_opened_and_the_code_is_pasted() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let login = home.pi(["login", "anthropic"]).env("SSH_CONNECTION", "a 1 b 22");
    let mut pi = login.browser(NOTES_URL).start();
    let (code, state) = code_page(&pi.authorize_url());
    pi.write(&format!("{code}#{state}\n"));
    pi.finish().exits(0);
    eventually("the browser", || home.path().join("opened").exists().then_some(()));
}

#[test]
fn a_browser_that_does_not_start_is_told_and_its_page_opened_by_hand_works() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", "anthropic"]).env("BROWSER", "/nonexistent/browser").start();
    let url = pi.hear("that no browser opened", |stderr| {
        let (_, after) = stderr.split_once("No browser could be opened.")?;
        Some(after.split_once("http")?.1.split_once('\n')?.0.to_owned())
    });
    let landing = robot::approve(&format!("http{url}")).unwrap();
    assert!(matches!(landing, Landing::Callback { status: 200, .. }), "{landing:?}");
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn the_end_of_input_cancels_a_paste_and_not_a_callback() {
    let sandbox = sandbox();
    for flag in ["--paste", "--no-browser"] {
        let home = Home::at(&sandbox);
        let ended = home.pi(["login", "anthropic", flag]).browser("exit 0").run();
        ended.exits(130).prints("").says("Cancelled.");
        assert!(!home.file().exists());
    }
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", "anthropic"]).browser("exit 0").start();
    pi.close_stdin();
    let url = pi.authorize_url();
    // Long enough for it to notice; nothing is wrong with it if it does not.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(pi.runs(), "{pi}");
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_paste_that_cannot_be_used_says_why_and_ends_as_bad_input() {
    let foreign = |_: &str| "somecode#another-login's-state".to_owned();
    type Paste = fn(&str) -> String;
    let pastes: [(Paste, &str); 5] = [
        (foreign, "That code belongs to another login attempt."),
        (|_| String::new(), "Nothing was pasted."),
        (|url| url.to_owned(), "That is the address of the page that asks for your consent."),
        (|_| "https://provider.invalid/".to_owned(), "That holds no authorization code."),
        (|_| "a".repeat(1 << 20), "That is far longer than an authorization code."),
    ];
    for (paste, why) in pastes {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
        let url = pi.authorize_url();
        pi.write(&(paste(&url) + "\n"));
        pi.finish().exits(1).prints("").says(why).says("Run `pi login` again.");

        let mut pi = home.pi(["login", "anthropic", "--no-browser", "--json"]).start();
        let url = pi.event("authorize")["url"].as_str().unwrap().to_owned();
        pi.write(&(paste(&url) + "\n"));
        let ended = pi.finish();
        ended.exits(1);
        let last = ended.events().pop().unwrap();
        assert_eq!((&last["type"], &last["error"]["code"]), (&json!("error"), &json!("bad_input")));
        assert!(last["error"]["message"].as_str().unwrap().contains(why), "{last}");

        assert_eq!(kinds(&sandbox), [], "nothing was sent");
        assert!(!home.file().exists());
    }
}

#[test]
fn after_a_wrong_paste_the_right_one_is_taken_and_five_wrong_ones_are_enough() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
    let url = pi.authorize_url();
    pi.write("wrong#state\n");
    pi.hear("that it was wrong", |stderr| stderr.find("belongs to another login attempt"));
    let (code, state) = code_page(&url);
    pi.write(&format!("{code}#{state}\n"));
    pi.finish().exits(0);

    let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
    pi.authorize_url();
    pi.write(&"wrong#state\n".repeat(5));
    // Its input is still open: it is the fifth that ends it.
    pi_auth_tests::pi::eventually("its end", || (!pi.runs()).then_some(()));
    pi.finish().exits(1);
}

#[test]
fn a_refusal_in_the_browser_is_told() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let robot = env!("CARGO_BIN_EXE_pi-auth-sandbox");
    let pi = home.pi(["login", "anthropic"]).browser(&format!("exec '{robot}' deny \"$1\""));
    let why = "The login to Anthropic (Claude Pro/Max) was refused in the browser.";
    pi.run().exits(1).prints("").says(why).says("Run `pi login anthropic` to try again.");

    let mut pi = home.pi(["login", "anthropic", "--no-browser"]).start();
    let url = Url::parse(&pi.authorize_url()).unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    pi.write("https://provider.invalid/cb?error=access_denied&state=x\n");
    pi.write(&format!("https://provider.invalid/cb?error=access_denied&state={state}\n"));
    pi.finish().exits(1).prints("").says("belongs to another login attempt").says(why);
    assert!(!home.file().exists());
}

#[test]
fn an_exchange_that_fails_says_what_to_do_and_stores_nothing() {
    let invalid_grant =
        || Fault::OauthError { error: "invalid_grant".to_owned(), description: String::new() };
    for (fault, code) in [
        (Fault::status(500), "retry_later"),
        (Fault::rate_limited(7), "retry_later"),
        (Fault::Html200, "retry_later"),
        (Fault::CutJson, "retry_later"),
        (Fault::Empty200, "retry_later"),
        (Fault::WrongTypes, "retry_later"),
        (Fault::Oversized, "network"),
        (Fault::Close, "network"),
        (Fault::DropAfterGrant, "network"),
        (Fault::Redirect { location: "https://elsewhere.invalid/".into() }, "provider_error"),
        (invalid_grant(), "expired"),
    ] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        sandbox.fail_next(fault.clone());
        let ended = log_in_by_paste(&home);
        ended.exits(1).prints("").says("did not take the authorization code").says("pi login");
        assert!(!home.file().exists(), "{fault:?}");

        sandbox.fail_next(fault.clone());
        let mut pi = home.pi(["login", "anthropic", "--no-browser", "--json"]).start();
        let url = pi.event("authorize")["url"].as_str().unwrap().to_owned();
        let (pasted, state) = code_page(&url);
        pi.write(&format!("{pasted}#{state}\n"));
        let ended = pi.finish();
        let last = ended.events().pop().unwrap();
        assert_eq!(last["error"]["code"], code, "{fault:?}: {ended}");
    }
}

#[test]
fn an_unwritable_place_is_found_before_the_person_is_sent_anywhere() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    // A directory where the lock file should be stops everybody, root included.
    home.write("oauth.json", "{}");
    std::fs::create_dir(home.agent_dir().join("auth.json.flock")).unwrap();
    let before = home.snapshot();
    let ended = home.pi(["login", "anthropic", "--no-browser"]).run();
    ended.exits(1).prints("").says("auth.json.flock");
    assert!(!ended.stderr.contains("http"), "{ended}");
    assert_eq!((home.snapshot(), kinds(&sandbox)), (before, Vec::new()));
}
