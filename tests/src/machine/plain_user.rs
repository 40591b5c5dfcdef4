//! Somebody whom modes do stop: root passes them all.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `nobody`, on every Linux.
const NOBODY: u32 = 65_534;

/// A number that no list of users has.
const NAMELESS: u32 = 54_321;

/// A user without privileges: `nobody` where root runs the tests, else whoever does.
#[derive(Debug)]
pub struct PlainUser {
    /// How root becomes this user.
    became: Option<Became>,
}

#[derive(Debug)]
struct Became {
    setpriv: PathBuf,
    id: u32,
}

impl PlainUser {
    /// Somebody who is not root.
    ///
    /// # Errors
    /// Root runs the tests and cannot be anybody else here.
    pub fn find() -> Result<Self, String> {
        match rustix::process::geteuid().is_root() {
            true => Self::become_user(NOBODY),
            false => Ok(Self { became: None }),
        }
    }

    /// Somebody of whom the system knows neither a name nor a home.
    ///
    /// # Errors
    /// Whoever runs the tests cannot be that.
    pub fn nameless() -> Result<Self, String> {
        match rustix::process::geteuid().is_root() {
            true => Self::become_user(NAMELESS),
            false => Err("only root can become a user without a name".to_owned()),
        }
    }

    fn become_user(id: u32) -> Result<Self, String> {
        let became = Became { setpriv: super::needed("setpriv")?, id };
        let tried = Command::new(&became.setpriv).args(became.options()).arg("true").status();
        match tried.is_ok_and(|status| status.success()) {
            true => Ok(Self { became: Some(became) }),
            false => Err("root cannot become another user here".to_owned()),
        }
    }

    /// Gives a folder and all that is in it to this user.
    ///
    /// # Panics
    /// When it cannot be given.
    pub fn own(&self, path: &Path) {
        if let Some(became) = &self.became {
            give(path, became.id)
                .unwrap_or_else(|error| panic!("{} is not given: {error}", path.display()));
        }
    }

    /// The words in front of a program and its arguments that have this user run it, of a copy in
    /// `folder`: the program itself may be where only root looks.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn words(&self, program: &Path, folder: &Path) -> Vec<OsString> {
        let Some(became) = &self.became else { return vec![program.into()] };
        let copy = folder.join(program.file_name().unwrap_or_default());
        if !copy.exists() {
            // By another process: a file that this one writes could not be run meanwhile.
            let copied = Command::new("cp").arg(program).arg(&copy).status();
            assert!(copied.is_ok_and(|it| it.success()), "{} is not copied", program.display());
        }
        let mut words = vec![became.setpriv.clone().into()];
        words.extend(became.options().map(OsString::from));
        words.push(copy.into());
        words
    }
}

impl Became {
    /// What setpriv is told.
    fn options(&self) -> [String; 3] {
        let id = self.id;
        [format!("--reuid={id}"), format!("--regid={id}"), "--clear-groups".to_owned()]
    }
}

fn give(path: &Path, id: u32) -> io::Result<()> {
    lchown(path, Some(id), Some(id))?;
    if fs::symlink_metadata(path)?.is_dir() {
        fs::read_dir(path)?.try_for_each(|entry| give(&entry?.path(), id))?;
    }
    Ok(())
}
