//! With the extension: the agent's refreshes are the core's.

use pi_auth_tests::agent::{Agent, CLAUDE, Version, extension};
use pi_auth_tests::pi::{Age, Ended, Home};
use pi_auth_tests::sandbox::{Endpoint, Fault, Kind};

use crate::{access, agent_home, answered, asked_with, only, sandbox};

/// The agent with the extension.
pub(crate) fn ask(version: Version, home: &Home) -> Ended {
    Agent::installed(version).ask(home, CLAUDE, &["-e", extension()]).run()
}

#[test]
fn an_expired_login_is_refreshed_by_the_core_and_stored_by_the_agent() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, old) = agent_home(&sandbox, Age::Expired);
        answered(&ask(version, &home));
        let refresh = only(&sandbox, &Kind::Refreshed);
        assert_eq!(
            refresh.user_agent(),
            Some(concat!("pi-auth/", env!("CARGO_PKG_VERSION"))),
            "the core's own request"
        );
        let token = access(&home);
        assert_ne!(token, old.access);
        assert!(sandbox.is_valid_access(&token));
        assert!(sandbox.is_valid_refresh(&home.refresh_token()));
        asked_with(&sandbox, &token);
        // And a fresh one is left alone.
        answered(&ask(version, &home));
        assert_eq!(sandbox.grants(), 1);
        home.pi(["token", "anthropic"]).run().exits(0).prints(&format!("{token}\n"));
    }
}

/// Agents since 1.0 want a token that is good for ten minutes, of which the file knows five.
#[test]
fn a_login_that_only_the_agent_calls_old_is_refreshed_all_the_same() {
    let sandbox = sandbox();
    let (home, old) = agent_home(&sandbox, Age::Fresh);
    let mut document: serde_json::Value = serde_json::from_str(&home.contents()).unwrap();
    document["anthropic"]["expires"] = (pi_auth_tests::pi::now_ms() + 120_000).into();
    home.write("auth.json", document.to_string());
    home.pi(["token", "anthropic"]).run().exits(0).prints(&format!("{}\n", old.access));
    answered(&ask(Version::V1_6_0, &home));
    assert_eq!(sandbox.grants(), 1);
    asked_with(&sandbox, &access(&home));
}

#[test]
fn a_token_that_is_still_valid_outlasts_a_provider_in_trouble() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, old) = agent_home(&sandbox, Age::Due);
        sandbox.fail_next_at(Endpoint::Token, [Fault::rate_limited(60), Fault::status(503)]);
        answered(&ask(version, &home));
        asked_with(&sandbox, &old.access);
        // What the provider said is remembered for everybody, the next agent and `pi` included.
        answered(&ask(version, &home));
        home.pi(["token", "anthropic"]).run().exits(0).prints(&format!("{}\n", old.access));
        assert_eq!(sandbox.pending_faults().len(), 1, "{:?}", sandbox.log());
        assert_eq!(home.refresh_token(), old.refresh);
    }
}

#[test]
fn a_login_that_was_revoked_stays_in_the_file_and_the_agent_says_so() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, old) = agent_home(&sandbox, Age::Expired);
        sandbox.revoke(&old.refresh);
        let before = home.contents();
        let ended = ask(version, &home);
        assert_ne!(ended.code(), Some(0), "{ended}");
        assert_eq!(home.contents(), before, "{ended}");
    }
}
