//! A temporary file that becomes the credential file, or vanishes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::sync_directory;

/// How much more room than the present file is taken, in bytes: an entry grows by less.
const SPARE_BYTES: u64 = 16 * 1024;

/// A file beside the target, with enough room taken that writing it later cannot fail for want of
/// space. Dropped without [`Replacement::commit`], it is removed.
pub(super) struct Replacement {
    target: PathBuf,
    path: PathBuf,
    file: File,
    committed: bool,
}

impl Replacement {
    /// Creates it, readable by this user alone from the first moment.
    pub(super) fn prepare(target: &Path) -> io::Result<Self> {
        let present = match fs::metadata(target) {
            Ok(metadata) if !metadata.is_file() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let path = target.with_file_name(format!(
            "{}{}-{:016x}{SUFFIX}",
            prefix(target),
            std::process::id(),
            getrandom::u64().map_err(io::Error::other)?,
        ));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let replacement =
            Replacement { target: target.to_path_buf(), path, file, committed: false };
        // Root that refreshes a user's file must not take it away from them.
        if let Some(present) = &present {
            let own = replacement.file.metadata()?;
            if (own.uid(), own.gid()) != (present.uid(), present.gid()) {
                let kept = fchown(&replacement.file, Some(present.uid()), Some(present.gid()));
                if own.uid() != present.uid() {
                    kept?;
                }
            }
        }
        let room = present.map_or(0, |metadata| metadata.len()) + SPARE_BYTES;
        let zeros = vec![0; usize::try_from(room).unwrap_or(usize::MAX)];
        (&replacement.file).write_all(&zeros)?;
        Ok(replacement)
    }

    /// Writes `contents` and puts the file in the target's place, durably.
    pub(super) fn commit(mut self, contents: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(contents)?;
        self.file.set_len(contents.len() as u64)?;
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        self.committed = true;
        // The new file is in place: what could still fail is only its survival of a power cut.
        let _ = self.target.parent().map(sync_directory);
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

const SUFFIX: &str = ".tmp";

fn prefix(target: &Path) -> String {
    format!(".{}.", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes what killed processes left behind. Under the lock nobody else has one in use.
pub(super) fn sweep(target: &Path) {
    let Some(entries) = target.parent().and_then(|parent| fs::read_dir(parent).ok()) else {
        return;
    };
    let prefix = prefix(target);
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&prefix) && name.ends_with(SUFFIX) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
