//! Handing over to the agent's own `pi`, so that installing ours breaks nobody's.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, id};

use rustix::fs::{Access, access};

use crate::{cli, output};

/// Which programs have handed over to each other in this process: its id, then their paths.
///
/// Two copies of this program on PATH would pass the turn to and fro for ever. `exec` keeps the
/// process id, so the list counts for one chain of hand-overs, and not for what the agent starts.
const CHAIN: &str = "PI_AUTH_HANDOFF";

/// Becomes the agent; where there is none, shows help, or says that the words mean nothing.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    if let Some(agent) = agent() {
        if arguments.first().is_some_and(|word| word == "--help" || word == "-h") {
            output::say(
                "pi-auth adds login, logout, status, token, headers, doctor and completions: see `pi login --help`.\n",
            );
        }
        let failed =
            Command::new(&agent).arg0("pi").args(arguments).env(CHAIN, chain(&agent)).exec();
        output::error(
            &format!("Could not start the pi agent at {}: {failed}.", agent.display()),
            "Install it again, or take it off PATH.",
        );
        return ExitCode::from(1);
    }
    match arguments.first().and_then(|word| word.to_str()) {
        None | Some("--help" | "-h" | "help") => {
            output::result(&cli::help());
            ExitCode::SUCCESS
        }
        Some(word) => cli::usage(&format!(
            "`{}` is not a command of pi-auth, and no pi agent is installed further down PATH",
            word.escape_debug()
        )),
    }
}

/// The `pi` that a shell would start, if it is not this program.
pub(crate) fn in_front() -> Option<PathBuf> {
    let own = env::current_exe().ok().and_then(|own| identity(&own))?;
    let path = env::var_os("PATH")?;
    let first = env::split_paths(&path)
        .map(|directory| directory.join("pi"))
        .find_map(|candidate| Some((identity(&candidate)?, candidate)));
    first.filter(|(identity, _)| *identity != own).map(|(_, path)| path)
}

/// The next `pi` on PATH that is neither this program nor one that has handed over already.
pub(crate) fn agent() -> Option<PathBuf> {
    let own = env::current_exe().ok();
    let passed: Vec<PathBuf> = own.into_iter().chain(passed()).collect();
    let passed: Vec<_> = passed.iter().filter_map(|path| identity(path)).collect();
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        // An empty or relative entry would let the current directory decide.
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("pi"))
        .find(|candidate| identity(candidate).is_some_and(|it| !passed.contains(&it)))
}

/// Device and inode of a file that this user may execute, links followed.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    access(path, Access::EXEC_OK).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn passed() -> Vec<PathBuf> {
    let chain = env::var_os(CHAIN).unwrap_or_default();
    let mut entries = env::split_paths(&chain);
    let ours =
        entries.next().is_some_and(|first| first.as_os_str() == OsStr::new(&id().to_string()));
    if ours { entries.collect() } else { Vec::new() }
}

fn chain(next: &Path) -> OsString {
    let head = [PathBuf::from(id().to_string())];
    let own = env::current_exe().ok();
    let all = head.into_iter().chain(passed()).chain(own).chain([next.to_path_buf()]);
    env::join_paths(all).unwrap_or_default()
}
