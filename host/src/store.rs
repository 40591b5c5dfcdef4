//! The credential file: which one it is, and reading, locking and replacing it.

mod access;
mod backoff;
mod dir;
pub(crate) mod examine;
mod lock;
mod paths;
pub(crate) mod plain;
mod read;
mod replace;
mod spares;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pi_auth_core::error::StoreFailure;
use pi_auth_core::flow::Event;
use pi_auth_core::secret::Secret;
use pi_auth_core::store::names::OVERRIDES;
pub(crate) use pi_auth_core::store::names::{
    CREDENTIALS as PREFERRED, MIGRATED_CREDENTIALS as MIGRATED, OLD_CREDENTIALS as FORMER,
};
use pi_auth_core::store::{document, migration};

use crate::clock;
use dir::Dir;
pub(crate) use lock::directory::{Pulse, pulse};
use lock::{Lock, LockError, Place};
pub(crate) use paths::beside;
use paths::{beside_itself, real};
pub(crate) use read::failure;
use read::{Opened, read};
use replace::{Replacement, write_in_place};
pub(crate) use spares::Spares;

/// How long to wait between two looks for a file that the agent is about to write.
const LOOK_EVERY: Duration = Duration::from_millis(migration::LOOK_EVERY_MS);
/// The largest file that is read, in bytes.
pub(crate) const MAX_BYTES: u64 = document::MAX_BYTES as u64;

/// The agent's directory and the files in it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    /// The overrides file, where one was named.
    overrides: Option<PathBuf>,
    home: Option<PathBuf>,
}

/// The lock on the credential file, with the room to replace it already taken.
pub(crate) struct Held {
    /// The file, with every link followed.
    target: PathBuf,
    /// What the file was when it was last read under this lock.
    seen: Option<Identity>,
    /// `None` once it was used, and where no room could be taken after the file had moved.
    // Above the lock: fields are dropped from the top, and nobody may sweep it before it is gone.
    replacement: Option<Replacement>,
    /// Descriptors that are closed when a read or a write needs others, also where none is left.
    spares: Spares,
    lock: Lock,
}

/// When the lock is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing is lost if it cannot be had.
    BeforeRequest,
    /// An answer that exists nowhere else is about to be stored.
    AnswerInHand,
}

/// How many descriptors are held with the lock: for reading again, taking a lost lock again, and
/// writing.
const SPARES: usize = 6;
/// How many are held from the probe until the lock is taken: for the lock (the kernel's file, and
/// two directories), the new file (its directory and itself), three more for a moment, and a read.
const SPARES_OF_A_PROBE: usize = 9;

impl Held {
    fn of(lock: Lock) -> Self {
        let (target, spares) = (PathBuf::new(), Spares::default());
        Held { target, seen: None, replacement: None, spares, lock }
    }

    /// Takes what a write will need, after trying that it works.
    fn prepare(&mut self) -> io::Result<()> {
        let replacement = Replacement::prepare(&self.target)?;
        self.spares = Spares::take(replacement.dir(), SPARES)?;
        self.replacement = Some(replacement);
        Ok(())
    }

    /// Takes what can be had of it, with nothing tried: with an answer in hand only the write
    /// itself may fail.
    fn prepare_some(&mut self) {
        self.replacement = Replacement::create(&self.target).ok();
        match &self.replacement {
            Some(replacement) => self.spares = Spares::take_some(replacement.dir(), SPARES),
            None => self.spares.retake(),
        }
    }

    /// Returns whether this still is the lock on the file that is in use.
    pub(crate) fn is_current(&self, store: &Store) -> bool {
        real(&store.path()).is_ok_and(|target| target == self.target) && self.lock.is_ours()
    }

    /// Returns whether the file is still what was read: not everybody who writes it takes the lock.
    fn is_unchanged(&self) -> bool {
        self.seen.is_none_or(|seen| seen == Identity::of(&self.target))
    }
}

