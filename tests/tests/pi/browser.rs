//! The browser that a login opens: what it is given, what it inherits, and that nobody waits for
//! it.

use std::fs;

use pi_auth_tests::loopback::Request;
use pi_auth_tests::pi::{Home, Pi, Terminal, eventually};
use pi_auth_tests::robot::{self, Landing};

use crate::login::{assert_logged_in, code_page, parameter};
use crate::sandbox;

/// Writes down its arguments and its environment, whole.
const NOTES: &str = "{ printf '%s\\n' \"$@\"; export -p; } > \"$HOME/noted.part\"; \
                     PATH=/bin:/usr/bin; mv \"$HOME/noted.part\" \"$HOME/noted\"";

/// Reads what such a browser has written down.
fn noted(home: &Home) -> String {
    eventually("the browser", || fs::read_to_string(home.path().join("noted")).ok())
}

/// The address that it was given.
fn given(home: &Home) -> String {
    noted(home).lines().next().unwrap().to_owned()
}

/// A login whose browser is the desktop's own.
fn on_a_desktop<'a>(home: &'a Home, script: &str) -> Pi<'a> {
    home.script("xdg-open", script);
    home.pi(["login", "anthropic"]).env("DISPLAY", ":0")
}

#[test]
fn no_argument_of_the_browser_holds_what_another_user_could_use() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut pi = on_a_desktop(&home, NOTES).start();
    let url = pi.authorize_url();
    let address = given(&home);
    for name in ["state", "code_challenge", "client_id"] {
        assert!(!noted(&home).contains(&parameter(&url, name)), "{name}: {address}");
    }
    // What is printed is the provider's address, and works as well.
    assert!(url.starts_with(sandbox.base_url()), "{url}");
    assert!(address.starts_with("http://localhost:"), "{address}");
    let landing = robot::approve(&address).unwrap();
    assert!(matches!(landing, Landing::Callback { status: 200, .. }), "{landing:?}");
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn the_one_time_address_leads_on_once_and_who_comes_second_is_told() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut pi = on_a_desktop(&home, NOTES).start();
    let url = pi.authorize_url();
    let address = given(&home);
    let first = Request::get(&address).send().unwrap();
    assert_eq!((first.status, first.header("location")), (303, Some(url.as_str())));
    assert_eq!(first.header("cache-control"), Some("no-store"));
    assert_eq!(first.header("referrer-policy"), Some("no-referrer"));
    let second = Request::get(&address).send().unwrap();
    assert_eq!((second.status, second.header("location")), (410, None));
    assert!(second.body.contains("stop the login in your terminal"), "{}", second.body);
    assert!(!second.body.contains(&parameter(&url, "state")));
    // Who was first goes on, and so does the login.
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn where_the_browser_may_run_elsewhere_it_is_given_the_providers_address() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    home.script("wslview", NOTES);
    let pi = home.pi(["login", "anthropic"]).env("WSL_DISTRO_NAME", "Debian");
    let mut in_wsl = pi.start();
    let url = in_wsl.authorize_url();
    assert_eq!(given(&home), url);
    robot::approve(&url).unwrap();
    in_wsl.finish().exits(0);

    let home = Home::at(&sandbox);
    let mut by_a_helper = home.pi(["login", "anthropic"]).browser(NOTES).start();
    let url = by_a_helper.authorize_url();
    assert_eq!(given(&home), url);
    robot::approve(&url).unwrap();
    by_a_helper.finish().exits(0);
}

#[test]
fn the_browser_inherits_no_key_no_token_and_no_password_and_keeps_the_rest() {
    let sandbox = sandbox();
    for device in [false, true] {
        let home = Home::at(&sandbox);
        home.script("xdg-open", NOTES);
        let provider = if device { "github-copilot" } else { "anthropic" };
        let secrets = [
            ("ANTHROPIC_API_KEY", "sk-ant-api03-browser-secret"),
            ("ANTHROPIC_OAUTH_TOKEN", "sk-ant-oat01-browser-secret"),
            ("COPILOT_GITHUB_TOKEN", "ghu_browser-secret"),
            ("GH_TOKEN", "browser-secret"),
            ("OPENAI_API_KEY", "browser-secret"),
            ("DATABASE_PASSWORD", "browser-secret"),
            ("SOMETHING", "ghp_browser-secret"),
            ("FTP_PROXY", "http://me:browser-secret@proxy:3128"),
        ];
        let kept =
            [("DISPLAY", ":0"), ("XAUTHORITY", "/x/auth"), ("DBUS_SESSION_BUS_ADDRESS", "d")];
        let pi = home.pi(["login", provider]);
        let pi = secrets.iter().chain(&kept).fold(pi, |pi, (name, value)| pi.env(name, value));
        let pi = pi.start();
        let noted = noted(&home);
        assert!(!noted.contains("browser-secret"), "{noted}");
        for (name, _) in secrets {
            assert!(!noted.contains(name), "{name}: {noted}");
        }
        for (name, _) in kept {
            assert!(noted.contains(name), "{name}: {noted}");
        }
        drop(pi);
    }
}

