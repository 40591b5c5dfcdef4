//! The system calls of a program: seen, failed, and made its last.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where strace is.
///
/// # Errors
/// There is none that works here, and why.
pub fn find() -> Result<PathBuf, String> {
    if !cfg!(target_os = "linux") {
        return Err("strace is for Linux only".to_owned());
    }
    let strace = super::needed("strace")?;
    // Some containers forbid one process to watch another.
    let watched = Command::new(&strace)
        .args(["-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    match watched {
        true => Ok(strace),
        false => Err("strace is not allowed to watch processes here".to_owned()),
    }
}

/// What befalls a program at a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The call is not made, and fails with this error: `EIO`.
    Error(&'static str),
    /// The program is killed before it is made.
    Kill,
}

/// What a rename is called, on one machine or another. A name that a machine does not know is
/// passed over.
pub const RENAMES: &str = "?rename,?renameat,?renameat2";

/// The words in front of a program and its arguments that have its calls written to files beside
/// `trace`, a file for each thread.
pub fn watching(trace: &Path) -> Vec<OsString> {
    words(trace, "trace=%file,%desc", &[])
}

/// The words in front of a program and its arguments that have every program that it starts, itself
/// first, written to files beside `trace`, with all of its arguments and its environment.
pub fn starting(trace: &Path) -> Vec<OsString> {
    let fixed = ["-ff", "-v", "-s", "65536", "-e", "trace=execve,execveat", "-o"];
    fixed.iter().map(OsString::from).chain([trace.into()]).collect()
}

/// [`watching`], with this harm at some calls of this name, counted in each thread: `3` is the
/// third, `3+` every one from there. Only calls of this name are written down.
pub fn harming(trace: &Path, name: &str, when: impl Display, harm: Harm) -> Vec<OsString> {
    let (how, options) = match harm {
        // Calls that are not watched cost nothing then.
        Harm::Error(error) => (format!("error={error}"), &["--seccomp-bpf"][..]),
        // A signal does not arrive where a filter has stopped the program.
        Harm::Kill => ("signal=SIGKILL".to_owned(), &[][..]),
    };
    let mut words = words(trace, &format!("trace={name}"), options);
    let at = words.len() - 2;
    words.splice(at..at, ["-e".into(), format!("inject={name}:{how}:when={when}").into()]);
    words
}

/// The words in front of a program and its arguments that have it stand still for this long after
/// each call of this name: time for somebody else to act in between.
pub fn delaying(trace: &Path, name: &str, us: u32) -> Vec<OsString> {
    let mut words = words(trace, &format!("trace={name}"), &[]);
    let at = words.len() - 2;
    words.splice(at..at, ["-e".into(), format!("inject={name}:delay_exit={us}").into()]);
    words
}

fn words(trace: &Path, what: &str, options: &[&str]) -> Vec<OsString> {
    // Of what is read and written, only the paths: no trace holds a secret.
    let fixed = ["-ff", "-y", "-s", "0", "-e", what];
    let mut words: Vec<OsString> = fixed.iter().chain(options).map(OsString::from).collect();
    words.extend(["-o".into(), trace.into()]);
    words
}

/// One system call, as a line of a trace tells it: `openat(AT_FDCWD, "/path", O_RDONLY) = 3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// All of the line.
    pub line: String,
    /// What it is called: `openat`.
    pub name: String,
    /// The how manieth of this name it was in its thread, from 1; 0 for a line read alone.
    pub nth: usize,
}

impl Call {
    /// Reads a line, in front of which the process may be named. `None` for a line that tells of a
    /// signal or an exit.
    pub fn read(line: &str) -> Option<Self> {
        let (process_and_name, rest) = line.split_once('(')?;
        let name = process_and_name.rsplit(' ').next()?.to_owned();
        rest.rsplit_once(" = ")?;
        Some(Self { line: line.to_owned(), name, nth: 0 })
    }

    /// The first path among its arguments.
    pub fn path(&self) -> Option<&str> {
        let arguments = self.line.rsplit_once(" = ").map_or(&*self.line, |(before, _)| before);
        arguments.split('"').nth(1)
    }

