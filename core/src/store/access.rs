//! Which files are believed, by who could have changed them: as ssh does with its own.
//!
//! The overrides file decides where tokens go, so one that somebody else can change is refused. A
//! credential file that somebody else can change is used, but never in silence.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::json::or_default;
use crate::text::{plain, shell};

/// Root's user id.
const ROOT: u32 = 0;
/// Every right of the group.
const GROUP: u32 = 0o070;
/// The right of the group to write.
const GROUP_WRITE: u32 = 0o020;
/// The right of everybody to write.
const OTHER_WRITE: u32 = 0o002;
/// Files in a sticky directory are renamed and removed by their owners alone.
const STICKY: u32 = 0o1000;

/// Owner, group and mode of a file that was opened, and of the directories that lead to it.
///
/// Hosts on systems without these leave it out of their events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Access {
    /// The effective user id of this process.
    pub user: u32,
    /// Its effective group id.
    pub group: u32,
    /// The owner of the agent's directory, whom root works for.
    #[cfg_attr(test, ts(optional))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<u32>,
    /// The file that was opened (`fstat`).
    pub file: Owned,
    /// The directory that was named, and that of the file in the end, where links lead elsewhere.
    #[cfg_attr(test, ts(as = "Option<_>", optional))]
    #[serde(default, deserialize_with = "or_default")]
    pub directories: Vec<Directory>,
}

/// Owner, group and mode of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Owned {
    /// The user id of the owner.
    pub owner: u32,
    /// The group id.
    pub group: u32,
    /// The permission bits, with the sticky bit.
    pub mode: u32,
}

/// A directory on the way to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "FlatDirectory")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Directory {
    /// Its path, as it is shown to people.
    pub path: String,
    /// Owner, group and mode.
    #[serde(flatten)]
    pub owned: Owned,
}

/// The members of a [`Directory`] as they are read: serde's `flatten` would copy them.
#[derive(Deserialize)]
struct FlatDirectory {
    path: String,
    owner: u32,
    group: u32,
    mode: u32,
}

impl From<FlatDirectory> for Directory {
    fn from(flat: FlatDirectory) -> Self {
        let FlatDirectory { path, owner, group, mode } = flat;
        Directory { path, owned: Owned { owner, group, mode } }
    }
}

/// A reason why somebody else could have changed a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file belongs to another user.
    Owner {
        /// The user id of the owner.
        owner: u32,
        /// The user id that it should belong to.
        expected: u32,
    },
    /// Others can write the file.
    Writable {
        /// Its mode.
        mode: u32,
    },
    /// The directory of the file belongs to another user.
    DirectoryOwner {
        /// The directory.
        path: String,
        /// The user id of its owner.
        owner: u32,
    },
    /// Others can write the directory of the file.
    DirectoryWritable {
        /// The directory.
        path: String,
        /// Its mode.
        mode: u32,
    },
}

impl Access {
    /// Returns why an overrides file is refused, if it is. One of root's is as good as one's own.
    pub(crate) fn overrides_fault(&self) -> Option<Fault> {
        self.fault(|owner| self.is_own(owner) || owner == ROOT)
    }

    /// Returns what a person has to be told of the credential file, if anything.
    pub fn credentials_fault(&self) -> Option<Fault> {
        self.fault(|owner| self.is_own(owner))
    }

    fn fault(&self, may_own_file: impl Fn(u32) -> bool) -> Option<Fault> {
        let Owned { owner, mode, .. } = self.file;
        if !may_own_file(owner) {
            return Some(Fault::Owner { owner, expected: self.expected() });
        }
        if self.is_writable(self.file) {
            return Some(Fault::Writable { mode: mode & 0o7777 });
        }
        self.directories.iter().find_map(|directory| {
            let Directory { path, owned } = directory;
            let path = plain(path);
            if !self.is_own(owned.owner) && owned.owner != ROOT {
                return Some(Fault::DirectoryOwner { path, owner: owned.owner });
            }
            let is_open = owned.is_open_directory(self.user, self.group);
            is_open.then_some(Fault::DirectoryWritable { path, mode: owned.mode & 0o7777 })
        })
    }

    /// Returns whether `owner` is this user, or the user whom root works for.
    fn is_own(&self, owner: u32) -> bool {
        owner == self.user || self.user == ROOT && self.served == Some(owner)
    }