#[test]
fn a_text_browser_never_gets_the_terminal_and_the_prompt_comes() {
    let sandbox = sandbox();
    // It waits for keys, and says so on the terminal.
    let takes_over = "echo taken > \"$HOME/taken\"; exec cat /dev/tty";
    for (browser, starts) in [
        ("nosuch:w3m", false),
        (" w3m", false),
        ("netrik", false),
        ("w3m -T text/html %s", false),
        ("{bin}/w3m", false),
        ("\"{bin}/w3m\" %s", false),
        // One that nobody knows is started, but in the background.
        ("unheard-of-browser", true),
    ] {
        let home = Home::at(&sandbox);
        for name in ["w3m", "netrik", "unheard-of-browser"] {
            home.script(name, takes_over);
        }
        let browser = browser.replace("{bin}", home.bin().to_str().unwrap());
        let path = format!("{}:/bin:/usr/bin", home.bin().display());
        let variables = [("BROWSER", browser.as_str()), ("DISPLAY", ":0"), ("PATH", &path)];
        let mut terminal = Terminal::run(&home, &["login", "anthropic", "--paste"], &variables);
        let (code, state) = code_page(&terminal.authorize_url());
        terminal.see_prompt("Paste the authorization code here:");
        if starts {
            eventually("the browser", || home.path().join("taken").exists().then_some(()));
        }
        terminal.paste(&format!("{code}#{state}"));
        terminal.press("\r");
        terminal.exits(0);
        assert_logged_in(&home, &sandbox);
        assert_eq!(home.path().join("taken").exists(), starts, "{browser}");
    }
}

#[test]
fn a_browser_that_never_ends_is_not_awaited_before_the_prompt() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let script = "PATH=/bin:/usr/bin; exec sleep 60";
    home.script("slow", script);
    let path = home.bin().join("slow");
    let variables = [("BROWSER", path.to_str().unwrap()), ("DISPLAY", ":0")];
    let mut terminal = Terminal::run(&home, &["login", "anthropic", "--paste"], &variables);
    let (code, state) = code_page(&terminal.authorize_url());
    terminal.see_prompt("Paste the authorization code here:");
    terminal.paste(&format!("{code}#{state}"));
    terminal.press("\r");
    terminal.exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn a_browser_that_fails_later_is_told_and_the_prompt_comes_again() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let browser = home.script("failing", "exit 3");
    let browser = format!("/nonexistent/browser:{}", browser.display());
    let variables = [("BROWSER", browser.as_str()), ("DISPLAY", ":0")];
    let mut terminal = Terminal::run(&home, &["login", "anthropic", "--paste"], &variables);
    let (code, state) = code_page(&terminal.authorize_url());
    terminal.see("No browser could be opened.");
    terminal.see_prompt("Paste the authorization code here:");
    terminal.paste(&format!("{code}#{state}"));
    terminal.press("\r");
    terminal.exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn every_entry_of_browser_is_tried_until_one_works() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let failing = home.script("failing", "exit 3");
    let working = home.script("working", NOTES);
    let browser = format!("nosuch:w3m:{}:{}", failing.display(), working.display());
    let mut pi = home.pi(["login", "anthropic"]).env("BROWSER", browser).start();
    let url = pi.authorize_url();
    assert_eq!(given(&home), url);
    robot::approve(&url).unwrap();
    let ended = pi.finish();
    ended.exits(0);
    assert!(!ended.stderr.contains("No browser could be opened"), "{ended}");
}
