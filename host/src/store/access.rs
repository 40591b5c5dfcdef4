//! Who could have changed a file, as the system tells it; the core judges.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pi_auth_core::store::access::{Access, Directory, Owned};

use super::Store;
use super::paths::real;

impl Store {
    /// Returns owner, group and mode of the file at `path`, by the metadata of its descriptor, and
    /// of the directories that lead to it.
    pub(super) fn access(&self, path: &Path, opened: &Metadata) -> Access {
        let named = path.parent().map(Path::to_path_buf);
        let target = real(path).ok().and_then(|target| target.parent().map(Path::to_path_buf));
        let mut directories: Vec<Directory> = Vec::new();
        let mut seen: Vec<(u64, u64)> = Vec::new();
        for directory in [named, target].into_iter().flatten() {
            // Under both names it may be the same.
            let Ok(metadata) = fs::metadata(here(&directory)) else { continue };
            let id = (metadata.dev(), metadata.ino());
            if !seen.contains(&id) {
                seen.push(id);
                let path = self.shown(&directory);
                directories.push(Directory { path, owned: owned(&metadata) });
            }
        }
        Access {
            user: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
            served: self.served(),
            file: owned(opened),
            directories,
        }
    }

    /// Returns the owner of the agent's directory, or else of the home directory.
    fn served(&self) -> Option<u32> {
        let owner = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.uid());
        owner(self.directory()).or_else(|| owner(self.home.as_deref()?))
    }
}

fn owned(metadata: &Metadata) -> Owned {
    let (owner, group) = (metadata.uid(), metadata.gid());
    Owned { owner, group, mode: metadata.mode() & 0o7777 }
}

/// Returns the directory of a file that was named without one.
fn here(directory: &Path) -> PathBuf {
    match directory.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => directory.to_path_buf(),
    }
}
