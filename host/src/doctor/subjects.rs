//! The files that modes and owners matter of.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::store::Store;
use crate::store::examine::Places;

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
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) role: Role,
    /// The file itself, with every link followed.
    pub(super) path: PathBuf,
    /// The same as people are told.
    pub(super) shown: String,
    pub(super) mode: u32,
    pub(super) owner: u32,
}

/// Those that are there.
pub(super) fn subjects(store: &Store, places: Option<&Places>) -> Vec<Subject> {
    let mut named = vec![(Role::Directory, store.directory().to_path_buf())];
    let in_use = places.map(|places| places.target.clone());
    named.extend(in_use.map(|path| (Role::Secrets, path)));
    // The agent leaves the last one behind when it has taken the file over, tokens and all.
    for name in ["auth.json", "oauth.json", "oauth.json.migrated"] {
        named.push((Role::Secrets, store.directory().join(name)));
    }
    if let Some(places) = places {
        named.push((Role::Beside, places.kernel_lock.clone()));
        named.push((Role::Beside, places.backoff.clone()));
    }
    named.push((Role::Overrides, store.overrides()));
    let mut subjects: Vec<Subject> = Vec::new();
    for (role, path) in named {
        let subject = subject(store, role, &path);
        let is_new = |new: &Subject| subjects.iter().all(|known| known.path != new.path);
        subjects.extend(subject.filter(is_new));
    }
    subjects
}

fn subject(store: &Store, role: Role, path: &Path) -> Option<Subject> {
    let path = fs::canonicalize(path).ok()?;
    let metadata = fs::metadata(&path).ok()?;
    let is_expected = match role {
        Role::Directory => metadata.is_dir(),
        _ => metadata.is_file(),
    };
    let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
    is_expected.then(|| Subject { role, shown: store.shown(&path), path, mode, owner })
}

/// Who this process acts as.
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}
