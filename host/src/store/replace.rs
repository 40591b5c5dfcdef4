//! A temporary file that becomes the credential file, or vanishes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::MAX_BYTES;
use super::dir::{Dir, is_unsupported, own_as, sync};

/// How much more room than the present file is taken, in bytes: an entry grows by less.
const SPARE_BYTES: u64 = 16 * 1024;
/// How often a rename that was refused is tried again, and how long apart.
const MORE_RENAMES: u32 = 3;
const RENAME_PAUSE: Duration = Duration::from_millis(50);

/// A file beside the target, with room taken so that writing it later does not fail for want of
/// space (as far as the file system keeps such a promise). Dropped before it is in place, it is
/// removed.
pub(super) struct Replacement {
    dir: Dir,
    target: OsString,
    /// The name of the temporary file.
    name: OsString,
    file: File,
    in_place: bool,
}

impl Replacement {
    /// Creates it, and tries everything that [`commit`](Self::commit) will need: nothing may be
    /// sent whose answer could not be stored.
    pub(super) fn prepare(target: &Path) -> io::Result<Self> {
        let mut replacement = Self::create(target)?;
        replacement.rehearse()?;
        Ok(replacement)
    }

    /// Creates it, readable by this user alone from the first moment, and makes sure that the
    /// target may be replaced.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let (dir, target_name) = Dir::of(target)?;
        // A file that is marked immutable lets nobody open it so, nor rename over it.
        let present = match dir.open_file(target_name, OFlags::empty()) {
            Ok(file) => Some(file.metadata()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let length = present.as_ref().map_or(0, fs::Metadata::len);
        // One that nobody reads is replaced by nobody: there is no room to be taken for it.
        if length > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let name = temporary_name(target_name)?;
        let file = dir.create_file(&name)?;
        let target = target_name.to_os_string();
        let replacement = Replacement { dir, target, name, file, in_place: false };
        match &present {
            // Root that refreshes a user's file must not take it away from them.
            Some(present) => own_as(&replacement.file, present)?,
            // Nor make one that they cannot read.
            None => {
                let _ = own_as(&replacement.file, &replacement.dir.metadata()?);
            }
        }
        let zeros = vec![0; usize::try_from(length + SPARE_BYTES).unwrap_or(usize::MAX)];
        (&replacement.file).write_all(&zeros)?;
        Ok(replacement)
    }

    /// Syncs the temporary file and renames it over another one.
    fn rehearse(&mut self) -> io::Result<()> {
        match sync(&self.file) {
            // There a sync protects nothing, so its failure is no reason to stop.
            Err(error) if is_unsupported(&error) => {}
            result => result?,
        }
        let second = temporary_name(&self.target)?;
        drop(self.dir.create_file(&second)?);
        if let Err(error) = self.dir.rename(&self.name, &second) {
            let _ = self.dir.remove_file(&second);
            return Err(error);
        }
        self.name = second;
        Ok(())
    }

    /// True if the file system keeps others out, as it was asked to.
    pub(super) fn is_private(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.mode() & 0o077 == 0)
    }

    /// Returns the directory in which it is.
    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Writes `contents`, and once they are safe asks `may_replace` for the last time before the
    /// file takes the target's place. Tells whether it did.
    pub(super) fn commit(
        mut self,
        contents: &[u8],
        may_replace: impl Fn() -> bool,
    ) -> io::Result<bool> {
        self.file.rewind()?;
        self.file.write_all(contents)?;
        self.file.set_len(contents.len() as u64)?;
        // These contents exist nowhere else: a file that may not survive a power cut beats none.
        let _ = sync(&self.file);
        let mut refused = 0;
        loop {
            if !may_replace() {
                return Ok(false);
            }
            match self.dir.rename(&self.name, &self.target) {
                Ok(()) => {
                    self.in_place = true;
                    // What could still fail is only its survival of a power cut.
                    self.dir.sync();
                    return Ok(true);
                }
                // The target is a mount point of its own, as in containers that are given this one
                // file. That does not change.
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => break,
                Err(error) if is_refusal(&error) && refused == MORE_RENAMES => break,
                Err(error) if is_refusal(&error) => {
                    refused += 1;
                    std::thread::sleep(RENAME_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        overwrite(&self.dir, &self.target, contents).map(|()| true)
    }
}

/// Returns whether a name cannot be changed here, while the file may still be written.
fn is_refusal(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    let refusals = [Errno::PERM, Errno::ACCESS, Errno::STALE, Errno::XDEV, Errno::TXTBSY];
    errno.is_some_and(|errno| refusals.contains(&errno)) || is_unsupported(error)
}

/// Writes the target where it stands, as the agent does: for contents that exist nowhere else,
/// where no file can take its place. Tells whether `may_replace` allowed it; `refusal` is why it is
/// needed.
pub(super) fn write_in_place(
    target: &Path,
    contents: &[u8],
    refusal: io::Error,
    may_replace: impl Fn() -> bool,
) -> io::Result<bool> {
    if !is_refusal(&refusal) {
        return Err(refusal);
    }
    let (dir, name) = Dir::of(target)?;
    match may_replace() {
        true => overwrite(&dir, name, contents).map(|()| true),
        false => Ok(false),
    }
}

fn overwrite(dir: &Dir, target: &OsStr, contents: &[u8]) -> io::Result<()> {
    let mut file = dir.open_file(target, OFlags::CREATE)?;
    let (old, new) = (file.metadata()?.len(), contents.len() as u64);
    // Room first: blanks behind a document do no harm, half a document does.
    if let Some(more) = new.checked_sub(old) {
        let blanks = vec![b' '; usize::try_from(more).unwrap_or(usize::MAX)];
        file.seek(io::SeekFrom::End(0))?;
        if let Err(error) = file.write_all(&blanks) {
            let _ = file.set_len(old);
            return Err(error);
        }
    }
    file.rewind()?;
    file.write_all(contents)?;
    file.set_len(new)?;
    let _ = sync(&file);
    Ok(())
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.in_place {
            let _ = self.dir.remove_file(&self.name);
        }
    }
}

const SUFFIX: &str = ".tmp";

fn prefix(target: &OsStr) -> String {
    format!(".{}.", target.to_string_lossy())
}

fn temporary_name(target: &OsStr) -> io::Result<OsString> {
    let (process, random) = (std::process::id(), getrandom::u64().map_err(io::Error::other)?);
    Ok(format!("{}{process}-{random:016x}{SUFFIX}", prefix(target)).into())
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
    let prefix = prefix(target.file_name().unwrap_or_default());
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
