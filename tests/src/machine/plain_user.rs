//! Somebody whom modes do stop: root passes them all.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `nobody`, on every Linux.
const NOBODY: u32 = 65_534;

/// A user without privileges: `nobody` where root runs the tests, else whoever does.
#[derive(Debug)]
pub struct PlainUser {
    setpriv: Option<PathBuf>,
}

impl PlainUser {
    /// Somebody who is not root.
    ///
    /// # Errors
    /// Root runs the tests and cannot be anybody else here.
    pub fn find() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { setpriv: None });
        }
        let setpriv = super::needed("setpriv")?;
        let became = Command::new(&setpriv).args(become_nobody()).arg("true").status();
        match became.is_ok_and(|status| status.success()) {
            true => Ok(Self { setpriv: Some(setpriv) }),
            false => Err("root cannot become another user here".to_owned()),
        }
    }

    /// Gives a folder and all that is in it to this user.
    ///
    /// # Panics
    /// When it cannot be given.
    pub fn own(&self, path: &Path) {
        if self.setpriv.is_some() {
            give(path).unwrap_or_else(|error| panic!("{} is not given: {error}", path.display()));
        }
    }

    /// The words in front of a program and its arguments that have this user run it, of a copy in
    /// `folder`: the program itself may be where only root looks.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn words(&self, program: &Path, folder: &Path) -> Vec<OsString> {
        let Some(setpriv) = &self.setpriv else { return vec![program.into()] };
        let copy = folder.join(program.file_name().unwrap_or_default());
        if !copy.exists() {
            // By another process: a file that this one writes could not be run meanwhile.
            let copied = Command::new("cp").arg(program).arg(&copy).status();
            assert!(copied.is_ok_and(|it| it.success()), "{} is not copied", program.display());
        }
        let mut words = vec![setpriv.into()];
        words.extend(become_nobody().map(OsString::from));
        words.push(copy.into());
        words
    }
}

fn become_nobody() -> [String; 3] {
    let ids = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
    let [user, group] = ids;
    [user, group, "--clear-groups".to_owned()]
}

fn give(path: &Path) -> io::Result<()> {
    lchown(path, Some(NOBODY), Some(NOBODY))?;
    if fs::symlink_metadata(path)?.is_dir() {
        fs::read_dir(path)?.try_for_each(|entry| give(&entry?.path()))?;
    }
    Ok(())
}
