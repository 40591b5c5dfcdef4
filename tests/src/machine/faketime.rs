//! A clock that is wrong: libfaketime, which answers in the kernel's place.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Where Debian and others keep it, below `/usr/lib`.
const FOLDERS: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime",
    "/usr/lib/aarch64-linux-gnu/faketime",
    "/usr/lib64/faketime",
    "/usr/lib/faketime",
    "/usr/local/lib/faketime",
];

/// The library to be loaded first, made for programs of several threads.
///
/// # Errors
/// It is not installed.
pub fn library() -> Result<PathBuf, String> {
    let mut candidates = FOLDERS.iter().map(|it| Path::new(it).join("libfaketimeMT.so.1"));
    candidates.find(|it| it.is_file()).ok_or_else(|| "faketime is not installed".to_owned())
}

/// A clock that can be set while a program looks at it.
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    setting: PathBuf,
}

impl Clock {
    /// A clock that is off by this many seconds; `setting` is the file that says so.
    ///
    /// # Errors
    /// There is no faketime here.
    pub fn new(setting: PathBuf, off_s: i64) -> Result<Self, String> {
        let clock = Self { library: library()?, setting };
        clock.set(off_s);
        Ok(clock)
    }

    /// Puts it off by this many seconds from now on.
    ///
    /// # Panics
    /// When its file cannot be written.
    pub fn set(&self, off_s: i64) {
        // Whole at any moment: a program may be reading it.
        let draft = self.setting.with_extension("draft");
        let written = fs::write(&draft, format!("{off_s:+}"));
        let set = written.and_then(|()| fs::rename(&draft, &self.setting));
        set.unwrap_or_else(|error| panic!("the clock cannot be set: {error}"));
    }

    /// The environment in which a program lives by it. Time that only runs, to which deadlines are
    /// held, stays as it is: no machine's jumps.
    pub fn environment(&self) -> [(&'static str, OsString); 5] {
        [
            ("LD_PRELOAD", self.library.clone().into()),
            ("FAKETIME_TIMESTAMP_FILE", self.setting.clone().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            // What the file system says stays true: it has its own idea of the time.
            ("NO_FAKE_STAT", "1".into()),
        ]
    }
}
