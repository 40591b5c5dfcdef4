//! Resolving paths and their links.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// How many links are followed.
const MAX_LINKS: u32 = 40;

/// The same path with something behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

/// A path with its directory's links followed, but not its own: what the agent calls the file.
pub(super) fn beside_itself(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    if geteuid().is_root() {
        let around = resolve(path.parent().unwrap_or(Path::new("/")))?;
        return Ok(fs::canonicalize(around)?.join(name));
    }
    Ok(fs::canonicalize(path.parent().unwrap_or(Path::new("/")))?.join(name))
}

/// Where a path leads after all symbolic links; the file itself need not be there yet.
pub(super) fn real(path: &Path) -> io::Result<PathBuf> {
    if geteuid().is_root() {
        return beside_itself(&resolve(path)?);
    }
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
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

/// A part of a path that is still to be followed.
enum Part {
    Name(OsString),
    /// A link of this user ends here, and must have led to what is theirs.
    OwnedBy(u32),
}

/// Follows all links of `path` for root; what is not there yet stands as it was written.
///
/// # Errors
/// Fails on a user's link to what is not theirs: root would write there for them.
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut left = Vec::new();
    let mut at = PathBuf::from("/");
    push(&mut left, &std::path::absolute(path)?);
    let mut links = 0;
    while let Some(part) = left.pop() {
        let name = match part {
            Part::Name(name) => name,
            Part::OwnedBy(user) if owner_of_nearest(&at) == Some(user) => continue,
            Part::OwnedBy(user) => {
                let (path, at) = (path.display(), at.display());
                return Err(io::Error::other(format!(
                    "{path} leads to {at} by a link of user {user}, to whom that does not belong; \
                     remove the link, or run this as that user"
                )));
            }
        };
        if name == ".." {
            at.pop();
            continue;
        }
        at.push(name);
        let Ok(link) = fs::symlink_metadata(&at) else { continue };
        if link.is_symlink() {
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other("too many levels of symbolic links"));
            }
            if link.uid() != 0 {
                left.push(Part::OwnedBy(link.uid()));
            }
            push(&mut left, &fs::read_link(&at)?);
            at.pop();
        }
    }
    Ok(at)
}

fn push(left: &mut Vec<Part>, path: &Path) {
    left.extend(path.components().rev().map(|part| Part::Name(part.as_os_str().to_owned())));
}

/// Returns the owner of what is at `path`, or else of the nearest directory above it.
fn owner_of_nearest(path: &Path) -> Option<u32> {
    path.ancestors().find_map(|at| Some(fs::symlink_metadata(at).ok()?.uid()))
}