    fn expected(&self) -> u32 {
        self.served.filter(|_| self.user == ROOT).unwrap_or(self.user)
    }

    fn is_writable(&self, owned: Owned) -> bool {
        owned.open_bits(self.user, self.group) & (GROUP_WRITE | OTHER_WRITE) != 0
    }
}

impl Owned {
    /// Returns the permission bits without those of a private group, in which nobody but the owner
    /// is: one with the number of the owner (`umask 002`). `user` and `group` are the effective ids
    /// of this process.
    pub fn open_bits(self, user: u32, group: u32) -> u32 {
        let is_private = self.group == self.owner && (self.owner != user || self.group == group);
        if is_private { self.mode & !GROUP } else { self.mode }
    }

    /// Returns whether somebody beside the owner may replace the files in this directory.
    pub fn is_open_directory(self, user: u32, group: u32) -> bool {
        let writable = self.open_bits(user, group) & (GROUP_WRITE | OTHER_WRITE) != 0;
        writable && self.mode & STICKY == 0
    }
}

impl Fault {
    /// Returns what to do about an overrides file at `path`, as a command where there is one.
    pub(crate) fn overrides_advice(&self, path: &str) -> String {
        let file = shell(path);
        match self {
            Self::Owner { expected, .. } => format!(
                "Look at what is in it. If it is right, make it your own: sudo chown {expected} \
                 {file}"
            ),
            Self::Writable { .. } => {
                format!("Look at what is in it, then let nobody else write it: chmod go-w {file}")
            }
            Self::DirectoryOwner { .. } => {
                "Look at what is in it. If it is right, move it to a directory of your own.".into()
            }
            Self::DirectoryWritable { path, .. } => format!(
                "Look at what is in it, then let nobody else write the directory: chmod go-w {}",
                shell(path)
            ),
        }
    }

    /// Returns what to tell a person about a credential file at `path`.
    pub fn credentials_note(&self, path: &str) -> String {
        let file = shell(path);
        let advice = match self {
            Self::Owner { .. } => format!(
                "Look at it (ls -l {file}); if you did not put it there, delete it and log in \
                 again."
            ),
            Self::Writable { .. } => format!(
                "Let nobody else write it (chmod go-w {file}); if somebody may have, log in again."
            ),
            Self::DirectoryOwner { .. } => {
                "Use a directory of your own (PI_CODING_AGENT_DIR), and log in again there.".into()
            }
            Self::DirectoryWritable { path, .. } => format!(
                "Let nobody else write it (chmod go-w {}); if somebody may have, log in again.",
                shell(path)
            ),
        };
        format!("{path} is in use, but {self}. {advice}")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner { owner, .. } => {
                write!(f, "it belongs to {}, who can change it", User(*owner))
            }
            Self::Writable { mode } => write!(f, "other users can change it (mode {mode:o})"),
            Self::DirectoryOwner { path, owner } => {
                write!(f, "its directory {path} belongs to {}, who can replace it", User(*owner))
            }
            Self::DirectoryWritable { path, mode } => write!(
                f,
                "other users can replace it, since they can write its directory {path} (mode \
                 {mode:o})"
            ),
        }
    }
}

