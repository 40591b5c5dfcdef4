//! Slips at the paste prompt: nothing is sent, and the code is asked for again.

use pi_auth_tests::pi::{Home, Running, Terminal};
use pi_auth_tests::sandbox::Kind;

use crate::login::{assert_logged_in, code_page};
use crate::{kinds, sandbox};

/// Pastes that cannot be a code of Anthropic's, and the answer to each.
const SLIPS: [(&str, &str); 8] = [
    ("123456", "That is not an authorization code of this provider."),
    ("correct-horse-battery", "That is not an authorization code of this provider."),
    ("Tr0ub4dor&3", "That is not an authorization code of this provider."),
    ("me@example.com", "That is an address without an authorization code."),
    ("claude.ai/settings", "That is an address without an authorization code."),
    ("sk-ant-oat01-0123456789abcdefABCDEF0123", "That is a token or an API key"),
    ("ghu_0123456789abcdefABCDEF0123", "That is a token or an API key"),
    ("y", "That holds no authorization code."),
];

/// Pastes that hold the code all the same.
type Shape = fn(&str, &str) -> String;
const SHAPES: [Shape; 5] = [
    |code, state| format!("localhost:53692/callback?code={code}&state={state}"),
    |code, state| format!("code: {code}#{state}"),
    |code, state| format!("{code}%23{state}"),
    |code, state| format!("GET /callback?code={code}&state={state} HTTP/1.1"),
    |code, state| {
        format!("It says http://localhost/callback?state={state}&code={code} . What now?")
    },
];

/// A login by paste, and its page.
fn begun(home: &Home, json: bool) -> (Running, String) {
    let json = if json { &["--json"][..] } else { &[] };
    let mut pi = home.pi([&["login", "anthropic", "--no-browser"], json].concat()).start();
    let url = match json {
        [] => pi.authorize_url(),
        _ => pi.event("authorize")["url"].as_str().unwrap().to_owned(),
    };
    (pi, url)
}

#[test]
fn what_cannot_be_a_code_is_asked_again_on_a_pipe_and_never_sent() {
    for json in [false, true] {
        for four in SLIPS.chunks(4) {
            let sandbox = sandbox();
            let home = Home::at(&sandbox);
            let (mut pi, url) = begun(&home, json);
            for (slip, why) in four {
                pi.write(&format!("{slip}\n"));
                match json {
                    true => drop(pi.read(why, |stdout| stdout.find(why))),
                    false => drop(pi.hear(why, |stderr| stderr.find(why))),
                }
            }
            let (code, state) = code_page(&url);
            pi.write(&format!("{code}#{state}\n"));
            pi.finish().exits(0);
            assert_logged_in(&home, &sandbox);
            let expected =
                [Kind::AuthorizePage, Kind::Approved, Kind::CodePage, Kind::CodeExchanged];
            assert_eq!(kinds(&sandbox), expected, "a slip was sent");
        }
    }
}

#[test]
fn what_cannot_be_a_code_is_asked_again_at_a_terminal() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut terminal = Terminal::run(&home, &["login", "anthropic", "--no-browser"], &[]);
    let (code, state) = code_page(&terminal.authorize_url());
    terminal.see_prompt("Paste the authorization code here:");
    for (slip, why) in &SLIPS[..4] {
        terminal.press(slip);
        terminal.press("\r");
        terminal.see_another_prompt("Paste the authorization code here:");
        terminal.see(why);
    }
    terminal.paste(&format!("{code}#{state}"));
    terminal.press("\r");
    terminal.exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn the_fifth_slip_ends_the_login_and_nothing_was_sent() {
    for json in [false, true] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let (mut pi, _) = begun(&home, json);
        pi.write(&"123456\n".repeat(5));
        // Its input is still open.
        pi_auth_tests::pi::eventually("its end", || (!pi.runs()).then_some(()));
        pi.finish().exits(1);
        assert_eq!(kinds(&sandbox), []);
    }
}

#[test]
fn a_code_is_found_wherever_it_stands() {
    for shape in SHAPES {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let (mut pi, url) = begun(&home, false);
        let (code, state) = code_page(&url);
        pi.write(&format!("{}\n", shape(&code, &state)));
        let ended = pi.finish();
        assert_eq!(ended.code(), Some(0), "{ended}");
        assert_logged_in(&home, &sandbox);
    }
}

#[test]
fn after_a_bare_code_that_is_unknown_the_right_one_is_taken() {
    for json in [false, true] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let (mut pi, url) = begun(&home, json);
        // As long and random as a code, such as a password of a manager.
        let unknown = "q5Lr8Zk2-VmX0_cT4bWnYh7Jd9sEoGuA1fPiRaKxB3M";
        let hear = |pi: &mut Running, why: &str| match json {
            true => pi.read(why, |stdout| stdout.find(why)),
            false => pi.hear(why, |stderr| stderr.find(why)),
        };
        pi.write(&format!("{unknown}\n"));
        hear(&mut pi, "Paste the whole code that the page shows.");
        pi.write(&format!("{unknown}\n"));
        hear(&mut pi, "a code works only once");
        let (code, _) = code_page(&url);
        pi.write(&format!("{code}\n"));
        pi.finish().exits(0);
        assert_logged_in(&home, &sandbox);
        let refused = |kind: &Kind| matches!(kind, Kind::Refused { .. });
        assert_eq!(kinds(&sandbox).iter().filter(|kind| refused(kind)).count(), 1, "sent once");
    }
}
