//! What a server says about when to come back, sense or not.

use pi_auth_tests::pi::{Age, Home};
use pi_auth_tests::sandbox::Fault;
use serde_json::Value;

use crate::sandbox;

/// The one record in the memory of failed refreshes, beside the credential file.
pub(crate) fn remembered_ms(home: &Home) -> Option<u64> {
    let text = std::fs::read_to_string(home.agent_dir().join("auth.json.backoff")).ok()?;
    let memory: Value = serde_json::from_str(&text).unwrap();
    let time = |name: &str| memory["anthropic"][name].as_u64().unwrap();
    Some(time("until") - time("since"))
}

#[test]
fn a_time_that_makes_no_sense_is_none_and_none_is_longer_than_fifteen_minutes() {
    let sandbox = sandbox();
    // A server that limits requests is left alone for longer where it does not say for how long.
    let minute = (60_000, "Try again in 60 s.");
    let (second, ten, most) = (
        (1_000, "Try again in 1 s."),
        (10_000, "Try again in 10 s."),
        (900_000, "Try again in 15 min."),
    );
    for (status, unasked) in [(429, minute), (503, ten), (408, ten)] {
        for (retry_after, (remembered, advice)) in [
            ("7", (7_000, "Try again in 7 s.")),
            ("0", second),
            ("86400", most),
            ("18446744073709551615", most),
            ("99999999999999999999999", unasked),
            ("-1", unasked),
            ("1.5", unasked),
            ("soon", unasked),
            ("7, 8", unasked),
            ("", unasked),
            ("Thu, 01 Jan 1970 00:00:00 GMT", second),
            ("Fri, 31 Dec 9999 23:59:59 GMT", most),
            ("Fri, 99 Dec 9999 23:59:59 GMT", unasked),
        ] {
            let (home, _) = Home::logged_in(&sandbox, Age::Expired);
            let headers = [("Retry-After".to_owned(), retry_after.to_owned())].into();
            sandbox.fail_next(Fault::Status { code: status, headers, body: String::new() });
            let ended = home.pi(["token", "anthropic"]).run();
            ended.exits(1).prints("").says("Your login is kept.").says(advice);
            assert_eq!(remembered_ms(&home), Some(remembered), "{status} {retry_after}: {ended}");
        }
    }
}