    /// Returns the path behind the directory whose descriptor precedes it.
    pub fn absolute_path(&self) -> Option<PathBuf> {
        let path = self.path()?;
        let before = self.line.split('"').next()?.strip_suffix(">, ");
        let directory = before.and_then(|before| before.rsplit_once('<')).map(|(_, it)| it);
        Some(Path::new(directory.unwrap_or("/")).join(path))
    }

    /// What it gave, where that is a number: how many bytes were written.
    pub fn result(&self) -> Option<i64> {
        let (_, result) = self.line.rsplit_once(" = ")?;
        result.split(['<', ' ']).next()?.parse().ok()
    }

    /// Returns whether it did what it was to do.
    pub fn succeeded(&self) -> bool {
        self.line.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with(['-', '?']))
    }

    /// Returns whether it is one that was harmed.
    pub fn was_harmed(&self) -> bool {
        self.line.contains("(INJECTED)") || self.line.ends_with(" = ?")
    }
}

/// The calls of every thread, in order within each, from the files beside `trace`.
///
/// # Panics
/// When they cannot be read.
pub fn calls(trace: &Path) -> Vec<Call> {
    let folder = trace.parent().unwrap_or(Path::new("."));
    let prefix = format!("{}.", trace.file_name().unwrap_or_default().to_string_lossy());
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("no traces: {error}"));
    let mut all = Vec::new();
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let text = fs::read_to_string(entry.path());
            all.extend(numbered(&text.unwrap_or_else(|error| panic!("an unread trace: {error}"))));
        }
    }
    all
}

fn numbered(text: &str) -> Vec<Call> {
    let mut made = HashMap::<String, usize>::new();
    let mut number = |mut call: Call| {
        let made = made.entry(call.name.clone()).or_default();
        *made += 1;
        call.nth = *made;
        call
    };
    text.lines().filter_map(Call::read).map(&mut number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_trace() {
        for (line, expected) in [
            (
                "7 openat(AT_FDCWD, \"/a b\", O_RDONLY|O_CLOEXEC) = 3",
                Some(("openat", Some("/a b"), true, false)),
            ),
            (
                "openat(AT_FDCWD, \"/a\", O_RDONLY) = -1 ENOENT (No such file)",
                Some(("openat", Some("/a"), false, false)),
            ),
            (
                "fsync(3</a>) = -1 EIO (Input/output error) (INJECTED)",
                Some(("fsync", None, false, true)),
            ),
            ("rename(\"/a\", \"/b\")     = ?", Some(("rename", Some("/a"), false, true))),
            (
                "7 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 4",
                Some(("socket", None, true, false)),
            ),
            ("7 +++ exited with 0 +++", None),
            ("--- SIGCHLD {si_signo=SIGCHLD} ---", None),
        ] {
            let call = Call::read(line);
            let call = call
                .as_ref()
                .map(|call| (&*call.name, call.path(), call.succeeded(), call.was_harmed()));
            assert_eq!(call, expected, "{line}");
        }
    }

    #[test]
    fn a_path_begins_where_the_descriptor_in_front_of_it_leads() {
        for (line, path) in [
            ("openat(AT_FDCWD, \"/a\", O_RDONLY) = 3", "/a"),
            (
                "openat(9</home>, \"b\", O_RDONLY) = -1 EIO (Input/output error) (INJECTED)",
                "/home/b",
            ),
            ("openat(9</home>, \"/a\", O_RDONLY) = 3", "/a"),
            ("renameat(9</home>, \"b\", 9</home>, \"c\") = 0", "/home/b"),
        ] {
            assert_eq!(Call::read(line).unwrap().absolute_path(), Some(path.into()), "{line}");
        }
        assert_eq!(Call::read("fsync(3</a>) = 0").unwrap().absolute_path(), None);
    }

    #[test]
    fn calls_are_numbered_by_their_name() {
        let text = "read(3) = 1\nwrite(1) = 1\n+++ exited with 0 +++\nread(3) = 0\n";
        let numbered: Vec<_> = numbered(text).into_iter().map(|it| (it.name, it.nth)).collect();
        assert_eq!(numbered, [("read".into(), 1), ("write".into(), 1), ("read".into(), 2)]);
    }
}
