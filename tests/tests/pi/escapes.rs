//! Whatever may come from elsewhere tries to act on a terminal: at one, behind a pipe, and in
//! `--json`.

use std::path::PathBuf;

use pi_auth_tests::pi::{Age, Home, Terminal};
use pi_auth_tests::sandbox::{Endpoint, Fault, Model, Policy, Sandbox};
use pi_auth_tests::wire::{Script, Wire};
use serde_json::{Value, json};

use crate::copilot::{COPILOT, GITHUB, entry, person, quick};

/// What acts on a terminal, or on whoever reads it: the title, a link, the clipboard, a device's
/// answer, the screen, colours that this program does not use, the same in C1, single characters,
/// the order, and what nobody sees: joiners, fillers, variation selectors, tags.
const ACTS: [&str; 22] = [
    "\u{1b}]0;owned\u{7}",
    "\u{1b}]8;;http://evil.invalid\u{1b}\\",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{1b}P1$r0m\u{1b}\\",
    "\u{1b}[2J",
    "\u{1b}[?1049h",
    "\u{1b}[7;35m",
    "\u{1b}c",
    "\u{9b}7;35m",
    "\u{9d}0;owned\u{9c}",
    "\u{90}q\u{9c}",
    "\u{8}\u{7f}\u{b}\u{c}",
    "\r\n",
    "\u{202e}\u{2066}",
    "\u{200f}\u{61c}",
    "\u{2028}\u{85}",
    "\u{ad}\u{34f}\u{180e}",
    "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
    "\u{115f}\u{3164}\u{ffa0}",
    "\u{2800}",
    "\u{fe0f}\u{e0100}",
    "\u{e0001}\u{e0065}\u{e007f}",
];

/// All of them, in front of what would make a line of its own, and of a text that is too long.
fn evil() -> String {
    format!("owned{}✓ Successfully {}", ACTS.concat(), "and on ".repeat(10_000))
}

/// The same within what a path may be.
fn evil_name() -> String {
    format!("owned{}✓ Successfully", ACTS.concat().replace('/', ""))
}

/// How much is said at most, in bytes, to a person who was sent a text of 70 kB.
const MOST_SAID: usize = 8_000;

