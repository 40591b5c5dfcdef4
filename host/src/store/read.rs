//! Reading a file with care, and what its failures are called.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use pi_auth_core::error::StoreFailure;
use pi_auth_core::secret::Secret;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::MAX_BYTES;
use super::dir::flags;

/// The text of a file, and the metadata of the file that was opened.
pub(super) type Opened = (Secret, Metadata);

/// Reads the file at `path`; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Opened>, StoreFailure> {
    // Non-blocking, or a pipe in the file's place would hang the open.
    let nonblocking = flags(OFlags::NONBLOCK);
    let file = match OpenOptions::new().read(true).custom_flags(nonblocking).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure(error)),
    };
    read_file(file).map(Some)
}

/// Reads an open file.
pub(super) fn read_file(file: File) -> Result<Opened, StoreFailure> {
    let metadata = file.metadata().map_err(failure)?;
    if metadata.is_dir() {
        return Err(StoreFailure::IsADirectory);
    }
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
    Ok((Secret::new(text), metadata))
}

/// Converts a system error to a store failure.
pub(crate) fn failure(error: io::Error) -> StoreFailure {
    use io::ErrorKind as Kind;
    match Errno::from_io_error(&error) {
        // What a socket says that is opened like a file.
        Some(Errno::NXIO) => return StoreFailure::NotAFile,
        Some(Errno::MFILE | Errno::NFILE) => return StoreFailure::TooManyOpenFiles,
        Some(Errno::FBIG) => return StoreFailure::FileSizeLimit,
        _ => {}
    }
    match error.kind() {
        Kind::PermissionDenied => StoreFailure::PermissionDenied,
        Kind::ReadOnlyFilesystem => StoreFailure::ReadOnly,
        Kind::StorageFull | Kind::QuotaExceeded => StoreFailure::NoSpace,
        Kind::IsADirectory => StoreFailure::IsADirectory,
        Kind::FileTooLarge => StoreFailure::TooLarge,
        _ => StoreFailure::Other(error.to_string()),
    }
}
