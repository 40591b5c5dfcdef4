//! The two locks on the credential file.
//!
//! The agent locks with npm's proper-lockfile: a directory `FILE.lock` whose modification time its
//! holder keeps touching, and which others may take over once it has not been touched for a while.
//! That lock outlives a crash and can be lost to a holder that sleeps, so native processes first
//! queue on a kernel lock (`FILE.flock`), which has neither weakness; then one of them takes the
//! directory, for the agent's sake.

mod directory;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use directory::{DirectoryLock, Watch};

/// How long a waiter waits before it gives up.
const PATIENCE: Duration = Duration::from_secs(40);

/// Both locks. Dropping it releases them.
pub(super) struct Lock {
    // In this order: fields are dropped from the top, and the directory must go first.
    directory: DirectoryLock,
    _kernel: File,
}

/// Why there is no lock.
pub(super) enum LockError {
    /// Somebody held the lock at this path for too long.
    TimedOut(PathBuf),
    /// The lock at this path could not be made.
    Io(PathBuf, io::Error),
}

impl Lock {
    /// Whether nobody has taken the directory over.
    pub(super) fn is_ours(&self) -> bool {
        self.directory.is_ours()
    }
}

/// Takes both locks on `target`, waiting for whoever holds them.
pub(super) async fn take(target: &Path) -> Result<Lock, LockError> {
    let deadline = Instant::now() + PATIENCE;
    let kernel = take_kernel(&beside(target, ".flock"), deadline).await?;
    let directory = take_directory(&beside(target, ".lock"), deadline).await?;
    Ok(Lock { directory, _kernel: kernel })
}

async fn take_kernel(path: &Path, deadline: Instant) -> Result<File, LockError> {
    let failed = |error| LockError::Io(path.to_path_buf(), error);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Not every file system has such locks; the directory still does its part.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(file);
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => pause(path, deadline).await?,
        }
    }
}

async fn take_directory(path: &Path, deadline: Instant) -> Result<DirectoryLock, LockError> {
    let mut watch = Watch::default();
    loop {
        match DirectoryLock::try_take(path, &mut watch) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) => pause(path, deadline).await?,
            Err(error) => return Err(LockError::Io(path.to_path_buf(), error)),
        }
    }
}

/// Waits a little, differently long each time, so that waiters do not move in step.
async fn pause(path: &Path, deadline: Instant) -> Result<(), LockError> {
    if Instant::now() >= deadline {
        return Err(LockError::TimedOut(path.to_path_buf()));
    }
    let jitter_ms = getrandom::u64().unwrap_or(0) % 20;
    tokio::time::sleep(Duration::from_millis(5 + jitter_ms)).await;
    Ok(())
}

fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    target.with_file_name(name)
}
