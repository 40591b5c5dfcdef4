//! strace: found, or installed where that can be done without asking.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cargo;
use crate::home::find_program;

/// Where strace is, or why there is none that works.
pub(super) fn find() -> Result<PathBuf, String> {
    if !cfg!(target_os = "linux") {
        return Err("strace is for Linux only".to_owned());
    }
    let strace = find_program("strace").or_else(install).ok_or("strace is not installed")?;
    // Some containers forbid one process to watch another.
    let watched = Command::new(&strace)
        .args(["-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if watched {
        Ok(strace)
    } else {
        Err("strace is not allowed to watch processes here".to_owned())
    }
}

/// As root on Debian only: anybody else would be asked for a password.
fn install() -> Option<PathBuf> {
    let apt = find_program("apt-get")?;
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    println!("apt-get install --yes strace");
    let install = || {
        let mut install = Command::new(&apt);
        install.args(["install", "--quiet", "--yes", "strace"]).stdin(Stdio::null());
        install.env("DEBIAN_FRONTEND", "noninteractive");
        cargo::run(install)
    };
    let mut update = Command::new(&apt);
    update.args(["update", "--quiet"]);
    // The lists of packages may be missing, or old.
    let _ = install().or_else(|_| cargo::run(update).and_then(|()| install()));
    find_program("strace")
}
