//! The memory of failed refreshes, as a file that another user may have planted.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use pi_auth_core::secret::Secret;
use rustix::fs::OFlags;
use rustix::process::geteuid;

use super::plain::open_plain;
use super::read::read_file;

/// Returns the text of the file, if this user has written it and nobody else could have.
pub(super) fn read(path: &Path) -> Option<Secret> {
    // What a link leads to is not ours either, and would be told whether it is there.
    let file = open_plain(OpenOptions::new().read(true), path, OFlags::NOFOLLOW).ok()?;
    if !is_ours(&file, path)? {
        return None;
    }
    read_file(file).ok().map(|(text, _)| text)
}

/// Returns whether the file belongs to this user and nobody else may write it. Root that works for
/// a user accepts that user's, too.
fn is_ours(file: &File, path: &Path) -> Option<bool> {
    let file = file.metadata().ok()?;
    let this_user = geteuid().as_raw();
    let is_owner = file.uid() == this_user
        || this_user == 0 && fs::metadata(path.parent()?).ok()?.uid() == file.uid();
    Some(is_owner && file.mode() & 0o022 == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn planted(mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auth.json.backoff");
        fs::write(&path, "{}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn a_memory_that_others_may_write_is_none() {
        for (mode, is_read) in
            [(0o600, true), (0o644, true), (0o400, true), (0o620, false), (0o602, false)]
        {
            let (_directory, path) = planted(mode);
            assert_eq!(read(&path).is_some(), is_read, "{mode:o}");
        }
    }

    #[test]
    fn a_link_to_one_and_what_is_no_file_are_none() {
        let (directory, path) = planted(0o600);
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(read(&link).is_none());
        assert!(read(directory.path()).is_none());
        assert!(read(&directory.path().join("absent")).is_none());
    }

    #[test]
    fn one_of_another_user_is_none_unless_the_directory_is_theirs() {
        if !geteuid().is_root() {
            return;
        }
        let (directory, path) = planted(0o600);
        chown(&path, Some(65_534), None).unwrap();
        assert!(read(&path).is_none(), "another user has planted it");
        chown(directory.path(), Some(65_534), None).unwrap();
        assert!(read(&path).is_some(), "root works for that user");
        chown(&path, Some(65_533), None).unwrap();
        assert!(read(&path).is_none(), "a third user has planted it");
    }
}
