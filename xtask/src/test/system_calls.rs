//! What `pi token` with a fresh login costs, seen from the kernel: one open of one file.

use std::fs;
use std::process::Stdio;

use pi_auth_tests::machine::strace::{self, Call};

use super::{Outcome, tools};
use crate::Result;
use crate::cargo::{self, Profile};
use crate::home::Home;

pub(super) fn check() -> Result<Outcome> {
    tools::install_missing();
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
    let calls: Vec<Call> = trace.lines().filter_map(Call::read).collect();
    let directory = home.agent_directory();
    let opened: Vec<_> = calls
        .iter()
        .filter(|call| is_open(call) && call.succeeded())
        .filter_map(Call::path)
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
    if let Some(call) = calls.iter().find(|call| is_network(call)) {
        return Err(format!("a fresh token needs no network, but there was: {}", call.line).into());
    }
    Ok(Outcome::Passed("one open, no socket".to_owned()))
}

fn is_open(call: &Call) -> bool {
    matches!(&*call.name, "open" | "openat" | "openat2" | "creat")
}

/// Only what takes a path is no network call: the trace holds nothing else.
fn is_network(call: &Call) -> bool {
    matches!(&*call.name, "socket" | "socketpair" | "connect" | "bind" | "sendto" | "recvfrom")
}
