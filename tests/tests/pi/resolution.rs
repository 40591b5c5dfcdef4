//! Which key wins.

use pi_auth_tests::pi::{Age, Home};
use pi_auth_tests::sandbox::{Fault, Sandbox};
use serde_json::{Value, json};

use crate::sandbox;

/// Names and values.
type Variables = &'static [(&'static str, &'static str)];

const STORED_KEY: &str = "sk-ant-api03-stored";
const OAUTH: (&str, &str) = ("ANTHROPIC_OAUTH_TOKEN", "sk-ant-oat01-variable");
const API_KEY: (&str, &str) = ("ANTHROPIC_API_KEY", "sk-ant-api03-variable");
const PREFER_ENV: (&str, &str) = ("PI_AUTH_PREFER", "env");
const PREFER_STORE: (&str, &str) = ("PI_AUTH_PREFER", "store");
const NONSENSE: (&str, &str) = ("PI_AUTH_PREFER", "nonsense");
const EMPTY_OAUTH: (&str, &str) = ("ANTHROPIC_OAUTH_TOKEN", "");

/// What is stored for Anthropic.
#[derive(Debug, Clone, Copy)]
enum Stored {
    Nothing,
    FreshLogin,
    /// Its refresh works.
    ExpiredLogin,
    /// Its refresh is refused for good.
    DeadLogin,
    /// Its refresh fails for now.
    UnluckyLogin,
    /// It has no refresh token.
    EndedLogin,
    ApiKey,
    /// An entry of a type that nobody knows.
    Unknown,
}

/// What `pi token` comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wins {
    /// The stored login's access token, refreshed if need be.
    Login,
    StoredKey,
    Variable((&'static str, &'static str)),
    /// None, with this exit code.
    Nobody(i32),
}

fn home(sandbox: &Sandbox, stored: Stored) -> Home {
    let logged_in = |age| Home::logged_in(sandbox, age).0;
    let with = |entry: Value| {
        let home = Home::at(sandbox);
        home.write("auth.json", json!({ "anthropic": entry }).to_string());
        home
    };
    match stored {
        Stored::Nothing => Home::at(sandbox),
        Stored::FreshLogin => logged_in(Age::Fresh),
        Stored::ExpiredLogin => logged_in(Age::Expired),
        Stored::DeadLogin => {
            let home = logged_in(Age::Expired);
            sandbox.revoke_all();
            home
        }
        Stored::UnluckyLogin => {
            let home = logged_in(Age::Expired);
            sandbox.fail_next(Fault::status(503));
            home
        }
        Stored::EndedLogin => with(json!({ "type": "oauth", "access": "sk-ant-oat01-x" })),
        Stored::ApiKey => with(json!({ "type": "api_key", "key": STORED_KEY })),
        Stored::Unknown => with(json!({ "type": "something-new", "key": STORED_KEY })),
    }
}

