//! What tests need of the machine, installed where that can be done without asking.

use std::process::{Command, Stdio};

use pi_auth_tests::machine::{faketime, program, strace};

use crate::cargo;

/// Installs what is missing; a test that goes without it says so.
pub(super) fn install_missing() {
    if strace::find().is_err() {
        install("strace");
    }
    if faketime::library().is_err() {
        install("faketime");
    }
}

/// As root on Debian only: anybody else would be asked for a password.
fn install(package: &str) {
    let Some(apt) = program("apt-get").filter(|_| rustix::process::geteuid().is_root()) else {
        return;
    };
    println!("apt-get install --yes {package}");
    let install = || {
        let mut install = Command::new(&apt);
        install.args(["install", "--quiet", "--yes", "--no-install-recommends", package]);
        install.stdin(Stdio::null()).env("DEBIAN_FRONTEND", "noninteractive");
        cargo::run(install)
    };
    let mut update = Command::new(&apt);
    update.args(["update", "--quiet"]);
    // The lists of packages may be missing, or old.
    let _ = install().or_else(|_| cargo::run(update).and_then(|()| install()));
}
