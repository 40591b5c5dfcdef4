//! Ways in: paste, callback, JSON; and what each mistake leads to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pi_auth_tests::pi::{Ended, Home, Running, eventually};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Fault, Kind, Sandbox};
use serde_json::{Value, json};
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
    let (code, state) = code_page(&pi.authorize_url());
    pi.write(&format!("{code}#{state}\n"));
    pi.finish()
}

/// Whether the stored login is one that the sandbox takes.
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
        let url = events(&mut pi, 1).remove(0)["url"].as_str().unwrap().to_owned();
        pi.write(&(paste(&url) + "\n"));
        let ended = pi.finish();
        ended.exits(1);
        let last: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
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
        let url = events(&mut pi, 1).remove(0)["url"].as_str().unwrap().to_owned();
        let (pasted, state) = code_page(&url);
        pi.write(&format!("{pasted}#{state}\n"));
        let ended = pi.finish();
        let last: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(last["error"]["code"], code, "{fault:?}: {ended}");
    }
}

#[test]
fn an_unwritable_place_is_found_before_the_person_is_sent_anywhere() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    // A directory where the lock file should be stops everybody, root included.
    home.write("oauth.json", "{}");
    std::fs::create_dir(home.agent_dir().join("oauth.json.flock")).unwrap();
    let before = home.snapshot();
    let ended = home.pi(["login", "anthropic", "--no-browser"]).run();
    ended.exits(1).prints("").says("oauth.json");
    assert!(!ended.stderr.contains("http"), "{ended}");
    assert_eq!((home.snapshot(), kinds(&sandbox)), (before, Vec::new()));
}

#[test]
fn wrong_words_are_a_usage_error_and_print_no_result() {
    let home = Home::new();
    for (arguments, why) in [
        (&["login"][..], "login needs a provider: pi login anthropic"),
        (&["login", "nobody"], "Use one of: anthropic, github-copilot."),
        (&["login", "--json"], "<PROVIDER>"),
        (&["login", "anthropic", "more"], "more"),
        (&["login", "--nonsense"], "--nonsense"),
        (&["logout"], "logout needs a provider: pi logout anthropic"),
        (&["logout", "nobody"], "Use one of: anthropic, github-copilot."),
        (&["logout", "anthropic", "--all"], "--all"),
        (&["status", "more"], "more"),
        (&["token"], "<PROVIDER>"),
        (&["token", "nobody"], "Use one of: anthropic, github-copilot."),
        (&["token", "anthropic", "--min-validity", "soon"], "--min-validity"),
        (&["token", "anthropic", "--min-validity", "-5m"], "-5"),
        (&["token", "anthropic", "--min-validity"], "--min-validity"),
        (&["completions", "cmd.exe"], "cmd.exe"),
    ] {
        home.pi(arguments).run().exits(2).prints("").says(why);
    }
    assert_eq!(home.names(), [""; 0], "nothing was made");
}

#[test]
fn help_is_a_result() {
    let home = Home::new();
    for (arguments, what) in [
        (&["login", "--help"][..], "--no-browser"),
        (&["logout", "-h"], "--all"),
        (&["token", "--help"], "--min-validity"),
        (&["status", "--help"], "--json"),
        (&["completions", "bash"], "complete"),
    ] {
        let ended = home.pi(arguments).run();
        ended.exits(0).is_quiet();
        assert!(ended.stdout.contains(what), "{ended}");
    }
}

