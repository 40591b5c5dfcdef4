//! Symbolic links in the place of the credential file, or of its directory.

use std::fs;
use std::io;
use std::path::Path;

use super::report::{Check, Finding, Report};
use crate::store::Store;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// It is no link.
    NoLink,
    /// To something, as it is shown.
    To(String),
    /// To nothing, in these words of the link.
    Nowhere(String),
    /// Nobody can tell, in the system's words.
    Unknown(String),
}

/// Looks at `path`.
pub(super) fn look(store: &Store, path: &Path) -> Leads {
    let Ok(link) = fs::read_link(path) else { return Leads::NoLink };
    match fs::canonicalize(path) {
        Ok(target) => Leads::To(store.typed(&target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Leads::Nowhere(store.typed(&link)),
        Err(error) => Leads::Unknown(error.to_string()),
    }
}

/// What is to be said of it. A directory of which a part is a link is nobody's concern.
pub(super) fn judge(shown: &str, leads: &Leads) -> Report {
    let mut report = Report::default();
    match leads {
        Leads::NoLink => {}
        Leads::To(target) => report.found(
            Finding::note(Check::Link, format!("{shown} is a link to {target}."))
                .at(shown)
                .mend("That is fine: what it leads to is read and written."),
        ),
        Leads::Nowhere(target) => report.found(
            Finding::problem(
                Check::Link,
                format!("{shown} is a link to {target}, where there is nothing."),
            )
            .at(shown)
            .mend("Put back what it leads to, or remove the link and log in.")
            .by("rm", shown),
        ),
        Leads::Unknown(problem) => report.found(
            Finding::problem(
                Check::Link,
                format!("{shown} is a link that cannot be followed: {problem}."),
            )
            .at(shown)
            .mend("Correct it, or remove it and log in.")
            .by("rm", shown),
        ),
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_worth_knowing_and_one_that_dangles_a_problem() {
        for (leads, words) in [
            (Leads::NoLink, &[][..]),
            (Leads::To("~/dotfiles/a".into()), &["note"]),
            (Leads::Nowhere("../gone".into()), &["problem"]),
            (Leads::Unknown("too many levels".into()), &["problem"]),
        ] {
            assert_eq!(judge("~/.pi/agent/auth.json", &leads).words(), words, "{leads:?}");
        }
    }
}
