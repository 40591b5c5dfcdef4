//! What killed processes have left behind: temporary files, which may hold tokens, and locks that
//! were set aside.

use super::mend::Remedy;
use super::report::{Check, Finding, Report};
use crate::store::Store;
use crate::store::examine::Places;

/// Looks for them.
pub(super) fn check(store: &Store, places: &Places) -> Report {
    let (files, graves) = places.leftovers();
    let mut report = full_graves(store, places);
    if files.is_empty() && graves.is_empty() {
        return report;
    }
    let directory = places.target.parent().unwrap_or(&places.target);
    let shown = store.typed(directory);
    report.found(finding(&shown, files.len(), graves.len()).offer(Some(Remedy::Sweep)));
    report
}

/// Looks for locks that were set aside and that nobody can sweep, since something is in them.
pub(super) fn full_graves(store: &Store, places: &Places) -> Report {
    let mut report = Report::default();
    for grave in places.full_graves() {
        report.found(full_grave(&store.typed(&grave)));
    }
    report
}

fn full_grave(shown: &str) -> Finding {
    let message = format!("The dead lock {shown} was set aside, and something is in it.");
    Finding::note(Check::Leftovers, message)
        .at(shown)
        .mend("It is in nobody's way, and nobody sweeps it. If you do not need what is in it:")
        .by("rm -r", shown)
}

fn finding(shown: &str, files: usize, graves: usize) -> Finding {
    let count = |number: usize, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {many}")),
    };
    let parts =
        [count(files, "temporary file", "temporary files"), count(graves, "old lock", "old locks")];
    let what: Vec<String> = parts.into_iter().flatten().collect();
    let message = format!("Killed processes have left {} in {shown}.", what.join(" and "));
    Finding::note(Check::Leftovers, message).at(shown).mend(match (files, graves) {
        (_, 0) => "Nothing has to be done: the next refresh, login or logout sweeps them away.",
        (0, _) => "They are in nobody's way.",
        _ => "Nothing has to be done: the next refresh, login or logout sweeps the files away.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_counted_and_swept_is_said_of_what_will_be() {
        for (files, graves, says, mend) in [
            (1, 0, "left 1 temporary file in ~/d", "sweeps them away"),
            (2, 1, "left 2 temporary files and 1 old lock in ~/d", "sweeps the files away"),
            (0, 3, "left 3 old locks in ~/d", "in nobody's way"),
        ] {
            let finding = finding("~/d", files, graves);
            assert!(finding.message.contains(says), "{finding:?}");
            assert!(finding.mend.contains(mend), "{finding:?}");
        }
    }
}
