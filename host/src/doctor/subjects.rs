//! The files that modes and owners matter of.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pi_auth_core::store::access::Owned;

use crate::store::examine::Places;
use crate::store::{FORMER, MIGRATED, PREFERRED, Store};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The agent's directory.
    Directory,
    /// It holds tokens.
    Secrets,
    /// A lock, or the memory of failed refreshes: it holds no token.
    Beside,
    /// The overrides: they say to which servers tokens go.
    Overrides,
    /// A directory outside of the agent's, in which the credential file or the overrides are.
    Around,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) role: Role,
    /// The file itself, with every link followed.
    pub(super) path: PathBuf,
    /// The same as people are told.
    pub(super) shown: String,
    pub(super) owned: Owned,
}

/// Those that are there.
pub(super) fn subjects(store: &Store, places: Option<&Places>) -> Vec<Subject> {
    let mut named = vec![(Role::Directory, store.directory().to_path_buf())];
    let in_use = places.map(|places| places.target.clone());
    named.extend(in_use.map(|path| (Role::Secrets, path)));
    // The last one has all the tokens still.
    for name in [PREFERRED, FORMER, MIGRATED] {
        named.push((Role::Secrets, store.directory().join(name)));
    }
    if let Some(places) = places {
        named.push((Role::Beside, places.locks.kernel()));
        named.push((Role::Beside, places.locks.backoff()));
    }
    named.push((Role::Overrides, store.overrides()));
    for file in [store.path(), store.overrides()] {
        named.extend(around(&file).map(|path| (Role::Around, path)));
    }
    let mut subjects: Vec<Subject> = Vec::new();
    for (role, path) in named {
        let subject = subject(store, role, &path);
        let is_new = |new: &Subject| subjects.iter().all(|known| known.path != new.path);
        subjects.extend(subject.filter(is_new));
    }
    subjects
}

/// Returns the directories that the core judges beside a file: the one that was named, and the one
/// that links lead to. There are none for a file that is not there.
pub(super) fn around(file: &Path) -> impl Iterator<Item = PathBuf> {
    let target = fs::canonicalize(file).ok().filter(|target| target.is_file());
    let files = target.into_iter().flat_map(|target| [file.to_path_buf(), target]);
    files.filter_map(|file| file.parent().map(Path::to_path_buf))
}

fn subject(store: &Store, role: Role, path: &Path) -> Option<Subject> {
    let path = fs::canonicalize(path).ok()?;
    let metadata = fs::metadata(&path).ok()?;
    let is_expected = match role {
        Role::Directory | Role::Around => metadata.is_dir(),
        _ => metadata.is_file(),
    };
    let (owner, group) = (metadata.uid(), metadata.gid());
    let owned = Owned { owner, group, mode: metadata.mode() & 0o7777 };
    is_expected.then(|| Subject { role, shown: store.typed(&path), path, owned })
}

/// Returns whether the file or directory at `path` is this user's own, and its mode does not let
/// its owner do all of `needed`.
pub(super) fn is_shut(path: &Path, needed: u32) -> bool {
    fs::metadata(path).is_ok_and(|it| it.uid() == user() && it.mode() & needed != needed)
}

/// Who this process acts as.
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns the group that this process acts as.
pub(super) fn group() -> u32 {
    rustix::process::getegid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_its_own_owner_cannot_use_is_shut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "").unwrap();
        for (mode, shut) in [(0o600, false), (0o400, false), (0o000, true), (0o244, true)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_shut(&path, 0o400), shut, "{mode:o}");
        }
        assert!(!is_shut(&directory.path().join("none"), 0o400));
    }
}
