//! The lock directory of npm's proper-lockfile 4, as both of its ends need it.

mod pulse;

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use pi_auth_core::store::lock as rules;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::store::dir::Dir;
use crate::store::paths::beside;
pub(crate) use pulse::{Pulse, pulse};
pub(in crate::store) use pulse::{graves, set_aside};

const TOUCH_EVERY: Duration = Duration::from_millis(rules::TOUCH_EVERY_MS);
const STALE_AFTER: Duration = Duration::from_millis(rules::STALE_AFTER_MS);
/// The mode of a lock directory of ours. The sticky bit is the mark: it changes nothing for an
/// empty directory, and nobody else sets it.
const MODE: u32 = 0o1700;
const MARK: u32 = 0o1000;

/// A lock directory that is ours, and a thread that keeps touching it.
pub(super) struct DirectoryLock {
    path: PathBuf,
    touched: Arc<Mutex<SystemTime>>,
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
    toucher: Option<JoinHandle<()>>,
    /// Closed by whoever lets go of the lock, not by the thread at a moment of its own.
    _made: Arc<File>,
}

/// What a waiter has seen of somebody else's lock.
#[derive(Default)]
pub(super) struct Watch {
    seen: Option<(SystemTime, Instant)>,
}

impl Watch {
    /// Returns whether a lock that looks like this may be taken over.
    fn is_dead(&mut self, lock: &Metadata) -> io::Result<bool> {
        let touched = lock.modified()?;
        let since = match self.seen {
            Some((seen, since)) if seen == touched => since,
            _ => {
                let now = Instant::now();
                self.seen = Some((touched, now));
                now
            }
        };
        let age = SystemTime::now().duration_since(touched).unwrap_or(Duration::ZERO);
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Ok(rules::is_dead(ms(age), ms(since.elapsed()), lock.mode() & MARK != 0))
    }
}

