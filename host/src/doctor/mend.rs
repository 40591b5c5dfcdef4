//! Mending what can be mended without asking.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pi_auth_core::flow::Event;
use rustix::fs::OFlags;

use super::leftovers;
use super::report::{Fix, Report};
use super::subjects::user;
use crate::driver::waited_for;
use crate::interaction::Interaction;
use crate::store::{Moment, Store, plain};

/// What can be done about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Take from a file's mode what others may. The path has no link in it.
    Narrow {
        /// The file or directory.
        path: PathBuf,
        /// The mode that it had.
        from: u32,
        /// The mode that it then has.
        to: u32,
    },
    /// Take a dead lock over as a writer does, and let go of it.
    TakeOver {
        /// The lock directory.
        lock: PathBuf,
    },
    /// Sweep, under the lock.
    Sweep,
}

/// Mends what a report offers, and notes in it what came of that.
pub(super) async fn mend(store: &Store, report: &mut Report, interaction: &mut impl Interaction) {
    let mut locked = None;
    for finding in report.findings_mut() {
        let Fix::Offered(remedy) = &finding.fix else { continue };
        let result = match remedy {
            Remedy::Narrow { path, to, .. } => narrow(path, *to).map_err(|e| e.to_string()),
            // Once for all of them: that takes some seconds.
            Remedy::TakeOver { .. } | Remedy::Sweep if locked.is_none() => {
                let result = take_and_sweep(store, interaction).await;
                locked = Some(result.clone());
                result
            }
            _ => locked.clone().unwrap_or(Ok(())),
        };
        match done(store, remedy, result) {
            Ok(what) => finding.done(what),
            Err(why) => finding.fix = Fix::Failed(why),
        }
    }
    if let (Some(_), Ok(places)) = (locked, store.places()) {
        new_graves(&leftovers::full_graves(store, &places), report);
    }
}

/// What was set aside just now is told, too: it is still there if something is in it.
fn new_graves(graves: &Report, report: &mut Report) {
    for grave in graves.findings() {
        if report.findings().all(|known| known.path != grave.path) {
            report.found(grave.clone());
        }
    }
}

/// Has the lock for a moment: whoever takes it buries a dead one first, and sweeps.
async fn take_and_sweep(store: &Store, interaction: &mut impl Interaction) -> Result<(), String> {
    let mut held = None;
    let mut graves = set_aside(store);
    let taken = loop {
        let taking = store.hold(&mut held, Moment::BeforeRequest);
        let taken = waited_for(taking, "Taking the lock, as a writer does", interaction).await;
        let now = set_aside(store);
        // A dead lock in which something is is set aside, but not removed, which fails a writer
        // once.
        if taken.is_ok() || now <= graves {
            break taken;
        }
        graves = now;
    };
    if taken.is_ok() {
        let graves = store.places().map(|places| places.leftovers().1).unwrap_or_default();
        for grave in graves {
            let _ = fs::remove_dir(grave);
        }
    }
    match taken {
        Ok(()) => Ok(()),
        Err(Event::LockTimedOut { .. }) => Err("somebody is using it after all".into()),
        Err(Event::StoreFailed { path, failure }) => Err(format!("{path}: {failure}")),
        Err(_) => Err("the lock could not be taken".into()),
    }
}

/// How many dead locks stand beside their place that cannot be removed.
fn set_aside(store: &Store) -> usize {
    store.places().map(|places| places.full_graves().len()).unwrap_or_default()
}

/// Looks again. What is told then has been seen; `result` is what trying has come to.
fn done(store: &Store, remedy: &Remedy, result: Result<(), String>) -> Result<String, String> {
    let is_gone = |lock: &Path| fs::symlink_metadata(lock).is_err();
    // What has failed then is something that comes after that.
    if !matches!(remedy, Remedy::TakeOver { lock } if is_gone(lock)) {
        result?;
    }
    match remedy {
        Remedy::Narrow { path, from, to } => {
            let shown = store.shown(path);
            match fs::metadata(path).map(|metadata| metadata.mode() & 0o7777) {
                // It may have been narrowed further meanwhile.
                Ok(now) if now & !to == 0 => {
                    Ok(format!("{shown} has mode {now:o} now, not {from:o}"))
                }
                _ => Err("the file system does not keep modes".into()),
            }
        }
        Remedy::TakeOver { lock } => match is_gone(lock) {
            true => Ok(format!("the dead lock {} is gone", store.shown(lock))),
            false => Err("somebody has taken it anew".into()),
        },
        Remedy::Sweep => {
            let left = store.places().map(|places| places.leftovers()).unwrap_or_default();
            match left.0.is_empty() && left.1.is_empty() {
                true => Ok("what killed processes had left behind is gone".into()),
                false => Err("something is still there".into()),
            }
        }
    }
}

/// Never follows a link: the path was told without any, and one that has come since is not meant.
fn narrow(path: &Path, mode: u32) -> io::Result<()> {
    let flags = plain::flags(OFlags::NOFOLLOW | OFlags::NONBLOCK);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if metadata.uid() != user() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // What has been narrowed further since stays so.
    file.set_permissions(Permissions::from_mode(metadata.mode() & mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_mode_is_narrowed_and_never_widened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "").unwrap();
        for (before, wanted, after) in [(0o644, 0o600, 0o600), (0o400, 0o600, 0o400)] {
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            narrow(&path, wanted).unwrap();
            assert_eq!(mode(&path), after);
        }
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        narrow(directory.path(), 0o700).unwrap();
        assert_eq!(mode(directory.path()), 0o700);
    }

    #[test]
    fn a_link_that_has_come_since_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (victim, path) = (directory.path().join("victim"), directory.path().join("f"));
        fs::write(&victim, "").unwrap();
        fs::set_permissions(&victim, Permissions::from_mode(0o644)).unwrap();
        symlink(&victim, &path).unwrap();
        assert!(narrow(&path, 0o600).is_err());
        assert_eq!(mode(&victim), 0o644);
    }
}
