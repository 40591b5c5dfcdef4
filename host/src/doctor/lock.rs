//! The locks: whether somebody holds one, and whether they are alive.

use std::io;

use super::mend::Remedy;
use super::report::{Check, Finding, Report};
use crate::store::examine::{KernelLock, Places, is_empty, kernel_lock};
use crate::store::{Pulse, Store, pulse};

/// Feels for all of them. One that looks dead is watched for some seconds.
pub(super) async fn check(store: &Store, places: &Places) -> Report {
    let kernel = places.locks.kernel();
    let mut report = judge_kernel(&store.typed(&kernel), &kernel_lock(&kernel));
    for lock in &places.locks.directories() {
        let remedy = Remedy::TakeOver { lock: lock.clone() };
        report.add(judge(&store.typed(lock), &pulse(lock).await, is_empty(lock), remedy));
    }
    if report.findings().next().is_none() {
        report.fine(Check::Lock, "Nobody holds a lock");
    }
    report
}

fn judge_kernel(shown: &str, lock: &KernelLock) -> Report {
    let mut report = Report::default();
    match lock {
        KernelLock::Free => {}
        KernelLock::Held => report.found(
            Finding::note(Check::Lock, "Another pi is using the credential file right now.")
                .at(shown)
                .mend("It lets go by itself; the system frees this lock when its holder ends."),
        ),
        KernelLock::Unusable(error) => report.found(
            Finding::problem(Check::Lock, format!("The lock {shown} cannot be used: {error}."))
                .at(shown)
                .mend("Look at what it is; an empty file of your own belongs there.")
                .by("ls -ld", shown),
        ),
    }
    report
}

fn judge(shown: &str, pulse: &io::Result<Pulse>, is_empty: bool, remedy: Remedy) -> Report {
    let mut report = Report::default();
    let finding = match pulse {
        Ok(Pulse::Free) => return report,
        Ok(Pulse::Beats(Some(age))) => Finding::note(
            Check::Lock,
            format!("The lock {shown} is held: it was touched {} s ago.", age.as_secs()),
        )
        .mend("Wait for whoever has it. One that nobody touches is taken over after 30 s."),
        Ok(Pulse::Beats(None)) => Finding::note(
            Check::Lock,
            format!("The lock {shown} is held, and its time lies ahead of this machine's clock."),
        )
        .mend("Wait for whoever has it. One that nobody touches is taken over after a while."),
        Ok(Pulse::Dead(age)) => Finding::problem(
            Check::Lock,
            format!(
                "The lock {shown} was left behind {} ago by a process that is gone{}.",
                crate::doctor::roughly(*age),
                if is_empty { "" } else { ", and something is in it" }
            ),
        )
        .mend(match is_empty {
            true => "Whoever writes next takes it over, after some seconds. To have it gone now:",
            false => "No pi puts anything there. Look at what it is; to have all of it gone:",
        })
        .by(if is_empty { "rmdir" } else { "rm -r" }, shown)
        .offer(Some(remedy)),
        Ok(Pulse::NotADirectory) => Finding::problem(
            Check::Lock,
            format!("{shown} is no lock, but stands in its place: nobody can write."),
        )
        .mend("Look at what it is, and remove it.")
        .by("rm", shown),
        Err(error) => {
            Finding::problem(Check::Lock, format!("The lock {shown} cannot be seen: {error}."))
                .mend("Check who owns it, and its directory.")
                .by("ls -ld", shown)
        }
    };
    report.found(finding.at(shown));
    report
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_lock_that_is_alive_is_a_note_and_a_dead_one_a_problem_that_can_be_mended() {
        let s = Duration::from_secs;
        for (pulse, words, fixable, says) in [
            (Ok(Pulse::Free), &[][..], false, ""),
            (Ok(Pulse::Beats(Some(s(3)))), &["note"], false, "3 s ago"),
            (Ok(Pulse::Beats(None)), &["note"], false, "ahead"),
            (Ok(Pulse::Dead(s(7200))), &["problem"], true, "2 h"),
            (Ok(Pulse::NotADirectory), &["problem"], false, "rm ~/l"),
            (Err(io::ErrorKind::PermissionDenied.into()), &["problem"], false, "ls -ld ~/l"),
        ] {
            let report = judge("~/l", &pulse, true, Remedy::TakeOver { lock: "/l".into() });
            assert_eq!(report.words(), words, "{pulse:?}");
            assert_eq!(report.findings().any(Finding::is_fixable), fixable, "{pulse:?}");
            assert!(report.text().contains(says), "{}", report.text());
        }
        let dead = Ok(Pulse::Dead(s(60)));
        for (is_empty, command) in [(true, "\nrmdir ~/l"), (false, "\nrm -r ~/l")] {
            let report = judge("~/l", &dead, is_empty, Remedy::TakeOver { lock: "/l".into() });
            assert!(report.text().ends_with(command), "{}", report.text());
        }
    }

    #[test]
    fn the_kernels_lock_by_table() {
        let broken = KernelLock::Unusable(io::ErrorKind::PermissionDenied.into());
        for (lock, words) in
            [(KernelLock::Free, &[][..]), (KernelLock::Held, &["note"]), (broken, &["problem"])]
        {
            assert_eq!(judge_kernel("~/l", &lock).words(), words, "{lock:?}");
        }
    }
}
