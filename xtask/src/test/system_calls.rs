//! What `pi token` with a fresh login costs, seen from the kernel: one open of one file.

use std::fs;
use std::process::Stdio;

use super::{Outcome, strace};
use crate::Result;
use crate::cargo::{self, Profile};
use crate::home::Home;

pub(super) fn check() -> Result<Outcome> {
    let strace = match strace::find() {
        Ok(strace) => strace,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let home = Home::new(cargo::build("pi-auth", "pi", Profile::Release)?)?;
    let token = home.store_fresh_login()?;
    let trace_file = home.path().join("trace");
    let output = home
        .command(&strace)
        // Uncut paths, threads and children too.
        .args(["-f", "-s", "4096", "-e", "trace=%file,%network", "-o"])
        .arg(&trace_file)
        .arg(home.pi_binary())
        .args(["token", "anthropic"])
        .stderr(Stdio::inherit())
        .output()?;
    if output.stdout != format!("{token}\n").into_bytes() {
        return Err("`pi token anthropic` did not print the stored token".into());
    }

    let trace = fs::read_to_string(trace_file)?;
    let calls: Vec<Call<'_>> = trace.lines().filter_map(Call::read).collect();
    let directory = home.agent_directory();
    let opened: Vec<_> = calls
        .iter()
        .filter(|call| call.is_open() && call.succeeded)
        .filter_map(|call| call.path)
        .filter(|path| path.starts_with(&*directory.to_string_lossy()))
        .collect();
    let file = home.credential_file();
    if opened != [&*file.to_string_lossy()] {
        return Err(format!(
            "{} is to be opened once, and nothing beside it: {opened:?}",
            file.display()
        )
        .into());
    }
    if let Some(call) = calls.iter().find(|call| call.is_network()) {
        return Err(format!("a fresh token needs no network, but there was: {}", call.line).into());
    }
    Ok(Outcome::Passed("one open, no socket".to_owned()))
}

/// A line of a trace: `1234 openat(AT_FDCWD, "/path", O_RDONLY) = 3`.
struct Call<'a> {
    line: &'a str,
    name: &'a str,
    path: Option<&'a str>,
    succeeded: bool,
}

impl<'a> Call<'a> {
    /// `None` for a line that tells of a signal or an exit.
    fn read(line: &'a str) -> Option<Self> {
        let (process_and_name, rest) = line.split_once('(')?;
        let name = process_and_name.rsplit(' ').next()?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let path = arguments.split('"').nth(1);
        Some(Self { line, name, path, succeeded: !result.starts_with('-') })
    }

    fn is_open(&self) -> bool {
        matches!(self.name, "open" | "openat" | "openat2" | "creat")
    }

    /// Only what takes a path is no network call: the trace holds nothing else.
    fn is_network(&self) -> bool {
        matches!(self.name, "socket" | "socketpair" | "connect" | "bind" | "sendto" | "recvfrom")
    }
}

#[cfg(test)]
mod tests {
    use super::Call;

    #[test]
    fn lines_of_a_trace() {
        for (line, expected) in [
            (
                "7 openat(AT_FDCWD, \"/a b\", O_RDONLY|O_CLOEXEC) = 3",
                Some(("openat", Some("/a b"), true)),
            ),
            (
                "openat(AT_FDCWD, \"/a\", O_RDONLY) = -1 ENOENT (No such file)",
                Some(("openat", Some("/a"), false)),
            ),
            ("7 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 4", Some(("socket", None, true))),
            ("7 +++ exited with 0 +++", None),
        ] {
            let call = Call::read(line);
            let call = call.as_ref().map(|call| (call.name, call.path, call.succeeded));
            assert_eq!(call, expected, "{line}");
        }
    }
}
