//! This machine's clock against those of the providers.

use std::time::Duration;

use pi_auth_core::http::date;

use super::network::Answer;
use super::report::{Check, Finding, Report};
use crate::http::greeting::Greeting;

/// What may be: a token is refreshed five minutes early.
const NOTE_MS: u64 = 60_000;
const PROBLEM_MS: u64 = 300_000;

/// What is to be said of the answers. If only one of two servers disagrees, it is that server's
/// clock that is wrong: the one that is nearest counts.
pub(super) fn judge(answers: &[Answer]) -> Report {
    let mut report = Report::default();
    let ahead = answers.iter().filter_map(|(server, answer)| {
        Some((ahead_ms(answer.as_ref().ok()?)?, server.authority.as_str()))
    });
    let Some((ahead_ms, server)) = ahead.min_by_key(|(ahead_ms, _)| ahead_ms.unsigned_abs()) else {
        return report;
    };
    let off = Duration::from_millis(ahead_ms.unsigned_abs());
    let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
    let message =
        format!("This machine's clock is {} {side} that of {server}.", super::roughly(off));
    let advice = "Have the network set it. Until then tokens are refreshed too early or too late, \
                  and good certificates can look bad.";
    let command = match cfg!(target_os = "macos") {
        true => ("sudo sntp -sS", "time.apple.com"),
        false => ("sudo timedatectl set-ntp", "true"),
    };
    match ahead_ms.unsigned_abs() {
        off_ms if off_ms <= NOTE_MS => {
            report.fine(Check::Clock, format!("The clock agrees with that of {server}"));
        }
        off_ms if off_ms <= PROBLEM_MS => report.found(
            Finding::note(Check::Clock, message)
                .mend("That is still harmless. Have the network set it.")
                .by(command.0, command.1),
        ),
        _ => report
            .found(Finding::problem(Check::Clock, message).mend(advice).by(command.0, command.1)),
    }
    report
}

/// How far this machine's clock is ahead, in milliseconds; `None` where the server tells no time.
fn ahead_ms(greeting: &Greeting) -> Option<i64> {
    let date_ms = date::parse(greeting.date.as_deref()?.trim())?;
    // What a cache answers was written a while ago (RFC 9110, 6.6.1; RFC 9111, 5.1).
    let age_s: u64 = greeting.age.as_deref().and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    // A date has whole seconds, cut: on average it was half a second later.
    let theirs_ms = date_ms.saturating_add(age_s.saturating_mul(1000)).saturating_add(500);
    let middle_ms = greeting.sent_ms.midpoint(greeting.answered_ms);
    Some(i64::try_from(middle_ms).ok()? - i64::try_from(theirs_ms).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::network::Server;
    use crate::http::proxy::Variables;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const DATE_MS: u64 = 784_111_777_000;

    fn answer(ahead_s: i64, age: Option<&str>, date: Option<&str>) -> Answer {
        let middle_ms = DATE_MS.checked_add_signed(ahead_s * 1000).unwrap() + 500;
        let greeting = Greeting {
            date: date.map(str::to_owned),
            age: age.map(str::to_owned),
            sent_ms: middle_ms - 200,
            answered_ms: middle_ms + 200,
        };
        (Server::of("https://a.example/", &Variables::default()).unwrap(), Ok(greeting))
    }

    #[test]
    fn skew_by_table() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (ahead_s, age, date, words, says) in [
            (0, None, date, &["fine"][..], "agrees"),
            (60, None, date, &["fine"], "agrees"),
            (61, None, date, &["note"], "ahead of"),
            (-61, None, date, &["note"], "behind"),
            (300, None, date, &["note"], "5 min ahead"),
            (301, None, date, &["problem"], "ahead of that of a.example"),
            (-7200, None, date, &["problem"], "2 h behind"),
            (3600, Some("3600"), date, &["fine"], "agrees"),
            (3600, Some("soon"), date, &["problem"], "60 min ahead"),
            (0, None, None, &[], ""),
            (0, None, Some("yesterday"), &[], ""),
        ] {
            let report = judge(&[answer(ahead_s, age, date)]);
            assert_eq!(report.words(), words, "{ahead_s} {age:?} {date:?}");
            assert!(report.text().contains(says), "{}", report.text());
        }
    }

    #[test]
    fn one_server_that_agrees_is_enough() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let report = judge(&[answer(-9000, None, date), answer(1, None, date)]);
        assert_eq!(report.words(), ["fine"]);
        assert_eq!(judge(&[]).words(), [""; 0]);
    }
}