impl Store {
    /// `overrides` is the file that was named, if one was: only the usual one may be absent.
    pub(crate) fn new(
        directory: PathBuf,
        overrides: Option<PathBuf>,
        home: Option<PathBuf>,
    ) -> Self {
        // A relative one counts from where this process stands now.
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        Store { directory, overrides, home }
    }

    /// A path as it is shown to people: with `~` for the home directory.
    pub(crate) fn shown(&self, path: &Path) -> String {
        pi_auth_core::text::plain(&self.typed(path))
    }

    /// The same with the control characters that are in it, for whoever has to know of them before
    /// it is shown.
    pub(crate) fn typed(&self, path: &Path) -> String {
        let below_home = self.home.as_ref().and_then(|home| path.strip_prefix(home).ok());
        match below_home {
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    /// Reads the overrides file.
    pub(crate) fn read_overrides(&self) -> Event {
        let path = self.overrides();
        let result = match read(&path) {
            // A mistyped name must not send tokens to the servers that it was to replace.
            Ok(None) if self.overrides.is_some() => Err(StoreFailure::NotFound),
            result => result,
        };
        let shown = self.shown(&path);
        match result {
            Ok(None) => Event::OverridesRead { path: shown, contents: None, access: None },
            Ok(Some((contents, metadata))) => {
                let access = Some(self.access(&path, &metadata));
                Event::OverridesRead { path: shown, contents: Some(contents), access }
            }
            Err(failure) => Event::OverridesFailed { path: shown, failure },
        }
    }

    /// Reads the credential file: one open where it is `auth.json`, and no look at anything else
    /// where its mode closes it to everybody but its owner.
    pub(crate) fn read(&self) -> Event {
        let (path, result) = self.find(read);
        let user = rustix::process::geteuid().as_raw();
        let is_open = |file: &fs::Metadata| file.mode() & 0o077 != 0 || file.uid() != user;
        self.store_event(&path, result, is_open)
    }

    /// Reads the credential file, and looks at who could have changed it.
    pub(crate) fn read_closely(&self) -> Event {
        let (path, result) = self.find(read);
        self.store_event(&path, result, |_| true)
    }

    /// What reading the file at `path` has come to.
    fn store_event(
        &self,
        path: &Path,
        result: Result<Option<Opened>, StoreFailure>,
        is_looked_at: impl Fn(&fs::Metadata) -> bool,
    ) -> Event {
        let shown = self.shown(path);
        match result {
            Ok(None) => Event::StoreRead { path: shown, contents: None, access: None },
            Ok(Some((contents, metadata))) => {
                let access = is_looked_at(&metadata).then(|| self.access(path, &metadata));
                Event::StoreRead { path: shown, contents: Some(contents), access }
            }
            Err(failure) => Event::StoreFailed { path: shown, failure },
        }
    }

    /// The same under the lock: what was read is compared before it is written over.
    pub(crate) fn read_held(&self, held: &mut Held) -> Event {
        let Held { target, seen, spares, .. } = held;
        // Before each look: the agent may write the file while it is waited for.
        let look = |path: &Path| {
            *seen = Some(Identity::of(target));
            read(path)
        };
        let (path, result) = spares.lend(|| self.find(look));
        self.store_event(&path, result, |_| true)
    }

    /// Finds the file by means of `look`, and waits for the agent if that is just moving it.
    fn find(
        &self,
        mut look: impl FnMut(&Path) -> Result<Option<Opened>, StoreFailure>,
    ) -> (PathBuf, Result<Option<Opened>, StoreFailure>) {
        let preferred = self.directory.join(PREFERRED);
        for _ in 0..migration::LOOKS {
            match look(&preferred) {
                Ok(None) => {
                    let path = self.path();
                    match look(&path) {
                        Ok(None) if self.is_migrating() => {}
                        result => return (path, result),
                    }
                }
                // The agent has made it, takes no lock for that, and writes it next.
                Ok(Some((text, _))) if text.is_empty() && self.is_migrating() => {}
                result => return (preferred, result),
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let path = self.path();
        let result = look(&path);
        (path, result)
    }

    /// Returns whether the agent has just renamed `oauth.json` away and not yet written
    /// `auth.json`.
    fn is_migrating(&self) -> bool {
        // Not of what a link leads to: it is the link that was renamed.
        fs::symlink_metadata(self.directory.join(MIGRATED)).is_ok_and(|metadata| {
            let renamed_ms = metadata.ctime() * 1_000 + metadata.ctime_nsec() / 1_000_000;
            u64::try_from(renamed_ms).is_ok_and(|it| migration::is_under_way(it, clock::now_ms()))
        })
    }

    /// Reads under the lock, after proving that the file could be replaced. The lock is let go, but
    /// `spares` has the descriptors that it takes to have it again and to save.
    pub(crate) async fn probe(&self, spares: &mut Spares) -> Event {
        *spares = Spares::default();
        if let Err(error) = dir::create_all(&self.directory) {
            return self.failed(&self.directory, error);
        }
        let mut held = None;
        let event = match self.hold(&mut held, Moment::BeforeRequest).await {
            Ok(()) => self.read_closely(),
            Err(event) => return event,
        };
        // First: what the lock had is enough for them.
        drop(held);
        match Dir::open(&self.directory).and_then(|dir| Spares::take(&dir, SPARES_OF_A_PROBE)) {
            Ok(taken) => *spares = taken,
            Err(error) => return self.failed(&self.directory, error),
        }
        event
    }

    /// Takes the lock and, before anything is sent, tries all that a write will need. What is
    /// `held` already and is still good is kept, also where this fails: whoever passed in between
    /// would act on what is about to be replaced.
    pub(crate) async fn hold(&self, held: &mut Option<Held>, moment: Moment) -> Result<(), Event> {
        if held.as_ref().is_some_and(|held| held.is_current(self)) {
            return Ok(());
        }
        let path = self.path();
        let place = self.lock_place().map_err(|error| self.failed(&path, error))?;
        if held.as_ref().is_some_and(|held| !held.lock.is_at(&place)) {
            // Before the other is taken: the two may have a directory in common.
            *held = None;
        }
        let held = match held {
            Some(held) => {
                held.replacement = None;
                held.spares.release();
                held.lock.regain().await.map_err(|error| self.not_locked(error))?;
                held
            }
            None => {
                let lock = Lock::take(place).await.map_err(|error| self.not_locked(error))?;
                held.insert(Held::of(lock))
            }
        };
        // Only now: while the lock was waited for, the agent may have moved the file.
        let path = self.path();
        let failed = |error| self.failed(&path, error);
        (held.target, held.seen) = (real(&path).map_err(failed)?, None);
        self.names().iter().for_each(|name| replace::sweep(name));
        match moment {
            Moment::BeforeRequest => held.prepare().map_err(failed),
            Moment::AnswerInHand => {
                held.prepare_some();
                Ok(())
            }
        }
    }

    fn not_locked(&self, error: LockError) -> Event {
        match error {
            LockError::TimedOut { lock, alive } => {
                let owner = dir::foreign_owner(&lock);
                Event::LockTimedOut { path: self.shown(&lock), alive, owner }
            }
            LockError::OwnedBy(lock, owner) => {
                let failure = StoreFailure::OwnedBy(owner);
                Event::StoreFailed { path: self.shown(&lock), failure }
            }
            LockError::Io(at, error) => self.failed(&at, error),
        }
    }

    /// Where each name that the file may have leads.
    fn names(&self) -> Vec<PathBuf> {
        let leads = |name: &&str| real(&self.directory.join(name)).ok();
        let mut names: Vec<PathBuf> = [PREFERRED, FORMER].iter().filter_map(leads).collect();
        // One may be a link to the other.
        names.dedup();
        names
    }

    fn lock_place(&self) -> io::Result<Place> {
        let path = self.directory.join(PREFERRED);
        Ok(Place { named: beside_itself(&path)?, target: real(&path)? })
    }

    /// Replaces the file. Without `held`, with a lock that somebody took over, or over what
    /// somebody wrote since, only `unlocked` makes it write.
    pub(crate) fn write(
        &self,
        held: Option<&mut Held>,
        contents: &Secret,
        unlocked: bool,
    ) -> Event {
        let mut held = held.filter(|held| held.is_current(self));
        if held.is_none() && !unlocked {
            return Event::LockLost;
        }
        let path = self.path();
        let prepared = held.as_mut().and_then(|held| {
            held.spares.release();
            held.replacement.take()
        });
        let replacement = match prepared {
            Some(replacement) => Ok(replacement),
            None => real(&path).and_then(|target| Replacement::create(&target)),
        };
        // Asked when the new file is complete and synced: that can take long enough for a lock to
        // be lost, and what follows is one system call.
        let may_replace =
            || unlocked || held.as_ref().is_some_and(|it| it.is_current(self) && it.is_unchanged());
        let text = contents.expose().as_bytes();
        let written = match replacement {
            Ok(replacement) => replacement.commit(text, may_replace),
            Err(refusal) => {
                real(&path).and_then(|target| write_in_place(&target, text, refusal, may_replace))
            }
        };
        match written {
            Ok(false) => Event::LockLost,
            // The agent may have moved oauth.json to auth.json at this very moment: then what was
            // written is not what is read from now on.
            Ok(true) if self.settled_path() != path => Event::LockLost,
            Ok(true) => Event::Written,
            Err(error) => self.failed(&path, error),
        }
    }

    /// Reads the memory of failed refreshes; what cannot be read is none.
    pub(crate) fn read_backoff(&self) -> Event {
        let contents = self.backoff().and_then(|path| backoff::read(&path));
        Event::BackoffRead { contents }
    }

    /// Writes it, as well as it goes: under the lock, and worth no more than its moment.
    pub(crate) fn write_backoff(&self, held: Option<&mut Held>, contents: &Secret) -> Event {
        if let Some(held) = held {
            held.spares.release();
        }
        if let Some(path) = self.backoff() {
            // Made anew, whatever stood there.
            let _ = fs::remove_file(&path);
            let _ = plain::create(&path)
                .and_then(|mut file| file.write_all(contents.expose().as_bytes()));
        }
        Event::BackoffWritten
    }

    fn backoff(&self) -> Option<PathBuf> {
        Some(self.lock_place().ok()?.backoff())
    }

    /// The same as `path`, once the agent is through with moving the file, if it is at it.
    fn settled_path(&self) -> PathBuf {
        let preferred = self.directory.join(PREFERRED);
        for _ in 0..migration::LOOKS {
            let path = self.path();
            if path == preferred || !self.is_migrating() {
                return path;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.path()
    }

    /// `auth.json` if there is one, else `oauth.json`, which the agent takes over.
    pub(crate) fn path(&self) -> PathBuf {
        let preferred = self.directory.join(PREFERRED);
        // A link that points nowhere yet is there, too.
        if fs::symlink_metadata(&preferred).is_ok() {
            preferred
        } else {
            self.directory.join(FORMER)
        }
    }

    fn failed(&self, path: &Path, error: io::Error) -> Event {
        Event::StoreFailed { path: self.shown(path), failure: failure(error) }
    }
}

/// What tells one state of a file from another; `None` where there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(Option<(u64, u64, u64, i64, i64)>);

impl Identity {
    fn of(path: &Path) -> Self {
        let of = |m: fs::Metadata| (m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec());
        Identity(fs::metadata(path).ok().map(of))
    }
}

#[cfg(test)]
mod tests;
