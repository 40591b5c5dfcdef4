//! What goes where: results to standard output, everything else to standard error.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use pi_auth::{Code, EndpointError, Error, TransportFailure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::terminal::Style;

/// Writes a result. One that does not arrive ends the program: whoever asked has not got it.
pub(crate) fn result(text: &str) {
    let mut stdout = io::stdout().lock();
    if let Err(problem) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // A reader that has gone away knows that it has.
        if problem.kind() != io::ErrorKind::BrokenPipe {
            error(&format!("Could not write the result: {problem}."), "");
        }
        std::process::exit(1);
    }
}

/// Writes a result as JSON over several lines.
pub(crate) fn json(value: &Value) {
    // Plain data with string keys: there is nothing in it that JSON could not hold.
    result(&(serde_json::to_string_pretty(value).unwrap_or_default() + "\n"));
}

/// Writes a message for the person.
pub(crate) fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Returns whether nobody reads any more what is written there.
pub(crate) fn is_broken(output: impl AsFd) -> bool {
    let mut polled = [PollFd::new(&output, PollFlags::empty())];
    let broken = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    poll(&mut polled, Some(&Timespec::default())).is_ok()
        && polled.iter().any(|it| it.revents().intersects(broken))
}

/// Tells something that is worth knowing although it worked.
pub(crate) fn note(text: &str) {
    say(&format!("{} {text}\n", Style::for_stderr().bold("note:")));
}

/// Tells what went wrong, and what to do next.
pub(crate) fn error(message: &str, advice: &str) {
    say(&format!("{} {message}\n", Style::for_stderr().red("error:")));
    if !advice.is_empty() {
        say(&format!("       {advice}\n"));
    }
}

/// Tells an error of a job, and gives the exit code that goes with it.
pub(crate) fn failed(problem: &Error) -> ExitCode {
    match problem {
        Error::Cancelled => say("Cancelled.\n"),
        problem => error(&problem.to_string(), &problem.advice()),
    }
    if is_of_this_machine(problem) {
        say("       `pi doctor` looks for what is in the way.\n");
    }
    exit_code(problem)
}

/// Returns whether a doctor could find the cause: a file, a lock, or the way to the provider.
fn is_of_this_machine(problem: &Error) -> bool {
    match problem {
        Error::LockTimedOut { .. } | Error::Store { .. } => true,
        Error::Refresh { cause, .. }
        | Error::Exchange { cause, .. }
        | Error::Login { cause, .. }
        | Error::Variable { cause, .. } => {
            // Of a proxy or a certificate that is to blame, more has been said already.
            matches!(cause, EndpointError::Transport(TransportFailure::Connect))
        }
        _ => false,
    }
}

/// 1 failed, 2 usage, 4 login required, 130 cancelled.
pub(crate) fn exit_code(problem: &Error) -> ExitCode {
    ExitCode::from(match (problem, problem.code()) {
        (
            Error::UnknownProvider { .. }
            | Error::NotConfirmed
            | Error::NoEnterprise { .. }
            | Error::Enterprise { stored: false, .. },
            _,
        ) => 2,
        (_, Code::LoginRequired) => 4,
        (_, Code::Cancelled) => 130,
        _ => 1,
    })
}

/// A length of time in its two largest units: `7 h 59 min`, `45 s`.
pub(crate) fn duration(ms: u64) -> String {
    let s = ms / 1000;
    let pair = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        small => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match s {
        0..=59 => format!("{s} s"),
        60..=3599 => format!("{} min", s / 60),
        3600..=86_399 => pair(s / 3600, "h", s % 3600 / 60, "min"),
        86_400.. => pair(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_say_them() {
        for (s, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (28_799, "7 h 59 min"),
            (86_400, "1 d"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(s * 1000 + 999), text);
        }
    }
}
