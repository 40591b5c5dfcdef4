//! Opening plain files, and nothing else that somebody may have put in their place; and making the
//! small ones beside the credential file, for its owner.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::OFlags;

/// Creates a file that is not there yet, for the owner of the directory alone.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // Whatever the umask takes away, this user needs.
    file.set_permissions(Permissions::from_mode(0o600))?;
    // Root that works for a user must leave them what they can use.
    if let Some(directory) = path.parent().and_then(|parent| fs::metadata(parent).ok()) {
        let _ = own_as(&file, &directory);
    }
    Ok(file)
}

/// Opens a file that is there, with `extra` flags. A pipe does not hang, and is none.
pub(crate) fn open_plain(
    options: &mut OpenOptions,
    path: &Path,
    extra: OFlags,
) -> io::Result<File> {
    let file = options.custom_flags(flags(extra | OFlags::NONBLOCK)).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Opens a directory itself, not one that a link leads to.
pub(super) fn open_directory(path: &Path) -> io::Result<File> {
    let only = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(flags(only)).open(path)
}

/// Gives `file`, which this process has made, to whom `like` belongs to. A group that cannot be
/// kept is none to insist on.
pub(super) fn own_as(file: &File, like: &fs::Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    match fchown(file, Some(like.uid()), Some(like.gid())) {
        Err(error) if own.uid() != like.uid() => Err(error),
        _ => Ok(()),
    }
}

/// The flags of `OpenOptions` are an `i32`, as in C.
pub(crate) fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}
