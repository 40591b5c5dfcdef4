//! Looking at the file and what stands around it, which keeps nothing and leaves nothing behind:
//! for the doctor.

use std::fs::{OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use pi_auth_core::flow::Event;
use rustix::fs::OFlags;

use super::lock::{Place, directory, has_no_locks};
use super::paths::real;
use super::plain::open_plain;
use super::read::read;
use super::replace::{self, Replacement};
use super::{OVERRIDES, Store};

/// Where everything is that belongs to the credential file in use.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The file, with every link followed. It need not be there.
    pub(crate) target: PathBuf,
    /// The same for each of the names that it may have.
    names: Vec<PathBuf>,
    /// Where a writer's locks are, and the memory of failed refreshes.
    pub(crate) locks: Place,
}

/// Support of a file system for the mode that a file is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Modes {
    /// It keeps it.
    Kept,
    /// Every file has the same one, whatever it is given, as on WSL's drives of Windows.
    Ignored,
}

/// The kernel lock, as it was for a moment.
#[derive(Debug)]
pub(crate) enum KernelLock {
    /// Nobody holds it, or this file system has none.
    Free,
    /// A process that is alive does.
    Held,
    /// Nobody could take it.
    Unusable(io::Error),
}

impl Store {
    /// The directory of the agent.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where everything is.
    ///
    /// # Errors
    /// Where the file is a link that leads in circles, or into a directory that is not there.
    pub(crate) fn places(&self) -> io::Result<Places> {
        let (target, locks) = (real(&self.path())?, self.lock_place()?);
        Ok(Places { target, names: self.names(), locks })
    }

    /// The overrides file, there or not.
    pub(crate) fn overrides(&self) -> PathBuf {
        self.overrides.clone().unwrap_or_else(|| self.directory.join(OVERRIDES))
    }

    /// The file at `path` as the credential file would be read.
    pub(crate) fn read_at(&self, path: &Path) -> Event {
        self.store_event(path, read(path), |_| true)
    }
}

impl Places {
    /// Tries all that replacing the file needs: makes the new one, takes room for it, removes it.
    pub(crate) fn try_replacing(&self) -> io::Result<Modes> {
        match Replacement::prepare(&self.target)?.is_private()? {
            true => Ok(Modes::Kept),
            false => Ok(Modes::Ignored),
        }
    }

    /// What killed processes have left behind: files, then empty lock directories that were set
    /// aside.
    pub(crate) fn leftovers(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let locks = self.locks.directories().into_iter();
        let graves = locks.flat_map(|lock| directory::graves(&lock)).filter(|it| is_empty(it));
        let files = self.names.iter().flat_map(|name| replace::leftovers(name));
        (files.collect(), graves.collect())
    }

    /// Lock directories that were set aside and cannot be removed, since something is in them.
    pub(crate) fn full_graves(&self) -> Vec<PathBuf> {
        let locks = self.locks.directories().into_iter();
        locks.flat_map(|lock| directory::set_aside(&lock)).filter(|it| !is_empty(it)).collect()
    }
}

/// Returns whether it is a directory in which nothing is.
pub(crate) fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

/// Asks for the kernel lock at `path`, and lets go of it at once. Shared, so that two who only look
/// do not see each other; whoever wants it meanwhile tries again some milliseconds later anyway.
pub(crate) fn kernel_lock(path: &Path) -> KernelLock {
    let file = match open_plain(OpenOptions::new().read(true), path, OFlags::NOFOLLOW) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return KernelLock::Free,
        Err(error) => return KernelLock::Unusable(error),
    };
    match file.try_lock_shared() {
        Ok(()) => KernelLock::Free,
        Err(TryLockError::WouldBlock) => KernelLock::Held,
        Err(TryLockError::Error(error)) if has_no_locks(&error) => KernelLock::Free,
        Err(TryLockError::Error(error)) => KernelLock::Unusable(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_kernels_lock_is_looked_at_and_let_go_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auth.json.flock");
        assert!(matches!(kernel_lock(&path), KernelLock::Free));
        assert!(!path.exists(), "it is not made");
        let holder = File::create(&path).unwrap();
        holder.try_lock().unwrap();
        assert!(matches!(kernel_lock(&path), KernelLock::Held));
        holder.unlock().unwrap();
        assert!(matches!(kernel_lock(&path), KernelLock::Free));
        holder.try_lock().unwrap();
        fs::remove_file(&path).unwrap();
        symlink("elsewhere", &path).unwrap();
        assert!(matches!(kernel_lock(&path), KernelLock::Unusable(_)));
    }
}
