//! The agent's directory: whether it is there, and whether files can be made in it.

use std::fs;
use std::io;
use std::path::Path;

use pi_auth_core::error::{Error, StoreFailure};
use rustix::fs::{Access, access};

use super::report::{Check, Finding, Report};
use crate::store::examine::{Modes, Places};
use crate::store::{Store, failure};

/// What stands at its path.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// Nothing yet; whether this user could make it, or the directory that is in the way.
    Nothing(Result<(), String>),
    /// Something else than a directory.
    Other,
    /// It cannot be told.
    Hidden(StoreFailure),
    /// A directory.
    There,
}

/// Looks at it.
pub(super) fn look(store: &Store) -> Seen {
    let directory = store.directory();
    match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => match fs::read_dir(directory) {
            Ok(_) => match access(directory, Access::EXEC_OK) {
                Ok(()) => Seen::There,
                // Its names can be listed, and nothing in it be used.
                Err(error) => hidden(error.into()),
            },
            Err(error) => hidden(error),
        },
        Ok(_) => Seen::Other,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Seen::Other,
        Err(error) if error.kind() != io::ErrorKind::NotFound => hidden(error),
        Err(_) if fs::symlink_metadata(directory).is_ok() => Seen::Other,
        Err(_) => Seen::Nothing(makeable(store, directory)),
    }
}

/// Returns whether `path` is in the directory, of which more is told already where nothing in it
/// can be used.
pub(super) fn hides(store: &Store, path: &Path) -> bool {
    let is_closed = !matches!(look(store), Seen::There | Seen::Nothing(_));
    is_closed && path.starts_with(store.directory())
}

fn hidden(error: io::Error) -> Seen {
    Seen::Hidden(failure(error))
}

fn makeable(store: &Store, directory: &Path) -> Result<(), String> {
    let above = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let may = above.is_dir() && access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    if may { Ok(()) } else { Err(store.typed(above)) }
}

/// What is to be said of it. `is_shut` is whether its owner, this user, has shut it.
pub(super) fn judge(shown: &str, seen: &Seen, is_shut: bool) -> Report {
    let mut report = Report::default();
    match seen {
        Seen::There => {}
        Seen::Nothing(Ok(())) => report.fine(
            Check::Directory,
            format!("There is no {shown} yet: nothing is stored. `pi login` makes it"),
        ),
        Seen::Nothing(Err(above)) => report.found(
            Finding::problem(
                Check::Directory,
                format!("There is no {shown}, and you may not make it in {above}."),
            )
            .at(shown)
            .mend("Point PI_CODING_AGENT_DIR at a directory that can be written, or look at:")
            .by("ls -ld", above),
        ),
        Seen::Other => report.found(
            Finding::problem(Check::Directory, format!("{shown} is not a directory."))
                .at(shown)
                .mend("Look at what it is, and move it away.")
                .by("ls -ld", shown),
        ),
        Seen::Hidden(failure) if is_shut => report.found(
            unusable(shown, "read", failure.clone())
                .mend("Its mode keeps you out of it; it is your own.")
                .by("chmod 700", shown),
        ),
        Seen::Hidden(failure) => report.found(unusable(shown, "read", failure.clone())),
    }
    report
}

/// Returns whether the credential file could be replaced: what a refresh begins with.
pub(super) fn writable(store: &Store, places: &Places) -> Report {
    let tried = places.try_replacing().map_err(failure);
    let directory = places.target.parent().unwrap_or(&places.target);
    judge_writing(&store.typed(directory), &store.typed(&places.target), tried)
}

fn judge_writing(directory: &str, target: &str, tried: Result<Modes, StoreFailure>) -> Report {
    let mut report = Report::default();
    match tried {
        Ok(Modes::Kept) => report.fine(Check::Directory, format!("{directory} can be written")),
        Ok(Modes::Ignored) => report.found(
            Finding::problem(
                Check::Directory,
                format!(
                    "The file system of {directory} does not keep modes: whoever can reach it can \
                     read your logins."
                ),
            )
            .at(directory)
            .mend(
                "Point PI_CODING_AGENT_DIR at a directory on a disk of Linux; on WSL, one below \
                 /home rather than below /mnt.",
            ),
        ),
        // The check of the file tells.
        Err(StoreFailure::NotAFile | StoreFailure::IsADirectory | StoreFailure::TooLarge) => {}
        Err(failure) => report.found(unusable(target, "write", failure)),
    }
    report
}

fn unusable(path: &str, attempt: &'static str, failure: StoreFailure) -> Finding {
    let error = Error::Store { path: path.to_owned(), attempt, failure };
    Finding::of(Check::Directory, &error).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_by_table() {
        let denied = || Seen::Hidden(StoreFailure::PermissionDenied);
        for (seen, is_shut, words, says) in [
            (Seen::There, false, &[][..], ""),
            (Seen::Nothing(Ok(())), false, &["fine"], "`pi login` makes it"),
            (Seen::Nothing(Err("/ro".into())), false, &["problem"], "ls -ld /ro"),
            (Seen::Other, false, &["problem"], "not a directory"),
            (denied(), false, &["problem"], "permission denied"),
            (denied(), true, &["problem"], "\nchmod 700 ~/.pi/agent"),
        ] {
            let report = judge("~/.pi/agent", &seen, is_shut);
            assert_eq!(report.words(), words, "{seen:?}");
            assert!(report.text().contains(says), "{}", report.text());
        }
    }

    #[test]
    fn a_file_that_could_not_be_replaced_is_a_problem_with_its_own_advice() {
        for (tried, words, says) in [
            (Ok(Modes::Kept), &["fine"][..], "~/d can be written"),
            (Ok(Modes::Ignored), &["problem"], "does not keep modes"),
            (Err(StoreFailure::PermissionDenied), &["problem"], "ls -ld ~/d/auth.json"),
            (Err(StoreFailure::ReadOnly), &["problem"], "PI_CODING_AGENT_DIR"),
            (Err(StoreFailure::NoSpace), &["problem"], "Free some space"),
            (Err(StoreFailure::NotAFile), &[], ""),
            (Err(StoreFailure::IsADirectory), &[], ""),
            (Err(StoreFailure::TooLarge), &[], ""),
        ] {
            let report = judge_writing("~/d", "~/d/auth.json", tried.clone());
            assert_eq!(report.words(), words, "{tried:?}");
            assert!(report.text().contains(says), "{}", report.text());
        }
    }
}
