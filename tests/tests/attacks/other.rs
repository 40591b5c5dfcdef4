//! A program that another user runs: started, heard, and ended with its standard input.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use pi_auth_tests::machine::files::set_mode;
use pi_auth_tests::machine::plain_user::PlainUser;
use tempfile::TempDir;

/// The program, which ends when this is dropped.
pub(crate) struct Other {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Path of the program, outside of any home directory.
    _folder: TempDir,
}

impl Other {
    /// Has `user` run a program.
    pub(crate) fn start(user: &PlainUser, program: &Path, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o755);
        let words = user.words(program, folder.path());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout, _folder: folder }
    }

    /// Has `user` run a shell script.
    pub(crate) fn script(user: &PlainUser, script: &str, arguments: &[&str]) -> Self {
        Self::start(user, "/bin/sh".as_ref(), &[&["-c", script, "sh"], arguments].concat())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its next line; empty where it has ended.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Ends it, and returns what else it has said.
    pub(crate) fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        rest.trim_end().to_owned()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
