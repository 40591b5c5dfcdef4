//! Where paths lead.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The same path with something behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

/// A path with its directory's links followed, but not its own: what the agent calls the file.
pub(super) fn beside_itself(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(fs::canonicalize(path.parent().unwrap_or(Path::new("/")))?.join(name))
}

/// Where a path leads after all symbolic links; the file itself need not be there yet.
pub(super) fn real(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..40 {
        let parent = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        match fs::read_link(&path) {
            Ok(target) => path = parent.join(target),
            Err(_) => {
                return beside_itself(&path);
            }
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}