/// A command line that is told something evil.
struct Case {
    home: Home,
    words: Vec<&'static str>,
    variables: Vec<(&'static str, String)>,
    /// What is typed once a code is asked for.
    types: &'static str,
    code: u8,
    /// True if the evil's first word is shown; else it was refused altogether.
    shows: bool,
    _wire: Option<Wire>,
}

impl Case {
    fn new(home: Home, words: &[&'static str], code: u8) -> Self {
        let (words, variables) = (words.to_vec(), Vec::new());
        Self { home, words, variables, types: "", code, shows: true, _wire: None }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.variables.push((name, value));
        self
    }
}

type Place = (&'static str, fn(&Sandbox) -> Case);

const PLACES: [Place; 21] = [
    ("the words of a refused refresh", |sandbox| {
        let (home, _) = Home::logged_in(sandbox, Age::Expired);
        sandbox.fail_next(oauth());
        Case::new(home, &["token", "anthropic"], 1)
    }),
    ("the same in a note", |sandbox| {
        let (home, _) = Home::logged_in(sandbox, Age::Due);
        sandbox.fail_next(oauth());
        Case::new(home, &["headers", "anthropic"], 0)
    }),
    ("the same in the words of Anthropic's API", |sandbox| {
        let (home, _) = Home::logged_in(sandbox, Age::Expired);
        let error = json!({ "error": { "type": evil(), "message": evil() } });
        sandbox.fail_next(answer(400, &error));
        Case::new(home, &["token", "anthropic"], 1)
    }),
    ("the words of a refused exchange", |sandbox| {
        sandbox.fail_next(oauth());
        let case = Case::new(Home::at(sandbox), &["login", "anthropic", "--no-browser"], 1);
        Case { types: "Some-Code_that-is-as-long-as-codes-are", ..case }
    }),
    ("the words of a refused device", |sandbox| {
        sandbox.fail_next_at(Endpoint::DeviceAuthorization, [oauth()]);
        Case::new(Home::at(sandbox), &["login", COPILOT, "--enterprise", ""], 1)
    }),
    ("a user code", |sandbox| {
        let code = format!("owned{}", ACTS[7..].concat());
        sandbox.fail_next_at(Endpoint::DeviceAuthorization, [device(&code, "https://h.example/")]);
        sandbox.fail_next_at(Endpoint::DevicePoll, [Fault::github_error("access_denied")]);
        Case::new(Home::at(sandbox), &["login", COPILOT, "--enterprise", ""], 1)
    }),
    ("a page for the code", |sandbox| {
        let page = format!("https://h.example/{}", evil());
        sandbox.fail_next_at(Endpoint::DeviceAuthorization, [device("ABCD", &page)]);
        let case = Case::new(Home::at(sandbox), &["login", COPILOT, "--enterprise", ""], 1);
        Case { shows: false, ..case }
    }),
    ("the words of a refused poll", |sandbox| {
        let home = Home::at(sandbox);
        sandbox.fail_next_at(Endpoint::DevicePoll, [oauth()]);
        Case::new(home, &["login", COPILOT, "--enterprise", ""], 1)
    }),
    ("why there is no Copilot", |sandbox| {
        let home = copilot(sandbox, None);
        let error = json!({ "error_details": { "message": evil() } });
        sandbox.fail_next_at(Endpoint::CopilotToken, [answer(403, &error)]);
        Case::new(home, &["token", COPILOT], 1)
    }),
    ("models and what is said of them", |sandbox| {
        let model = |id: String| {
            let (name, policy) = (evil(), Some(Policy::Unconfigured));
            Model { id, name, model_picker_enabled: true, policy, tool_calls: true }
        };
        sandbox.change(|settings| {
            settings.github.models = vec![model(evil()), model("plain".to_owned())];
        });
        sandbox.fail_next_at(Endpoint::Policy, [answer(403, &json!({ "message": evil() }))]);
        let home = Home::at(sandbox);
        let browser = home.script("browser", &person("approve")).display().to_string();
        let case = Case::new(home, &["login", COPILOT, "--enterprise", ""], 0);
        Case { shows: false, ..case }.with("BROWSER", browser)
    }),
    ("the Enterprise of a stored login", |sandbox| {
        Case::new(copilot(sandbox, Some(evil())), &["token", COPILOT], 1)
    }),
    ("the issuer that metadata name", |sandbox| discovering(sandbox, &json!({ "issuer": evil() }))),
    ("an endpoint of metadata", |sandbox| {
        let case = |wire: &Wire| json!({ "issuer": wire.url(), "token_endpoint": evil() });
        let case = discovered(sandbox, case);
        Case { shows: false, ..case }
    }),
    ("what an issuer says instead of metadata", |sandbox| {
        discovering(sandbox, &json!({ "error": evil(), "error_description": evil() }))
    }),
    ("the issuer that an answer names", |sandbox| {
        let home = Home::new();
        let url = |path: &str| format!("{}/{path}", sandbox.base_url());
        let acme = json!({
            "flow": "authorization_code", "client_id": "c", "issuer": "https://acme.example",
            "authorize_url": url("a"), "token_url": url("t"), "revocation_url": url("r"),
        });
        home.override_providers(&json!({ "acme": acme }).to_string());
        let case = Case::new(home, &["login", "acme", "--no-browser"], 1);
        Case {
            types: "http://127.0.0.1/callback?code=c&iss=owned%1b]0%3bx%07%c2%9b2J%e2%80%ae",
            ..case
        }
    }),
    ("the name of a provider", |sandbox| {
        let (home, _) = Home::logged_in(sandbox, Age::Fresh);
        let mut providers: Value = serde_json::from_str(&sandbox.providers_json()).unwrap();
        providers["anthropic"]["name"] = evil_name().into();
        home.override_providers(&providers.to_string());
        Case::new(home, &["status"], 0)
    }),
    ("a key of the override file", |_| {
        let home = Home::new();
        // The file itself may be no longer than 64 KiB.
        let key: String = evil().chars().take(30_000).collect();
        home.override_providers(&json!({ "anthropic": { key: 1 } }).to_string());
        Case::new(home, &["login", "anthropic", "--no-browser"], 1)
    }),
    ("the path of the override file", |_| {
        let path = format!("/nonexistent/{}", evil_name());
        Case::new(Home::new(), &["login", "anthropic", "--no-browser"], 1)
            .with("PI_AUTH_PROVIDERS", path)
    }),
    ("the path of a file that is none", |_| {
        let (home, directory) = elsewhere();
        std::fs::write(directory.join("auth.json"), "nonsense").unwrap();
        let directory = directory.display().to_string();
        Case::new(home, &["token", "anthropic"], 1).with("PI_CODING_AGENT_DIR", directory)
    }),
    ("a key in a variable", |_| {
        let case = Case::new(Home::new(), &["token", "anthropic"], 1);
        Case { shows: false, ..case }.with("ANTHROPIC_API_KEY", evil())
    }),
    ("the memory of a refresh that failed", |sandbox| {
        let (home, _) = Home::logged_in(sandbox, Age::Expired);
        let refused =
            Fault::OauthError { error: "invalid_grant".into(), description: "words".into() };
        sandbox.fail_next(refused);
        home.pi(["token", "anthropic"]).run().exits(4).says("words");
        let name = "auth.json.backoff";
        let memory = std::fs::read_to_string(home.agent_dir().join(name)).unwrap();
        let words = json!(evil()).to_string();
        assert!(!memory.contains("words"), "{memory}");
        let planted = memory.replace("\"invalid_grant\"", &words);
        assert_ne!(memory, planted);
        home.write(name, planted);
        // It is no memory then, and the next request is answered.
        Case { shows: false, ..Case::new(home, &["token", "anthropic"], 0) }
    }),
];

fn oauth() -> Fault {
    Fault::OauthError { error: evil(), description: evil() }
}

fn answer(code: u16, body: &Value) -> Fault {
    Fault::Status { code, headers: Default::default(), body: body.to_string() }
}

fn device(user_code: &str, page: &str) -> Fault {
    let body = json!({
        "device_code": "d", "user_code": user_code, "verification_uri": page, "interval": 1,
        "verification_uri_complete": format!("{page}?{}", evil()), "expires_in": 900,
    });
    answer(200, &body)
}

/// A home with a login of Copilot's that has expired.
fn copilot(sandbox: &Sandbox, enterprise: Option<String>) -> Home {
    let mut login = entry(&sandbox.issue_copilot(GITHUB), Age::Expired.expires());
    if let Some(domain) = enterprise {
        login["enterpriseUrl"] = domain.into();
    }
    let home = Home::at(sandbox);
    home.write("oauth.json", json!({ COPILOT: login }).to_string());
    home
}

/// A refresh whose issuer answers with this.
fn discovering(sandbox: &Sandbox, metadata: &Value) -> Case {
    discovered(sandbox, |_| metadata.clone())
}

fn discovered(sandbox: &Sandbox, metadata: impl Fn(&Wire) -> Value) -> Case {
    let wire = Wire::before(sandbox);
    wire.meet("", Script::json(&metadata(&wire)));
    let acme = json!({ "flow": "authorization_code", "client_id": "c", "issuer": wire.url() });
    let home = Home::new();
    home.override_providers(&json!({ "acme": acme }).to_string());
    let login = json!({ "type": "oauth", "refresh": "r", "access": "a", "expires": 1 });
    home.write("oauth.json", json!({ "acme": login }).to_string());
    Case { _wire: Some(wire), ..Case::new(home, &["token", "acme"], 1) }
}

/// A home with an agent's directory whose name is evil.
fn elsewhere() -> (Home, PathBuf) {
    let home = Home::new();
    let directory = home.path().join(evil_name());
    std::fs::create_dir(&directory).unwrap();
    (home, directory)
}

/// At most as much as can be read, and no line that this program did not mean.
#[track_caller]
fn assert_modest(place: &str, said: &str) {
    assert!(said.len() < MOST_SAID, "{place}: {} bytes", said.len());
    let forged = said.lines().any(|line| line.trim_start().starts_with("✓ Successfully and"));
    assert!(!forged, "{place}: a line of its own: {said}");
}

#[test]
fn nothing_from_elsewhere_acts_on_a_terminal() {
    for (place, prepare) in PLACES {
        let sandbox = quick();
        let case = prepare(&sandbox);
        let variables: Vec<(&str, &str)> =
            case.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut terminal = Terminal::run(&case.home, &case.words, &variables);
        if !case.types.is_empty() {
            terminal.see_prompt("here:");
            terminal.paste(case.types);
            terminal.press("\r");
        }
        terminal.exits(case.code.into());
        let bytes = terminal.bytes();
        // The end of a line is this program's own; what it must not be is the start of another's.
        for act in ACTS.iter().filter(|act| **act != "\r\n") {
            assert!(!bytes.contains(act), "{place}: {act:?} in {bytes:?}");
        }
        for c in act_characters() {
            assert!(!bytes.contains(c), "{place}: {c:?} in {bytes:?}");
        }
        assert_modest(place, &bytes);
        assert_eq!(bytes.contains("owned"), case.shows, "{place}: {bytes:?}");
    }
}

/// What this program never writes, whatever it means.
fn act_characters() -> Vec<char> {
    let ours = |c: &char| matches!(c, '\u{1b}' | '\r' | '\n' | '\\' | ' '..='~');
    let mut all: Vec<char> = ACTS.concat().chars().filter(|c| !ours(c)).collect();
    all.dedup();
    all
}

#[test]
fn nothing_from_elsewhere_gets_past_a_pipe_that_may_lead_to_one() {
    for (place, prepare) in PLACES {
        for json in [false, true] {
            let sandbox = quick();
            let Case { home, words, variables, types, code, shows, _wire } = prepare(&sandbox);
            let mut all = words.clone();
            match words[0] {
                "login" | "status" | "headers" if json => all.push("--json"),
                _ if json => continue,
                _ => {}
            }
            let pi = variables.iter().fold(home.pi(all), |pi, (name, value)| pi.env(name, value));
            // Every run is searched for control characters when it ends.
            let ended = match types {
                "" => pi.run(),
                types => pi.run_with(&format!("{types}\n")),
            };
            assert_eq!(ended.code(), Some(code.into()), "{place}: {ended}");
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert_modest(place, &said);
            // For a program, a name is what stands in the file.
            assert_eq!(said.contains("owned"), shows, "{place}: {ended}");
        }
    }
}
