//! Looking at lock directories for somebody who does not want them: for the doctor.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{STALE_AFTER, Watch, modified};

/// How alive a lock looks to somebody who does not want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// Nobody holds it.
    Free,
    /// It was touched this long ago, which is not long; `None` for one whose time lies ahead.
    Beats(Option<Duration>),
    /// It was last touched this long ago, and not while it was watched.
    Dead(Duration),
    /// Something else stands in its place.
    NotADirectory,
}

/// Feels for it, by what a waiter goes by: a lock that looks old is watched for some seconds.
pub(crate) async fn pulse(path: &Path) -> io::Result<Pulse> {
    let mut watch = Watch::default();
    loop {
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Pulse::Free),
            result => result?,
        };
        if !metadata.is_dir() {
            return Ok(Pulse::NotADirectory);
        }
        let touched = metadata.modified()?;
        let age = SystemTime::now().duration_since(touched).ok();
        match age {
            Some(age) if watch.is_dead(&metadata)? => return Ok(Pulse::Dead(age)),
            Some(age) if age > STALE_AFTER => tokio::time::sleep(LOOK_EVERY).await,
            age => return Ok(Pulse::Beats(age)),
        }
    }
}

/// How often a lock is looked at that may be dead.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Dead locks that were set aside by somebody who was killed before they could be removed. What was
/// set aside a moment ago may still be put back.
pub(in crate::store) fn graves(path: &Path) -> Vec<PathBuf> {
    let is_old = |grave: &PathBuf| {
        let age = modified(grave).ok().and_then(|touched| touched.elapsed().ok());
        age.unwrap_or_default() > 2 * STALE_AFTER
    };
    set_aside(path).into_iter().filter(is_old).collect()
}

/// The same, however lately that was.
pub(in crate::store) fn set_aside(path: &Path) -> Vec<PathBuf> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let prefix = format!("{}.", name.to_string_lossy());
    let is_grave = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        let is_ours = random
            .is_some_and(|it| it.len() == 16 && it.bytes().all(|byte| byte.is_ascii_hexdigit()));
        is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir())
    };
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries.filter(is_grave).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::mark;
    use super::super::tests::{age, scratch, take};
    use super::*;

    #[tokio::test]
    async fn whoever_only_looks_watches_a_lock_that_looks_old_and_leaves_it() {
        let (_directory, path) = scratch();
        assert_eq!(pulse(&path).await.unwrap(), Pulse::Free);
        let lock = take(&path).unwrap();
        assert!(matches!(pulse(&path).await.unwrap(), Pulse::Beats(Some(_))));
        // A machine has slept, and the holder touches it next.
        age(&path, Duration::from_secs(3600));
        *lock.touched.lock().unwrap() = modified(&path).unwrap();
        assert!(matches!(pulse(&path).await.unwrap(), Pulse::Beats(Some(_))));
        drop(lock);
        fs::create_dir(&path).unwrap();
        mark(&fs::File::open(&path).unwrap());
        age(&path, Duration::from_secs(3600));
        assert!(matches!(pulse(&path).await.unwrap(), Pulse::Dead(age) if age.as_secs() >= 3600));
        assert!(path.exists());
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(pulse(&path).await.unwrap(), Pulse::NotADirectory);
    }

    #[test]
    fn only_what_was_set_aside_long_ago_is_a_grave() {
        let (directory, path) = scratch();
        for (name, age_s) in [
            ("auth.json.lock.0123456789abcdef", 3600),
            ("auth.json.lock.fedcba9876543210", 1),
            ("auth.json.lock.notes", 3600),
            ("auth.json.lock", 3600),
        ] {
            fs::create_dir(directory.path().join(name)).unwrap();
            age(&directory.path().join(name), Duration::from_secs(age_s));
        }
        let grave = directory.path().join("auth.json.lock.0123456789abcdef");
        assert_eq!(graves(&path), [grave]);
    }
}
