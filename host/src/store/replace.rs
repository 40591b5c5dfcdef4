//! A temporary file that becomes the credential file, or vanishes.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::plain::own_as;
use super::{MAX_BYTES, sync_directory};

/// How much more room than the present file is taken, in bytes: an entry grows by less.
const SPARE_BYTES: u64 = 16 * 1024;

/// A file beside the target, with room taken so that writing it later does not fail for want of
/// space (as far as the file system keeps such a promise). Dropped before it is in place, it is
/// removed.
pub(super) struct Replacement {
    target: PathBuf,
    path: PathBuf,
    file: File,
    in_place: bool,
}

impl Replacement {
    /// Creates it, readable by this user alone from the first moment, and makes sure that the
    /// target may be replaced.
    pub(super) fn prepare(target: &Path) -> io::Result<Self> {
        let present = match fs::metadata(target) {
            Ok(metadata) if !metadata.is_file() => return Err(io::ErrorKind::IsADirectory.into()),
            // One that nobody reads is replaced by nobody: there is no room to be taken for it.
            Ok(metadata) if metadata.len() > MAX_BYTES => {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if present.is_some() {
            // A file that is marked immutable lets nobody open it so, nor rename over it.
            OpenOptions::new().write(true).open(target)?;
        }
        let path = target.with_file_name(format!(
            "{}{}-{:016x}{SUFFIX}",
            prefix(target),
            std::process::id(),
            getrandom::u64().map_err(io::Error::other)?,
        ));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let replacement = Replacement { target: target.to_path_buf(), path, file, in_place: false };
        // Whatever the umask takes away, this user needs.
        replacement.file.set_permissions(Permissions::from_mode(0o600))?;
        // Root that refreshes a user's file must not take it away from them.
        if let Some(present) = &present {
            own_as(&replacement.file, present)?;
        }
        let room = present.map_or(0, |metadata| metadata.len()) + SPARE_BYTES;
        let zeros = vec![0; usize::try_from(room).unwrap_or(usize::MAX)];
        (&replacement.file).write_all(&zeros)?;
        Ok(replacement)
    }

    /// Writes `contents`, and once they are safe asks `may_replace` for the last time before the
    /// file takes the target's place. Tells whether it did.
    pub(super) fn commit(
        mut self,
        contents: &[u8],
        may_replace: impl FnOnce() -> bool,
    ) -> io::Result<bool> {
        fill(&mut self.file, contents)?;
        if !may_replace() {
            return Ok(false);
        }
        match fs::rename(&self.path, &self.target) {
            Ok(()) => self.in_place = true,
            // The target is a mount point of its own, as in containers that are given this one
            // file. It can only be written as the agent writes it.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                fill(&mut OpenOptions::new().write(true).open(&self.target)?, contents)?;
            }
            Err(error) => return Err(error),
        }
        // The new file is in place: what could still fail is only its survival of a power cut.
        let _ = self.target.parent().map(sync_directory);
        Ok(true)
    }
}

fn fill(file: &mut File, contents: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(contents)?;
    file.set_len(contents.len() as u64)?;
    file.sync_all()
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.in_place {
            let _ = fs::remove_file(&self.path);
        }
    }
}

const SUFFIX: &str = ".tmp";

fn prefix(target: &Path) -> String {
    format!(".{}.", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes what killed processes left behind. To be called under the lock.
pub(super) fn sweep(target: &Path) {
    for path in leftovers(target) {
        let _ = fs::remove_file(path);
    }
}

/// What killed processes left behind. Under the lock nobody else has one in use, but for a writer
/// that could not have the lock: what a process that can be seen alive has just made is spared.
pub(super) fn leftovers(target: &Path) -> Vec<PathBuf> {
    let Some(entries) = target.parent().and_then(|parent| fs::read_dir(parent).ok()) else {
        return Vec::new();
    };
    let prefix = prefix(target);
    let is_left_over = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let Some(process) = maker(&name.to_string_lossy(), &prefix) else { return false };
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
        let is_gone = test_kill_process(process) == Err(Errno::SRCH);
        age > YOUNG || is_gone
    };
    entries.flatten().filter(is_left_over).map(|entry| entry.path()).collect()
}

/// How old a living process's file must be: from making one to renaming it takes milliseconds,
/// unless the lock is held meanwhile.
const YOUNG: Duration = Duration::from_secs(5);

/// The process that made the file of this name; `None` for a name that is not one of ours.
fn maker(name: &str, prefix: &str) -> Option<Pid> {
    let (process, random) = name.strip_prefix(prefix)?.strip_suffix(SUFFIX)?.split_once('-')?;
    u64::from_str_radix(random, 16).ok()?;
    Pid::from_raw(process.parse().ok().filter(|id| *id > 0)?)
}
