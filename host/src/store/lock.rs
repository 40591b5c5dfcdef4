//! The locks on the credential file.
//!
//! The agent locks with npm's proper-lockfile: a directory `FILE.lock` whose modification time its
//! holder keeps touching, and which others may take over once it has not been touched for a while.
//! That lock outlives a crash and can be lost to a holder that sleeps, so native processes first
//! queue on a kernel lock (`FILE.flock`), which has neither weakness; then one of them takes the
//! directory, for the agent's sake.

pub(super) mod directory;

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::plain::{create, open_plain};
use directory::{DirectoryLock, Watch};

/// How long a waiter waits before it gives up.
const PATIENCE: Duration = Duration::from_secs(40);

/// All the locks. Dropping it releases them.
pub(super) struct Lock {
    // In this order: fields are dropped from the top, and the directories must go first.
    directories: Vec<DirectoryLock>,
    _kernel: File,
}

/// Why there is no lock.
pub(super) enum LockError {
    /// Somebody held this lock for too long; a kernel lock is held by a process that is alive.
    TimedOut { lock: PathBuf, alive: bool },
    /// The lock at this path could not be made.
    Io(PathBuf, io::Error),
}

impl Lock {
    /// Whether nobody has taken a directory over.
    pub(super) fn is_ours(&self) -> bool {
        self.directories.iter().all(DirectoryLock::is_ours)
    }
}

/// Takes the locks on `target`, waiting for whoever holds them.
///
/// `named` is the same file as the agent calls it, which may be a link to `target`. The agent locks
/// beside the one when it writes at once and beside the other when it refreshes, so both are
/// taken, in one order.
pub(super) async fn take(named: &Path, target: &Path) -> Result<Lock, LockError> {
    let deadline = Instant::now() + PATIENCE;
    let kernel = take_kernel(&beside(target, ".flock"), deadline).await?;
    // The one beside the target first: a refresh of the agent's holds it for seconds, while those
    // who want the other wait for it for a moment only.
    let mut directories = vec![take_directory(&beside(target, ".lock"), deadline).await?];
    if named != target {
        directories.push(take_directory(&beside(named, ".lock"), deadline).await?);
    }
    Ok(Lock { directories, _kernel: kernel })
}

async fn take_kernel(path: &Path, deadline: Instant) -> Result<File, LockError> {
    let failed = |error| LockError::Io(path.to_path_buf(), error);
    loop {
        let file = open_kernel(path).map_err(failed)?;
        match file.try_lock() {
            // Somebody may have removed the file since it was opened: then others lock another.
            Ok(()) if is_at(&file, path) => return Ok(file),
            Ok(()) => {}
            // Not every file system has such locks; the directory still does its part.
            Err(TryLockError::Error(error)) if is_unsupported(&error) => return Ok(file),
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
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_plain(path),
        result => result,
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if same(&a, &b))
}

pub(super) fn is_unsupported(error: &io::Error) -> bool {
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
            Err(error) => return Err(LockError::Io(path.to_path_buf(), error)),
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

pub(super) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    target.with_file_name(name)
}
