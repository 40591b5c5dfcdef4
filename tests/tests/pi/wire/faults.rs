//! Every request meets every answer that is none: what is transient and what is not are told apart,
//! and no login is lost.

use pi_auth_tests::wire::Script;

use super::answers::{self, Means};
use super::jobs::{self, Job};

/// How many wait for their ends at once: some of them spend their time waiting to ask again.
const AT_ONCE: usize = 24;

/// How much is sent to a client that reads no more than 1 MiB: what its socket and the server's
/// hold, beside that.
const MOST_SENT: u64 = 24 << 20;

#[track_caller]
fn meets_every_answer(job: Job) {
    let sandbox = jobs::sandbox();
    for lot in answers::all().chunks(AT_ONCE) {
        let jobs: Vec<_> = lot
            .iter()
            .map(|it| job.start(&sandbox, &it.name, it.means, it.script.clone()))
            .collect();
        for job in jobs {
            let (wire, ended) = job.ends();
            assert!(wire.sent() < MOST_SENT, "{} bytes: {ended}", wire.sent());
        }
    }
}

#[test]
fn no_server_that_repeats_the_secrets_it_was_sent_is_repeated() {
    let mut redacted = Vec::new();
    for job in jobs::ALL {
        let sandbox = jobs::sandbox();
        let repeats = [200, 400, 401, 403, 404].map(|status| {
            job.start(&sandbox, "repeats", Means::Refused(status), Script::repeating(status))
        });
        let ended = repeats.map(|job| job.ends_somehow());
        if ended.iter().any(|ended| ended.stderr.contains("you sent [REDACTED]")) {
            redacted.push(job.name);
        }
    }
    // Of the others, two send no secret, and one shows no words.
    let expected = ["refresh", "exchange", "poll", "Copilot's token", "models", "revocation"];
    assert_eq!(redacted, expected);
}

#[test]
fn a_refresh_keeps_the_login_and_says_when_to_try_again() {
    meets_every_answer(jobs::REFRESH);
}

#[test]
fn an_exchange_of_a_code_stores_nothing_and_says_how_to_begin_again() {
    meets_every_answer(jobs::EXCHANGE);
}

#[test]
fn a_request_for_a_devices_code_shows_none() {
    meets_every_answer(jobs::DEVICE);
}

#[test]
fn a_poll_is_made_again_unless_the_answer_is_final() {
    meets_every_answer(jobs::POLL);
}

#[test]
fn a_request_for_a_copilot_token_keeps_the_login() {
    meets_every_answer(jobs::COPILOT_TOKEN);
}

#[test]
fn a_list_of_models_fails_no_login() {
    meets_every_answer(jobs::MODELS);
}

#[test]
fn consent_to_a_model_fails_no_login() {
    meets_every_answer(jobs::POLICY);
}

#[test]
fn a_discovery_keeps_the_login() {
    meets_every_answer(jobs::DISCOVERY);
}

#[test]
fn a_revocation_leaves_nobody_logged_in() {
    meets_every_answer(jobs::REVOCATION);
}
