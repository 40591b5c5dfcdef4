//! Where a file can be moved to without anything being overwritten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::beside;

/// How many names are tried.
const NAMES: u32 = 100;

/// A name beside `path` at which there is nothing: with `.bad`, or a number behind that.
pub(super) fn free(path: &Path) -> Option<PathBuf> {
    let named = |number: u32| match number {
        1 => beside(path, ".bad"),
        _ => beside(path, &format!(".bad{number}")),
    };
    // What cannot be looked at may be there.
    let is_free = |path: &PathBuf| {
        fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    (1..=NAMES).map(named).find(is_free)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_name_at_which_something_is_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auth.json");
        let next = || free(&path).map(|path| path.file_name().unwrap().to_owned()).unwrap();
        assert_eq!(next(), "auth.json.bad");
        fs::write(directory.path().join("auth.json.bad"), "").unwrap();
        assert_eq!(next(), "auth.json.bad2");
        symlink("gone", directory.path().join("auth.json.bad2")).unwrap();
        assert_eq!(next(), "auth.json.bad3");
        assert_eq!(free(&directory.path().join("auth.json.bad/x")), None);
    }
}
