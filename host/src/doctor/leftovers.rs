//! What killed processes have left behind: temporary files, which may hold tokens, and locks that
//! were set aside.

use super::mend::Remedy;
use super::report::{Check, Finding, Report};
use crate::store::Store;
use crate::store::examine::Places;

/// Looks for them.
pub(super) fn check(store: &Store, places: &Places) -> Report {
    let (files, graves) = places.leftovers();
    let mut report = Report::default();
    if files.is_empty() && graves.is_empty() {
        return report;
    }
    let directory = places.target.parent().unwrap_or(&places.target);
    let shown = store.shown(directory);
    report.found(finding(&shown, files.len(), graves.len()).offer(Some(Remedy::Sweep)));
    report
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
    Finding::note(Check::Leftovers, message)
        .at(shown)
        .mend("Nothing has to be done: the next refresh, login or logout sweeps the files away.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_counted() {
        for (files, graves, says) in [
            (1, 0, "left 1 temporary file in ~/d"),
            (2, 1, "left 2 temporary files and 1 old lock in ~/d"),
            (0, 3, "left 3 old locks in ~/d"),
        ] {
            let message = finding("~/d", files, graves).message;
            assert!(message.contains(says), "{message}");
        }
    }
}
