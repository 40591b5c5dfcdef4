//! The locks on the credential file.
//!
//! The agent locks with npm's proper-lockfile: a directory `FILE.lock` whose modification time its
//! holder keeps touching, and which others may take over once it has not been touched for a while.
//! That lock outlives a crash and can be lost to a holder that sleeps, so native processes first
//! queue on a kernel lock (`FILE.flock`), which has neither weakness; then one of them takes the
//! directory, for the agent's sake.

pub(super) mod directory;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::dir::foreign_owner;
use super::paths::beside;
use super::plain::{create, open_plain};
use directory::{DirectoryLock, Watch};

/// How long a waiter waits before it gives up.
const PATIENCE: Duration = Duration::from_millis(pi_auth_core::store::lock::PATIENCE_MS);

/// Where the locks are. That does not depend on which file is used: the agent moves `oauth.json` to
/// `auth.json`, and whoever has the lock then has it still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `auth.json` as the agent calls it.
    pub(super) named: PathBuf,
    /// The same with every link followed.
    pub(super) target: PathBuf,
}

impl Place {
    /// The lock directories, in the order in which they are taken. The agent locks beside `target`
    /// when it refreshes and beside `named` when it writes at once. The first of the two it holds
    /// for seconds, while those who want the second wait for it for a moment only.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let mut directories = vec![beside(&self.target, ".lock")];
        if self.named != self.target {
            directories.push(beside(&self.named, ".lock"));
        }
        directories
    }

    /// The file of the kernel lock.
    pub(crate) fn kernel(&self) -> PathBuf {
        beside(&self.target, ".flock")
    }

    /// The memory of failed refreshes.
    pub(crate) fn backoff(&self) -> PathBuf {
        beside(&self.target, ".backoff")
    }
}

/// All the locks. Dropping it releases them.
pub(super) struct Lock {
    place: Place,
    // In this order: fields are dropped from the top, and the directories must go first.
    directories: Vec<DirectoryLock>,
    kernel: File,
}

/// Why there is no lock.
pub(super) enum LockError {
    /// Somebody held this lock for too long; a kernel lock is held by a process that is alive.
    TimedOut { lock: PathBuf, alive: bool },
    /// The lock at this path belongs to this user, who lets nobody else use it.
    OwnedBy(PathBuf, u32),
    /// The lock at this path could not be made.
    Io(PathBuf, io::Error),
}

impl LockError {
    fn of(lock: &Path, error: io::Error) -> Self {
        let is_refused = error.kind() == io::ErrorKind::PermissionDenied;
        match foreign_owner(lock).filter(|_| is_refused) {
            Some(owner) => Self::OwnedBy(lock.to_path_buf(), owner),
            None => Self::Io(lock.to_path_buf(), error),
        }
    }
}

impl Lock {
    /// Takes the locks, waiting for whoever holds them.
    pub(super) async fn take(place: Place) -> Result<Self, LockError> {
        let deadline = Instant::now() + PATIENCE;
        let kernel = take_kernel(&place.kernel(), deadline).await?;
        let mut directories = Vec::new();
        take_directories(&place, &mut directories, deadline).await?;
        Ok(Lock { place, directories, kernel })
    }

    /// Takes the directories again that were taken over. The kernel lock is kept, also where that
    /// fails: whoever of ours passed meanwhile would send the very token whose answer is in hand
    /// here.
    pub(super) async fn regain(&mut self) -> Result<(), LockError> {
        if self.is_ours() {
            return Ok(());
        }
        let deadline = Instant::now() + PATIENCE;
        // Those behind a lost one are let go, too: all take them in one order.
        let kept = self.directories.iter().take_while(|directory| directory.is_ours()).count();
        self.directories.truncate(kept);
        // Whoever removes a directory may have removed that file, too: then others lock another.
        let path = self.place.kernel();
        if !is_still_at(&self.kernel, &path) {
            self.kernel = take_kernel(&path, deadline).await?;
        }
        take_directories(&self.place, &mut self.directories, deadline).await
    }

    /// Returns whether all the directories are held, and nobody has taken one over.
    pub(super) fn is_ours(&self) -> bool {
        self.directories.len() == self.place.directories().len()
            && self.directories.iter().all(DirectoryLock::is_ours)
    }

    /// Returns whether it is the lock at this place.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        self.place == *place
    }
}

/// Takes those that are not `taken` yet.
async fn take_directories(
    place: &Place,
    taken: &mut Vec<DirectoryLock>,
    deadline: Instant,
) -> Result<(), LockError> {
    for path in place.directories().iter().skip(taken.len()) {
        taken.push(take_directory(path, deadline).await?);
    }
    Ok(())
}

async fn take_kernel(path: &Path, deadline: Instant) -> Result<File, LockError> {
    let failed = |error| LockError::of(path, error);
    loop {
        let file = open_kernel(path).map_err(failed)?;
        match file.try_lock() {
            // Somebody may have removed the file since it was opened: then others lock another.
            Ok(()) if is_still_at(&file, path) => return Ok(file),
            Ok(()) => {}
            // Not every file system has such locks; the directory still does its part.
            Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let timed_out = LockError::TimedOut { lock: path.to_path_buf(), alive: true };
                pause(deadline).await.ok_or(timed_out)?;
            }
        }
    }
}

fn open_kernel(path: &Path) -> io::Result<File> {
    match create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            open_plain(OpenOptions::new().write(true), path, OFlags::NOFOLLOW)
        }
        result => result,
    }
}

fn is_still_at(file: &File, path: &Path) -> bool {
    let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if same(&a, &b))
}

pub(super) fn has_no_locks(error: &io::Error) -> bool {
    // NFS without its lock service says that it is out of locks.
    error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error())
}

async fn take_directory(path: &Path, deadline: Instant) -> Result<DirectoryLock, LockError> {
    let mut watch = Watch::default();
    loop {
        match DirectoryLock::try_take(path, &mut watch) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) => {
                let timed_out = LockError::TimedOut { lock: path.to_path_buf(), alive: false };
                pause(deadline).await.ok_or(timed_out)?;
            }
            Err(error) => return Err(LockError::of(path, error)),
        }
    }
}

/// Waits a little, differently long each time, so that waiters do not move in step; `None` once
/// the time is up.
async fn pause(deadline: Instant) -> Option<()> {
    if Instant::now() >= deadline {
        return None;
    }
    let jitter_ms = getrandom::u64().unwrap_or(0) % 20;
    tokio::time::sleep(Duration::from_millis(5 + jitter_ms)).await;
    Some(())
}