/// A user of this machine, as messages name them.
pub(crate) struct User(pub(crate) u32);

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ROOT => f.write_str("root"),
            id => write!(f, "user {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: u32 = 1000;
    const OTHER: u32 = 1001;

    fn access(user: u32, file: (u32, u32, u32), directory: (u32, u32, u32)) -> Access {
        let owned = |(owner, group, mode)| Owned { owner, group, mode };
        let directories = [Directory { path: "~/d".into(), owned: owned(directory) }].into();
        let served = (user == ROOT).then_some(ME);
        Access { user, group: user, served, file: owned(file), directories }
    }

    /// Which of the faults it is: of the file, or of its directory; its owner, or its mode.
    fn kind(fault: Option<Fault>) -> &'static str {
        match fault {
            None => "",
            Some(Fault::Owner { .. }) => "owner",
            Some(Fault::Writable { .. }) => "mode",
            Some(Fault::DirectoryOwner { .. }) => "directory owner",
            Some(Fault::DirectoryWritable { .. }) => "directory mode",
        }
    }

    #[test]
    fn files_by_who_could_have_changed_them() {
        const OWN: (u32, u32, u32) = (ME, ME, 0o755);
        for (user, file, directory, overrides, credentials) in [
            (ME, (ME, ME, 0o600), OWN, "", ""),
            (ME, (ME, 100, 0o644), OWN, "", ""),
            // The group of that number is one's own: umask 002.
            (ME, (ME, ME, 0o664), (ME, ME, 0o775), "", ""),
            (ME, (ME, 100, 0o664), OWN, "mode", "mode"),
            (ME, (ME, OTHER, 0o660), OWN, "mode", "mode"),
            (ME, (ME, ME, 0o666), OWN, "mode", "mode"),
            (ME, (ME, ME, 0o602), OWN, "mode", "mode"),
            (ME, (OTHER, ME, 0o600), OWN, "owner", "owner"),
            (ME, (OTHER, OTHER, 0o644), OWN, "owner", "owner"),
            // Root's overrides are an administrator's; root's credential file is a slip of sudo.
            (ME, (ROOT, ROOT, 0o644), OWN, "", "owner"),
            (ME, (ROOT, 100, 0o664), OWN, "mode", "owner"),
            (ME, (ME, ME, 0o600), (ME, ME, 0o777), "directory mode", "directory mode"),
            (ME, (ME, ME, 0o600), (ME, 100, 0o775), "directory mode", "directory mode"),
            (ME, (ME, ME, 0o600), (ROOT, ROOT, 0o755), "", ""),
            // /tmp, and a sticky directory of somebody who may rename what is in it.
            (ME, (ME, ME, 0o600), (ROOT, ROOT, 0o1777), "", ""),
            (ME, (OTHER, OTHER, 0o600), (ROOT, ROOT, 0o1777), "owner", "owner"),
            (ME, (ME, ME, 0o600), (OTHER, OTHER, 0o1777), "directory owner", "directory owner"),
            (ME, (ME, ME, 0o600), (OTHER, OTHER, 0o755), "directory owner", "directory owner"),
            // Root works for the owner of the agent's directory.
            (ROOT, (ME, ME, 0o600), OWN, "", ""),
            (ROOT, (ME, ME, 0o664), OWN, "", ""),
            (ROOT, (ROOT, ROOT, 0o600), OWN, "", ""),
            (ROOT, (OTHER, OTHER, 0o600), OWN, "owner", "owner"),
            (ROOT, (ME, ME, 0o600), (OTHER, OTHER, 0o755), "directory owner", "directory owner"),
        ] {
            let access = access(user, file, directory);
            assert_eq!(kind(access.overrides_fault()), overrides, "{access:?}");
            assert_eq!(kind(access.credentials_fault()), credentials, "{access:?}");
        }
    }

    #[test]
    fn a_group_is_private_only_where_it_is_this_users_primary_one() {
        let mut access = access(ME, (ME, ME, 0o664), (ME, ME, 0o755));
        access.group = 100;
        assert_eq!(access.overrides_fault(), Some(Fault::Writable { mode: 0o664 }));
    }

    #[test]
    fn the_mend_is_a_command() {
        for (file, directory, command) in [
            ((OTHER, OTHER, 0o644), (ME, ME, 0o755), "sudo chown 1000 ~/'my dir/f'"),
            ((ME, ME, 0o666), (ME, ME, 0o755), "chmod go-w ~/'my dir/f'"),
            ((ME, ME, 0o644), (ME, ME, 0o777), "chmod go-w ~/d"),
        ] {
            let fault = access(ME, file, directory).overrides_fault().unwrap();
            let advice = fault.overrides_advice("~/my dir/f");
            assert!(advice.ends_with(command), "{advice}");
        }
        let fault = access(ROOT, (OTHER, OTHER, 0o644), (ME, ME, 0o755)).overrides_fault().unwrap();
        assert!(fault.overrides_advice("f").ends_with("sudo chown 1000 f"), "{fault}");
    }

    #[test]
    fn a_credential_file_of_others_is_not_to_be_adopted() {
        let fault = access(ME, (OTHER, OTHER, 0o644), (ME, ME, 0o755)).credentials_fault().unwrap();
        let note = fault.credentials_note("~/f");
        assert!(note.contains("belongs to user 1001") && note.contains("delete it"), "{note}");
        assert!(!note.contains("chown"), "{note}");
    }
}