#[test]
fn an_override_that_would_send_tokens_in_the_clear_is_refused_by_its_key() {
    let home = Home::new();
    for (json, key) in [
        (r#"{"anthropic":{"token_url":"http://example.com/t"}}"#, "anthropic.token_url"),
        (r#"{"anthropic":{"authorize_url":"http://example.com/"}}"#, "anthropic.authorize_url"),
        (r#"{"anthropic":{"redirect_uri":"javascript:alert(1)"}}"#, "anthropic.redirect_uri"),
        (r#"{"anthropic":{"tokenUrl":"https://example.com/"}}"#, "tokenUrl"),
        ("{", "JSON"),
    ] {
        home.override_providers(json);
        let ended = home.pi(["login", "anthropic", "--no-browser"]).run();
        ended.exits(1).prints("").says(key).says("providers.json");
    }
}

#[test]
fn an_overrides_file_that_was_named_must_be_there() {
    let sandbox = sandbox();
    let (home, stored) = Home::logged_in(&sandbox, pi_auth_tests::pi::Age::Expired);
    for arguments in [&["login", "anthropic"][..], &["token", "anthropic"], &["status"]] {
        let ended = home.pi(arguments).env("PI_AUTH_PROVIDERS", "/nonexistent").run();
        ended.exits(1).prints("").says("/nonexistent").says("there is no such file");
    }
    assert_eq!(home.refresh_token(), stored.refresh);
}

#[test]
fn overrides_are_read_from_the_agent_directory_where_no_variable_names_a_file() {
    let sandbox = sandbox();
    let home = Home::new();
    home.write("auth-providers.json", sandbox.providers_json());
    let login = home.pi(["login", "anthropic", "--no-browser"]).env_remove("PI_AUTH_PROVIDERS");
    let mut pi = login.start();
    assert!(pi.authorize_url().starts_with(sandbox.base_url()));
}

/// Waits for this many events of `--json`, progress not counted.
fn events(pi: &mut Running, count: usize) -> Vec<Value> {
    pi.read("events", |stdout| {
        let complete = &stdout[..stdout.rfind('\n')? + 1];
        let events = complete.lines().map(|line| serde_json::from_str(line).unwrap());
        let events: Vec<Value> =
            events.filter(|event: &Value| event["type"] != "progress").collect();
        (events.len() >= count).then_some(events)
    })
}

#[test]
fn json_is_one_event_a_line_with_questions_that_lines_answer() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    sandbox.change(|settings| settings.token_delay_ms = 1500);
    let mut pi = home.pi(["login", "anthropic", "--no-browser", "--json"]).start();
    let asked = events(&mut pi, 1).remove(0);
    let url = asked["url"].as_str().unwrap();
    assert_eq!(
        asked,
        json!({
            "type": "authorize",
            "url": url,
            "opens_browser": false,
            "callback": false,
            "message": "Open this page in a browser to authorize:",
            "prompt": "Paste the authorization code here:",
        })
    );
    pi.write("nonsense#state\n");
    let again = events(&mut pi, 2).remove(1);
    assert_eq!((&again["type"], &again["prompt"]), (&json!("rejected"), &asked["prompt"]));
    assert!(again["message"].as_str().unwrap().contains("another login"), "{again}");
    let (code, state) = code_page(url);
    pi.write(&format!("{code}#{state}\n"));
    let last = events(&mut pi, 3).remove(2);
    let ended = pi.finish();
    ended.exits(0).is_quiet();
    assert!(ended.stdout.contains("\"progress\""), "an exchange of over a second is told: {ended}");
    assert_eq!(
        last,
        json!({
            "type": "logged_in",
            "provider": { "id": "anthropic", "name": "Anthropic (Claude Pro/Max)" },
            "path": "~/.pi/agent/oauth.json",
            "notes": [],
        })
    );
    assert_logged_in(&home, &sandbox);
}

#[test]
fn json_tells_of_a_callback_and_of_the_end_of_input() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", "anthropic", "--json"]).browser("exit 0").start();
    pi.close_stdin();
    let asked = events(&mut pi, 1).remove(0);
    assert_eq!((&asked["callback"], &asked["opens_browser"]), (&json!(true), &json!(true)));
    robot::approve(asked["url"].as_str().unwrap()).unwrap();
    pi.finish().exits(0).is_quiet();

    let ended = home.pi(["login", "anthropic", "--paste", "--json"]).browser("exit 0").run();
    ended.exits(130).is_quiet();
    let last: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["type"], &last["error"]["code"]), (&json!("error"), &json!("cancelled")));
}
