//! Without the extension: what one of the two has stored, the other uses.

use pi_auth_tests::agent::{Agent, CLAUDE, Version, on, send_messages_to};
use pi_auth_tests::internet::Internet;
use pi_auth_tests::pi::{Age, Home};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::Kind;

use crate::{access, agent_home, answered, asked_with, only, sandbox};

/// Logs in by `pi`, which stores it where the agent looks only when it starts for the first time.
#[test]
fn what_pi_login_has_stored_the_agent_uses() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let mut login = home.pi(["login", "anthropic", "--no-browser"]).start();
        let Landing::Code(code) = robot::approve(&login.authorize_url()).unwrap() else {
            panic!("no code");
        };
        login.write(&format!("{code}\n"));
        login.finish().exits(0);
        let token = access(&home);
        assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);

        send_messages_to(&sandbox, &home);
        answered(&Agent::installed(version).ask(&home, CLAUDE, &[]).run());
        asked_with(&sandbox, &token);
        // The agent has taken the file over; `pi` goes along.
        assert!(home.file().ends_with("auth.json"));
        home.pi(["token", "anthropic"]).run().exits(0).prints(&format!("{token}\n"));
        assert_eq!(sandbox.grants(), 0);
    }
}

#[test]
fn what_the_agent_has_refreshed_pi_token_uses() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let internet = Internet::start(&sandbox).unwrap();
        let (home, old) = agent_home(&sandbox, Age::Expired);
        let agent = Agent::installed(version).ask(&home, CLAUDE, &[]);
        answered(&on(&internet, agent).run());
        let refresh = only(&sandbox, &Kind::Refreshed);
        assert!(!refresh.user_agent().unwrap_or_default().contains("pi-auth"), "{refresh:?}");
        let token = access(&home);
        assert_ne!(token, old.access);
        asked_with(&sandbox, &token);

        home.pi(["token", "anthropic"]).run().exits(0).prints(&format!("{token}\n"));
        assert_eq!(sandbox.grants(), 1);
    }
}

#[test]
fn what_pi_token_has_refreshed_the_agent_uses() {
    for version in Version::ALL {
        let sandbox = sandbox();
        let (home, _) = agent_home(&sandbox, Age::Expired);
        let token = home.pi(["token", "anthropic"]).run().exits(0).stdout.trim().to_owned();
        answered(&Agent::installed(version).ask(&home, CLAUDE, &[]).run());
        asked_with(&sandbox, &token);
        assert_eq!(sandbox.grants(), 1);
    }
}
