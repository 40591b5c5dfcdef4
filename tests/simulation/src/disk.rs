//! What is on the disk: the credential file under either name, the locks beside it, and what a
//! power cut would leave of it.

use std::rc::Rc;

use crate::clock::Wall;

/// A process, native or foreign.
pub(crate) type Pid = u16;

/// The two names of the credential file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// `auth.json`, which is used if it is there.
    Auth,
    /// `oauth.json`, which the agent takes over when it starts.
    OAuth,
}

/// How a sync ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Syncing {
    #[default]
    Works,
    /// It is refused, and nothing is known of what is durable.
    Unsupported,
    /// With an error.
    Fails,
}

/// A file's contents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct File {
    pub(crate) text: Rc<str>,
    /// Another one after each change, as the inode and the time of change together are.
    pub(crate) version: u32,
    /// True if the contents would outlive a power cut.
    pub(crate) synced: bool,
}

/// The time of a lock directory: to the nanosecond, so never the same for two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mtime {
    pub(crate) at: Wall,
    pub(crate) by: Pid,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Disk {
    files: [Option<File>; 2],
    /// What a power cut leaves: the names as the directory last had them synced.
    durable: [Option<File>; 2],
    /// Whether the agent has just moved `oauth.json` away, and since when.
    pub(crate) migrated: Option<Wall>,
    /// `auth.json.lock`, whichever file is used.
    pub(crate) directory: Option<Mtime>,
    /// `auth.json.flock`, which is held by a process that is alive.
    pub(crate) kernel: Option<Pid>,
    /// Who has made temporary files that are still there.
    pub(crate) temporary: Vec<Pid>,
    /// `auth.json.backoff`.
    pub(crate) backoff: Option<Rc<str>>,
    pub(crate) syncing: Syncing,
    /// Set while every rename is refused.
    pub(crate) refuses_renames: bool,
    /// Number of times that the disk has begun to refuse what a save needs.
    pub(crate) breakdowns: u32,
    versions: u32,
}

impl Disk {
    /// A disk on which there is just this file, durably.
    pub(crate) fn with(name: Name, text: &str) -> Self {
        let mut disk = Disk::default();
        disk.replace(name, text.into(), true);
        disk.sync();
        disk
    }

    /// The name under which the file is used now.
    pub(crate) fn name(&self) -> Name {
        match self.file(Name::Auth) {
            Some(_) => Name::Auth,
            None => Name::OAuth,
        }
    }

    pub(crate) fn file(&self, name: Name) -> Option<&File> {
        self.files[name as usize].as_ref()
    }

    pub(crate) fn text(&self, name: Name) -> Option<Rc<str>> {
        self.file(name).map(|file| file.text.clone())
    }

    pub(crate) fn version(&self, name: Name) -> Option<u32> {
        self.file(name).map(|file| file.version)
    }

    /// Puts other contents under a name.
    pub(crate) fn replace(&mut self, name: Name, text: Rc<str>, synced: bool) {
        self.versions += 1;
        self.files[name as usize] = Some(File { text, version: self.versions, synced });
    }

    pub(crate) fn remove(&mut self, name: Name) {
        self.files[name as usize] = None;
    }

    /// Makes the names durable, where that works.
    pub(crate) fn sync(&mut self) {
        if self.syncing == Syncing::Works {
            self.durable.clone_from(&self.files);
        }
    }

    /// Makes everything work again.
    pub(crate) fn recover(&mut self) {
        (self.syncing, self.refuses_renames) = (Syncing::Works, false);
    }

    /// Returns whether a file was never written out because no sync works.
    pub(crate) fn holds_unsynced(&self) -> bool {
        let is_unsynced = self.files.iter().flatten().any(|file| !file.synced);
        is_unsynced && self.syncing != Syncing::Works
    }

    /// The power is gone. What was renamed and not yet synced may be there (`kept`) or not; what
    /// was never written out is empty.
    pub(crate) fn lose_power(&mut self, kept: bool) {
        if !kept {
            self.files.clone_from(&self.durable);
        }
        for file in self.files.iter_mut().flatten().filter(|file| !file.synced) {
            file.text = "".into();
        }
        self.kernel = None;
    }

    /// Takes away one temporary file of this process.
    pub(crate) fn remove_temporary(&mut self, pid: Pid) {
        if let Some(at) = self.temporary.iter().position(|maker| *maker == pid) {
            self.temporary.swap_remove(at);
        }
    }
}
