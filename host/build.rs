//! Links the unwinder into `pi` where it can be, instead of loading it as a shared library.
//!
//! `pi token` runs before every request of a script and lives for a millisecond, a tenth of which
//! the loader would spend on libgcc_s, which `pi` needs only to print a panic.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    // Only the host's own compiler is known to have the right one.
    if env::var("TARGET").ok() != env::var("HOST").ok() {
        return;
    }
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let Ok(answer) = asked else { return };
    let path = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    let archive = Path::new(&path);
    // A compiler that does not know the file repeats its bare name.
    if archive.is_absolute() && archive.is_file() {
        for argument in ["-Wl,--whole-archive", &path, "-Wl,--no-whole-archive"] {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}
