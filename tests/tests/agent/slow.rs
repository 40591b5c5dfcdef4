//! A provider that answers a refresh later than the agent waits for it.
//!
//! Agent 1.6.0 waits 15 s, then sends the same refresh token again.

use std::time::{Duration, Instant};

use pi_auth_tests::agent::{Agent, CLAUDE, Version, extension, on};
use pi_auth_tests::internet::Internet;
use pi_auth_tests::pi::{Age, eventually};
use pi_auth_tests::sandbox::{Kind, Sandbox};

use crate::{access, agent_home, answered, asked_with, sandbox, start};

/// The time that an agent gives a refresh.
const AGENT_WAITS: Duration = Duration::from_secs(15);

/// Waits until the provider has granted a refresh. Its answer may be held back.
#[track_caller]
fn granted(sandbox: &Sandbox) {
    eventually("a refresh is granted", || (sandbox.grants() == 1).then_some(()));
}

/// Tells whether the provider has revoked a login because its refresh token came twice.
fn reused(sandbox: &Sandbox) -> bool {
    sandbox.log().iter().any(|it| matches!(it.kind, Kind::Revoked { .. }))
}

/// The second request of the agent alone is the signal to release the answer of the other: by then
/// both have been held back for longer than an agent waits.
#[test]
fn an_answer_after_18_s_logs_out_the_agent_alone_and_is_stored_with_the_extension() {
    let agent = Agent::installed(Version::V1_6_0);

    let kept = sandbox();
    let (kept_home, kept_old) = agent_home(&kept, Age::Expired);
    kept.keep_answers_back();
    let extended = start(agent.ask(&kept_home, CLAUDE, &["-e", extension()]));
    granted(&kept);
    let began = Instant::now();
    let native = kept_home.pi(["token", "anthropic"]).start();

    let lost = sandbox();
    let internet = Internet::start(&lost).unwrap();
    let (lost_home, lost_old) = agent_home(&lost, Age::Expired);
    lost.keep_answers_back();
    let alone = start(on(&internet, agent.ask(&lost_home, CLAUDE, &[])));
    granted(&lost);
    // The retry is the agent's own.
    eventually("the agent gives up and sends the old token again", || reused(&lost).then_some(()));
    assert!(began.elapsed() >= AGENT_WAITS, "{:?}", lost.log());
    kept.let_answers_go();
    lost.let_answers_go();

    // With the extension, the agent stores the answer, and `pi`, which waited for the lock, uses
    // it.
    answered(&extended.finish());
    let token = access(&kept_home);
    assert_ne!(token, kept_old.access);
    native.finish().exits(0).prints(&format!("{token}\n"));
    asked_with(&kept, &token);
    assert!(kept.is_valid_refresh(&kept_home.refresh_token()));
    assert_eq!(kept.grants(), 1, "{:?}", kept.log());

    // Without it, the agent still has the old refresh token, and the provider has revoked the
    // login.
    let ended = alone.finish();
    assert_ne!(ended.code(), Some(0), "{ended}");
    assert_eq!(lost_home.refresh_token(), lost_old.refresh);
    assert!(!lost.is_valid_refresh(&lost_old.refresh));
    lost_home.pi(["token", "anthropic"]).run().exits(4);
}