#[test]
fn the_stored_credential_then_the_oauth_variable_then_the_api_key() {
    use Stored::*;
    use Wins::*;
    let both: Variables = &[OAUTH, API_KEY];
    let table: &[(Stored, Variables, Wins)] = &[
        (FreshLogin, &[], Login),
        (FreshLogin, both, Login),
        (ExpiredLogin, both, Login),
        (ApiKey, &[], StoredKey),
        (ApiKey, both, StoredKey),
        (Nothing, both, Variable(OAUTH)),
        (Nothing, &[OAUTH], Variable(OAUTH)),
        (Nothing, &[API_KEY], Variable(API_KEY)),
        (Nothing, &[EMPTY_OAUTH, API_KEY], Variable(API_KEY)),
        (Nothing, &[EMPTY_OAUTH], Nobody(4)),
        (Nothing, &[], Nobody(4)),
        (Unknown, &[], Nobody(4)),
        (Unknown, &[API_KEY], Variable(API_KEY)),
        // A stored login that cannot be refreshed is never a silent switch to a paid key.
        (DeadLogin, both, Nobody(4)),
        (DeadLogin, &[API_KEY], Nobody(4)),
        (UnluckyLogin, both, Nobody(1)),
        (UnluckyLogin, &[API_KEY], Nobody(1)),
        (EndedLogin, both, Nobody(4)),
        // The preference lifts the OAuth variable, and nothing else.
        (FreshLogin, &[PREFER_ENV, OAUTH, API_KEY], Variable(OAUTH)),
        (FreshLogin, &[PREFER_ENV, API_KEY], Login),
        (ExpiredLogin, &[PREFER_ENV, API_KEY], Login),
        (DeadLogin, &[PREFER_ENV, OAUTH, API_KEY], Variable(OAUTH)),
        (DeadLogin, &[PREFER_ENV, API_KEY], Nobody(4)),
        (ApiKey, &[PREFER_ENV, OAUTH, API_KEY], Variable(OAUTH)),
        (ApiKey, &[PREFER_ENV, API_KEY], StoredKey),
        (Nothing, &[PREFER_ENV, API_KEY], Variable(API_KEY)),
        (FreshLogin, &[PREFER_STORE, OAUTH, API_KEY], Login),
        (FreshLogin, &[("PI_AUTH_PREFER", ""), OAUTH, API_KEY], Login),
        (FreshLogin, &[NONSENSE], Nobody(1)),
        (FreshLogin, &[NONSENSE, OAUTH, API_KEY], Nobody(1)),
        (Nothing, &[NONSENSE, API_KEY], Nobody(1)),
    ];
    for (stored, variables, wins) in table {
        let case = format!("{stored:?} with {variables:?}");
        let sandbox = sandbox();
        let home = home(&sandbox, *stored);
        let with_variables = |arguments: &[&str]| {
            variables.iter().fold(home.pi(arguments), |pi, (name, value)| pi.env(name, value))
        };

        // What wins is told before it is used, and telling changes nothing.
        let before = home.snapshot();
        let told = with_variables(&["status", "--json"]).run();
        assert_eq!(home.snapshot(), before, "{case}");
        assert!(sandbox.log().is_empty(), "{case}");
        if variables.contains(&NONSENSE) {
            told.exits(1).prints("").says("PI_AUTH_PREFER is `nonsense`");
        } else {
            let status: Value = serde_json::from_str(&told.stdout).unwrap();
            let active = active(&status);
            match (wins, stored) {
                (Login, _) => assert_eq!(active, [("oauth".into(), json!("stored"))], "{case}"),
                (StoredKey, _) => {
                    assert_eq!(active, [("api_key".into(), json!("stored"))], "{case}");
                }
                (Variable((name, _)), _) => {
                    let kind = if *name == OAUTH.0 { "oauth" } else { "api_key" };
                    assert_eq!(active, [(kind.into(), json!({ "variable": name }))], "{case}");
                }
                // It is the login that counts, though it does not work.
                (Nobody(_), DeadLogin | UnluckyLogin | EndedLogin) => {
                    assert_eq!(active, [("oauth".into(), json!("stored"))], "{case}");
                }
                (Nobody(_), _) => assert_eq!(active, [], "{case}"),
            }
            // That a refresh will be refused, nobody knows beforehand.
            let unusable = matches!((wins, stored), (Nobody(_), Nothing | Unknown | EndedLogin));
            assert_eq!(told.code(), Some(if unusable { 4 } else { 0 }), "{case}: {told}");
        }

        let ended = with_variables(&["token", "anthropic"]).run();
        match wins {
            Login => {
                let access = home.entry("anthropic")["access"].as_str().unwrap().to_owned();
                assert_eq!(ended.stdout, format!("{access}\n"), "{case}: {ended}");
                assert!(sandbox.is_valid_access(&access), "{case}");
            }
            StoredKey => assert_eq!(ended.stdout, format!("{STORED_KEY}\n"), "{case}: {ended}"),
            Variable((_, value)) => {
                assert_eq!(ended.stdout, format!("{value}\n"), "{case}: {ended}")
            }
            Nobody(_) => assert!(ended.stdout.is_empty() && !ended.stderr.is_empty(), "{case}"),
        }
        let code = if let Nobody(code) = wins { *code } else { 0 };
        assert_eq!(ended.code(), Some(code), "{case}: {ended}");
    }
}

/// The kind and the source of every key that `status --json` calls active.
fn active(status: &Value) -> Vec<(String, Value)> {
    let keys = status["keys"].as_array().unwrap().iter();
    let active = keys.filter(|key| key["active"] == true);
    active.map(|key| (key["kind"].as_str().unwrap().to_owned(), key["source"].clone())).collect()
}

#[test]
fn a_stored_api_key_may_name_a_variable_and_is_never_run() {
    let home = Home::new();
    let store = |key: &str| {
        let entry = json!({ "type": "api_key", "key": key });
        home.write("auth.json", json!({ "anthropic": entry }).to_string());
    };
    store("MY_KEY");
    let with_variable = home.pi(["token", "anthropic"]).env("MY_KEY", "sk-ant-api03-mine").run();
    with_variable.exits(0).prints("sk-ant-api03-mine\n").is_quiet();
    home.pi(["token", "anthropic"]).run().exits(0).prints("MY_KEY\n").is_quiet();
    store("!touch ran");
    let refused = home.pi(["token", "anthropic"]).env("PATH", "/usr/bin:/bin").run();
    refused.exits(1).prints("").says("a command, which is run only by the agent");
    assert!(!home.path().join("ran").exists());
}

#[test]
fn variables_of_anthropic_are_no_keys_of_others() {
    let home = Home::new();
    let ended =
        home.pi(["token", "github-copilot"]).env(OAUTH.0, OAUTH.1).env(API_KEY.0, API_KEY.1);
    ended.run().exits(4).prints("").says("set COPILOT_GITHUB_TOKEN");
}
