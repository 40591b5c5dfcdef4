//! An open directory. What is made in it is addressed through its descriptor, and gets its mode and
//! its owner through a descriptor of its own, so that nobody can swap a path between two calls.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::paths::resolve;

/// The mode of a directory of ours.
const PRIVATE: u32 = 0o700;

/// An open directory.
pub(super) struct Dir(File);

impl Dir {
    /// Opens the directory at `path`. Links are followed; for root, none that a user has made to
    /// what is not theirs.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match geteuid().is_root() {
            true => Self::open_resolved(&resolve(path)?),
            false => Self::open_path(path),
        }
    }

    /// Opens a path without links, name by name: should somebody put one there now, it is refused.
    fn open_resolved(path: &Path) -> io::Result<Self> {
        let mut at = Self::open_path(Path::new("/"))?;
        for name in path.components().skip(1) {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
            at = Dir(match at.open_at(name.as_os_str(), OFlags::RDONLY | flags) {
                // Root may be kept from listing on a file system of another machine.
                #[cfg(target_os = "linux")]
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    at.open_at(name.as_os_str(), OFlags::PATH | flags)?
                }
                result => result?,
            });
        }
        Ok(at)
    }

    fn open_path(path: &Path) -> io::Result<Self> {
        let open = |access: OFlags| {
            let flags = flags(access | OFlags::DIRECTORY);
            OpenOptions::new().read(true).custom_flags(flags).open(path).map(Dir)
        };
        match open(OFlags::empty()) {
            // Files can be made in a directory whose names this user may not list.
            #[cfg(target_os = "linux")]
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open(OFlags::PATH),
            result => result,
        }
    }

    /// Opens the directory in which `path` is, and returns it with the name that `path` has there.
    pub(super) fn of(path: &Path) -> io::Result<(Self, &OsStr)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((Self::open(path.parent().unwrap_or(Path::new("/")))?, name))
    }

    /// Returns the owner and the mode of the directory.
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.0.metadata()
    }

    /// Creates a file that is not there yet, readable by its owner alone.
    pub(super) fn create_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let file = self.open_at(name, flags)?;
        match set_mode(&file, 0o600) {
            Ok(()) => Ok(file),
            Err(error) => {
                let _ = self.remove_file(name);
                Err(error)
            }
        }
    }

    /// Opens a file for writing. Links are not followed, and a pipe does not hang.
    pub(super) fn open_file(&self, name: &OsStr, more: OFlags) -> io::Result<File> {
        let file =
            self.open_at(name, OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | more)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(Errno::NXIO.into()),
        }
    }

    /// Creates a directory that is not there yet, for its owner alone, and opens it. As root, it is
    /// given to the owner of this directory.
    pub(super) fn create_directory(&self, name: &OsStr) -> io::Result<File> {
        mkdirat(&self.0, name, Mode::from_raw_mode(PRIVATE as _))?;
        self.begin(name).inspect_err(|error| {
            // Another that has taken its place belongs to somebody else.
            if error.kind() != io::ErrorKind::NotFound {
                let _ = self.remove_directory(name);
            }
        })
    }

    fn begin(&self, name: &OsStr) -> io::Result<File> {
        let made = match self.open_directory(name) {
            // The umask may have taken the right to read away from its owner.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.allow_owner(name)?;
                self.open_directory(name)?
            }
            result => result?,
        };
        let parent = self.metadata()?;
        is_fresh(&made, &parent)?;
        set_mode(&made, PRIVATE)?;
        let _ = own_as(&made, &parent);
        Ok(made)
    }

    /// Opens a directory itself, not one that a link leads to.
    pub(super) fn open_directory(&self, name: &OsStr) -> io::Result<File> {
        self.open_at(name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)
    }

    /// Gives the owner the right to read a directory that cannot be opened without it.
    #[cfg(target_os = "linux")]
    fn allow_owner(&self, name: &OsStr) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let made = self.open_at(name, flags)?;
        if made.metadata()?.uid() != geteuid().as_raw() {
            return Err(replaced());
        }
        // `fchmod` refuses such a descriptor, but its name in /proc leads to the same directory.
        let path = format!("/proc/self/fd/{}", made.as_raw_fd());
        Ok(rustix::fs::chmod(path, Mode::from_raw_mode(PRIVATE as _))?)
    }

    #[cfg(not(target_os = "linux"))]
    fn allow_owner(&self, name: &OsStr) -> io::Result<()> {
        let mode = Mode::from_raw_mode(PRIVATE as _);
        Ok(rustix::fs::chmodat(&self.0, name, mode, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Renames a file in this directory, over whatever file has the new name.
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes a file.
    pub(super) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub(super) fn remove_directory(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Makes changes of names in it durable, as far as the file system can.
    pub(super) fn sync(&self) {
        let _ = sync(&self.0);
    }

    /// Returns another descriptor of the directory.
    pub(super) fn copy(&self) -> io::Result<File> {
        self.0.try_clone()
    }

    fn open_at(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        let mode = Mode::from_raw_mode(0o600);
        Ok(File::from(openat(self.0.as_fd(), name, flags | OFlags::CLOEXEC, mode)?))
    }
}

/// Creates the directory at `path`, and those above it, for this user alone. As root, they are
/// given to the owner of the nearest directory that was there.
pub(super) fn create_all(path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut above = path.to_path_buf();
    let mut dir = loop {
        match Dir::open(&above) {
            Ok(_) if missing.is_empty() => return Ok(()),
            Ok(dir) => break dir,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.push(above.file_name().ok_or(error)?.to_os_string());
                above.pop();
            }
            Err(error) => return Err(error),
        }
    };
    while let Some(name) = missing.pop() {
        dir = match dir.create_directory(&name) {
            Ok(made) => Dir(made),
            // Somebody else has just made it, and answers for its mode.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Dir(dir.open_at(&name, OFlags::RDONLY | OFlags::DIRECTORY)?)
            }
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

/// Returns the owner of what is at `path`, where that is neither this user nor whoever owns the
/// directory around it.
pub(super) fn foreign_owner(path: &Path) -> Option<u32> {
    let owner = std::fs::symlink_metadata(path).ok()?.uid();
    let around = std::fs::metadata(path.parent()?).ok()?.uid();
    (owner != geteuid().as_raw() && owner != around).then_some(owner)
}

/// Makes a file durable.
pub(super) fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        // There it asks the disk to empty its cache, which network file systems cannot.
        Err(_) if cfg!(target_os = "macos") => Ok(rustix::fs::fsync(file)?),
        result => result,
    }
}

/// Returns whether an error means that a file system has no such operation.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP].map(Some).contains(&errno)
}

/// Sets the mode of a file or directory that this process has just made: the umask may have taken
/// away what its owner needs.
pub(super) fn set_mode(made: &File, mode: u32) -> io::Result<()> {
    let refused = |error: &io::Error| {
        is_unsupported(error) || error.kind() == io::ErrorKind::PermissionDenied
    };
    match made.set_permissions(Permissions::from_mode(mode)) {
        // Some file systems have no modes (WSL's drives, FAT), and let their owner do everything.
        Err(error) if refused(&error) && made.metadata()?.mode() & mode & 0o700 == mode & 0o700 => {
            Ok(())
        }
        result => result,
    }
}

/// Gives `file`, which this process has made, to whom `like` belongs to. A group that cannot be
/// kept is none to insist on.
pub(super) fn own_as(file: &File, like: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    match fchown(file, Some(like.uid()), Some(like.gid())) {
        Err(error) if own.uid() != like.uid() => Err(error),
        _ => Ok(()),
    }
}

/// Refuses a directory that somebody has put in the place of the one that was just made there. That
/// one is empty, and belongs to this user, or to whoever the file system gives everything.
fn is_fresh(made: &File, parent: &Metadata) -> io::Result<()> {
    let owner = made.metadata()?.uid();
    let is_ours = owner == geteuid().as_raw() || owner == parent.uid();
    match is_ours && is_empty(made)? {
        true => Ok(()),
        false => Err(replaced()),
    }
}

fn is_empty(directory: &File) -> io::Result<bool> {
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        if ![c".", c".."].contains(&entry.file_name()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The new directory is not at its path any more, as if somebody had just removed it.
fn replaced() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "somebody replaced it while it was made")
}

/// The flags of `OpenOptions` are an `i32`, as in C.
pub(crate) fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}