impl DirectoryLock {
    /// Takes the lock if it is free or dead; `None` while somebody holds it.
    pub(super) fn try_take(path: &Path, watch: &mut Watch) -> io::Result<Option<Self>> {
        let (parent, name) = Dir::of(path)?;
        match parent.create_directory(name) {
            Ok(made) => {
                let id = made.metadata().map(|made| identity(&made)).ok();
                Self::begin(path, made).map(Some).inspect_err(|_| {
                    // Nobody would touch it, and everybody wait for it.
                    if fs::symlink_metadata(path)
                        .is_ok_and(|found| id.is_none_or(|id| id == identity(&found)))
                    {
                        let _ = parent.remove_directory(name);
                    }
                })
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match fs::symlink_metadata(path) {
                    Ok(lock) if watch.is_dead(&lock)? => bury(path, lock.modified()?)?,
                    // Gone since; the next attempt will tell.
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
                Ok(None)
            }
            // Somebody removed it as soon as it was made; the next attempt makes another.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins to touch the directory that was `made` at `path`.
    fn begin(path: &Path, made: File) -> io::Result<Self> {
        mark(&made);
        let made = Arc::new(made);
        let thread_made = Arc::clone(&made);
        let touched = Arc::new(Mutex::new(made.metadata()?.modified()?));
        let (stop, stopped) = mpsc::channel();
        let (thread_path, thread_touched) = (path.to_path_buf(), Arc::clone(&touched));
        let toucher = thread::Builder::new().name("lock".into()).spawn(move || {
            while stopped.recv_timeout(TOUCH_EVERY) == Err(RecvTimeoutError::Timeout) {
                let mut touched = thread_touched.lock().unwrap_or_else(PoisonError::into_inner);
                match touch(&thread_path, &thread_made, *touched) {
                    Ok(Some(now)) => *touched = now,
                    // Taken over: `is_ours` finds out by the same look.
                    Ok(None) => return,
                    // A file system that is away for a moment: the next time may do better.
                    Err(_) => {}
                }
            }
        })?;
        let path = path.to_path_buf();
        Ok(DirectoryLock { path, touched, stop: Some(stop), toucher: Some(toucher), _made: made })
    }

    /// Returns whether the directory still bears the time that we gave it.
    pub(super) fn is_ours(&self) -> bool {
        let touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        modified(&self.path).is_ok_and(|found| found == *touched)
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(toucher) = self.toucher.take() {
            let _ = toucher.join();
        }
        if self.is_ours() {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Touches the directory that was `made` at `path`, if that still bears the time `expected`; gives
/// the time as it was stored, and `None` where it bears another. What stands there by now is not
/// touched.
fn touch(path: &Path, made: &File, expected: SystemTime) -> io::Result<Option<SystemTime>> {
    if modified(path)? != expected {
        return Ok(None);
    }
    made.set_modified(SystemTime::now())?;
    made.metadata()?.modified().map(Some)
}

/// Returns what tells a directory from every other that is there.
fn identity(directory: &Metadata) -> (u64, u64) {
    (directory.dev(), directory.ino())
}

/// Marks a lock directory as ours.
fn mark(made: &File) {
    // Not every file system keeps it (FAT refuses): then it is watched for as long as another's.
    let _ = made.set_permissions(Permissions::from_mode(MODE));
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::symlink_metadata(path)?.modified()
}

/// Takes a dead lock out of the way. Two waiters may see the same dead lock, and the slower must
/// not remove what the faster has put in its place: so it is renamed away first, and put back if
/// what was caught is not what was seen.
fn bury(path: &Path, seen: SystemTime) -> io::Result<()> {
    let grave = beside(path, &format!(".{:016x}", getrandom::u64().map_err(io::Error::other)?));
    match fs::rename(path, &grave) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result?,
    }
    if modified(&grave)? == seen {
        return fs::remove_dir(&grave);
    }
    match renameat_with(CWD, &grave, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Somebody has made another meanwhile.
        Err(Errno::EXIST | Errno::NOTEMPTY) => fs::remove_dir(&grave),
        Err(_) => put_back(&grave, path),
    }
}

/// The same where the file system cannot tell whether it would replace something: a rename takes
/// the place of an empty directory, so of this one, and of nobody else's.
fn put_back(grave: &Path, path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Ok(()) => fs::rename(grave, path),
        Err(_) => fs::remove_dir(grave),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn scratch() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auth.json.lock");
        (directory, path)
    }

    pub(super) fn take(path: &Path) -> Option<DirectoryLock> {
        DirectoryLock::try_take(path, &mut Watch::default()).unwrap()
    }

    /// A waiter that has watched the lock, as it is, for that long.
    fn watched(path: &Path, for_s: u64) -> Watch {
        let since = Instant::now().checked_sub(Duration::from_secs(for_s)).unwrap();
        Watch { seen: Some((modified(path).unwrap(), since)) }
    }

    pub(super) fn age(path: &Path, by: Duration) {
        File::open(path).unwrap().set_modified(SystemTime::now() - by).unwrap();
    }

    #[test]
    fn one_holder_at_a_time() {
        let (_directory, path) = scratch();
        let lock = take(&path).unwrap();
        assert!(lock.is_ours());
        assert!(take(&path).is_none());
        drop(lock);
        assert!(!path.exists());
        assert!(take(&path).is_some());
    }

    #[test]
    fn a_lock_that_somebody_removes_at_once_is_tried_again() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let (_directory, path) = scratch();
        let over = Arc::new(AtomicBool::new(false));
        let (remover_path, remover_over) = (path.clone(), Arc::clone(&over));
        let remover = thread::spawn(move || {
            while !remover_over.load(Ordering::Relaxed) {
                let _ = fs::remove_dir(&remover_path);
            }
        });
        let failed =
            (0..2_000).find_map(|_| DirectoryLock::try_take(&path, &mut Watch::default()).err());
        over.store(true, Ordering::Relaxed);
        remover.join().unwrap();
        assert!(failed.is_none(), "{failed:?}");
    }

    #[test]
    fn a_dead_lock_is_taken_over_and_a_live_one_is_not() {
        // One of ours; one of the agent, whose holder may touch it in 15 s only.
        for (mode, enough_s, too_short_s) in [(MODE, 5, 2), (0o755, 19, 17)] {
            let (_directory, path) = scratch();
            let watch_for = |watched_s| {
                let mut watch = watched(&path, watched_s);
                DirectoryLock::try_take(&path, &mut watch).unwrap()
            };
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            age(&path, Duration::from_secs(29));
            assert!(watch_for(enough_s).is_none());
            assert!(path.exists());
            age(&path, Duration::from_secs(31));
            assert!(take(&path).is_none());
            assert!(watch_for(too_short_s).is_none());
            assert!(path.exists(), "it is watched first");
            assert!(watch_for(enough_s).is_none());
            assert!(!path.exists(), "the next attempt buries it");
            assert!(take(&path).is_some());
        }
    }

    #[test]
    fn a_lock_of_ours_bears_the_mark_that_others_see() {
        let (_directory, path) = scratch();
        let _lock = take(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o1700);
    }

    #[test]
    fn a_lock_that_was_taken_over_is_not_ours_and_not_removed() {
        let (_directory, path) = scratch();
        let lock = take(&path).unwrap();
        fs::remove_dir(&path).unwrap();
        assert!(!lock.is_ours());
        fs::create_dir(&path).unwrap();
        age(&path, Duration::from_secs(5));
        assert!(!lock.is_ours());
        drop(lock);
        assert!(path.exists(), "it is somebody else's");
    }

    #[test]
    fn burying_spares_a_lock_that_is_not_the_one_seen() {
        let (directory, path) = scratch();
        fs::create_dir(&path).unwrap();
        let seen = modified(&path).unwrap() - Duration::from_secs(60);
        bury(&path, seen).unwrap();
        assert!(path.exists());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_caught_by_mistake_is_put_back_unless_there_is_another() {
        for is_taken in [false, true] {
            let (directory, path) = scratch();
            let grave = directory.path().join("grave");
            fs::create_dir(&grave).unwrap();
            age(&grave, Duration::from_secs(7));
            let caught = modified(&grave).unwrap();
            if is_taken {
                fs::create_dir(&path).unwrap();
            }
            put_back(&grave, &path).unwrap();
            assert!(!grave.exists());
            assert_eq!(modified(&path).unwrap() == caught, !is_taken);
        }
    }

    #[test]
    fn a_lock_from_the_future_dies_once_it_was_watched_long_enough() {
        let (_directory, path) = scratch();
        fs::create_dir(&path).unwrap();
        let touch_at = |at: SystemTime| {
            File::open(&path).unwrap().set_modified(at).unwrap();
            fs::symlink_metadata(&path).unwrap()
        };
        let future = SystemTime::now() + Duration::from_secs(3600);
        let lock = touch_at(future);
        assert!(!Watch::default().is_dead(&lock).unwrap());
        let mut watch = watched(&path, 31);
        assert!(watch.is_dead(&lock).unwrap());
        let touched = touch_at(future + Duration::from_secs(1));
        assert!(!watch.is_dead(&touched).unwrap(), "it was touched");
    }
}
