//! The credential file: which one it is, and reading, locking and replacing it.

mod lock;
mod replace;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pi_auth_core::error::StoreFailure;
use pi_auth_core::flow::Event;
use pi_auth_core::secret::Secret;

use lock::{Lock, LockError};
use replace::Replacement;

/// The largest file that is read, in bytes (1 MiB): no credential file comes near it.
const MAX_BYTES: u64 = 1 << 20;

/// The agent's directory and the files in it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    overrides: PathBuf,
    home: Option<PathBuf>,
}

/// The lock on the credential file, with the room to replace it already taken.
pub(crate) struct Held {
    target: PathBuf,
    // Above the lock: fields are dropped from the top, and nobody may sweep it before it is gone.
    replacement: Option<Replacement>,
    lock: Lock,
}

impl Held {
    /// Whether this still is the lock on the file that is in use.
    pub(crate) fn is_current(&self, store: &Store) -> bool {
        real(&store.path()).is_ok_and(|target| target == self.target) && self.lock.is_ours()
    }
}

impl Store {
    pub(crate) fn new(directory: PathBuf, overrides: PathBuf, home: Option<PathBuf>) -> Self {
        Store { directory, overrides, home }
    }

    /// A path as it is shown to people: with `~` for the home directory.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let below_home = self.home.as_ref().and_then(|home| path.strip_prefix(home).ok());
        let text = match below_home {
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        };
        text.chars().filter(|c| !c.is_control()).collect()
    }

    /// Reads the overrides file.
    pub(crate) fn read_overrides(&self) -> Event {
        let path = self.shown(&self.overrides);
        match read(&self.overrides) {
            Ok(contents) => Event::OverridesRead { path, contents },
            Err(failure) => Event::StoreFailed { path, failure },
        }
    }

    /// Reads the credential file: one open where it is `auth.json`.
    pub(crate) fn read(&self) -> Event {
        let preferred = self.directory.join("auth.json");
        let (path, result) = match read(&preferred) {
            Ok(None) => {
                let path = self.path();
                let result = read(&path);
                (path, result)
            }
            result => (preferred, result),
        };
        let path = self.shown(&path);
        match result {
            Ok(contents) => Event::StoreRead { path, contents },
            Err(failure) => Event::StoreFailed { path, failure },
        }
    }

    /// Reads under the lock, after proving that the file could be replaced.
    pub(crate) async fn probe(&self) -> Event {
        if let Err(error) = create_directory(&self.directory) {
            return self.failed(&self.directory, error);
        }
        match self.hold().await {
            Ok(_held) => self.read(),
            Err(event) => event,
        }
    }

    /// Takes the lock and the room for a new file.
    pub(crate) async fn hold(&self) -> Result<Held, Event> {
        let path = self.path();
        let target = real(&path).map_err(|error| self.failed(&path, error))?;
        let lock = lock::take(&target).await.map_err(|error| match error {
            LockError::TimedOut(lock) => Event::LockTimedOut { path: self.shown(&lock) },
            LockError::Io(at, error) => self.failed(&at, error),
        })?;
        replace::sweep(&target);
        let replacement =
            Replacement::prepare(&target).map_err(|error| self.failed(&path, error))?;
        Ok(Held { target, replacement: Some(replacement), lock })
    }

    /// Replaces the file. Without `held`, or with a lock that somebody took over, only `unlocked`
    /// makes it write.
    pub(crate) fn write(
        &self,
        held: Option<&mut Held>,
        contents: &Secret,
        unlocked: bool,
    ) -> Event {
        // The agent may have moved oauth.json to auth.json since the lock was taken.
        let held = held.filter(|held| held.is_current(self));
        if held.is_none() && !unlocked {
            return Event::LockLost;
        }
        let path = self.path();
        let prepared = held.and_then(|held| held.replacement.take());
        let replacement = match prepared {
            Some(replacement) => Ok(replacement),
            None => real(&path).and_then(|target| Replacement::prepare(&target)),
        };
        match replacement.and_then(|it| it.commit(contents.expose().as_bytes())) {
            Ok(()) => Event::Written,
            Err(error) => self.failed(&path, error),
        }
    }

    /// `auth.json` if there is one, else the seed's `oauth.json`.
    fn path(&self) -> PathBuf {
        let preferred = self.directory.join("auth.json");
        // A link that points nowhere yet is there, too.
        if fs::symlink_metadata(&preferred).is_ok() {
            preferred
        } else {
            self.directory.join("oauth.json")
        }
    }

    fn failed(&self, path: &Path, error: io::Error) -> Event {
        Event::StoreFailed { path: self.shown(path), failure: failure(error) }
    }
}

/// The text of a file; `None` where there is none.
fn read(path: &Path) -> Result<Option<Secret>, StoreFailure> {
    // Non-blocking, or a pipe in the file's place would hang the open.
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let nonblocking = i32::try_from(flags).unwrap_or(0);
    let file = match OpenOptions::new().read(true).custom_flags(nonblocking).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure(error)),
    };
    let metadata = file.metadata().map_err(failure)?;
    if !metadata.is_file() {
        return Err(StoreFailure::NotAFile);
    }
    if metadata.len() > MAX_BYTES {
        return Err(StoreFailure::TooLarge);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failure)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(StoreFailure::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|_| StoreFailure::NotUtf8)?;
    Ok(Some(Secret::new(text)))
}

/// Creates the directory, and those above it, for this user alone.
fn create_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Where a path leads after all symbolic links; the file itself need not be there yet.
fn real(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..40 {
        let parent = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        match fs::read_link(&path) {
            Ok(target) => path = parent.join(target),
            Err(_) => {
                let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
                return Ok(fs::canonicalize(&parent)?.join(name));
            }
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// Makes a change of names in a directory durable.
fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some file systems cannot, and then need not.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

fn failure(error: io::Error) -> StoreFailure {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::PermissionDenied => StoreFailure::PermissionDenied,
        Kind::ReadOnlyFilesystem => StoreFailure::ReadOnly,
        Kind::StorageFull | Kind::QuotaExceeded => StoreFailure::NoSpace,
        Kind::IsADirectory => StoreFailure::NotAFile,
        _ => StoreFailure::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
