//! Another user of this machine, who owns a directory in which root works, and swaps what root
//! makes there for a link as fast as possible. Ends with its standard input, and prints how often
//! it did.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use rustix::fs::{CWD, RenameFlags, renameat_with};

#[derive(Parser)]
#[command(about = "Swaps what somebody makes for a link, as fast as possible", version)]
struct Cli {
    /// What becomes of what was there
    #[arg(long, value_enum)]
    then: Then,
    /// How long the link stays, in microseconds; else for a different time at each attempt
    #[arg(long)]
    hold: Option<u64>,
    /// The path to watch
    path: PathBuf,
    /// Where the link leads
    victim: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Then {
    /// It is removed, and the link, too
    Remove,
    /// It is put back
    Restore,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    let mut swaps = 0_u32;
    let mut attempts = 0_usize;
    while !over.load(Ordering::Relaxed) {
        let link = PathBuf::from(format!("{}.trap{attempts}", cli.path.display()));
        if symlink(&cli.victim, &link).is_err() {
            return ExitCode::FAILURE;
        }
        // Most of the time there is nothing to swap yet.
        while !over.load(Ordering::Relaxed) {
            if exchange(&cli.path, &link) {
                swaps += 1;
                break;
            }
        }
        match cli.hold {
            Some(us) => thread::sleep(Duration::from_micros(us)),
            // From one system call of the victim's to many.
            None => (0..(attempts * 37) % 2_000).for_each(|_| std::hint::spin_loop()),
        }
        match cli.then {
            Then::Remove => remove(&cli.path, &link),
            Then::Restore => restore(&cli.path, &link),
        }
        attempts += 1;
    }
    match writeln!(io::stdout(), "{swaps}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn exchange(path: &Path, link: &Path) -> bool {
    renameat_with(CWD, path, CWD, link, RenameFlags::EXCHANGE).is_ok()
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

fn remove(path: &Path, link: &Path) {
    for path in [path, link] {
        if is_link(path) {
            let _ = fs::remove_file(path);
        }
    }
    let _ = fs::remove_dir_all(link);
    let _ = fs::remove_file(link);
}

fn restore(path: &Path, link: &Path) {
    if is_link(path) {
        let _ = exchange(path, link);
    }
    if is_link(link) {
        let _ = fs::remove_file(link);
    }
}
