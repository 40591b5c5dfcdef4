//! Opening plain files, and nothing else that somebody may have put in their place; and making the
//! small ones beside the credential file, for its owner.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

pub(crate) use super::dir::flags;
use super::dir::{Dir, own_as};

/// Creates a file that is not there yet, for the owner of the directory alone.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let (dir, name) = Dir::of(path)?;
    let file = dir.create_file(name)?;
    // Root that works for a user must leave them what they can use.
    let _ = own_as(&file, &dir.metadata()?);
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
