//! `pi token`, measured against `cat`.
//!
//! A script calls it in front of every request, so the measure is the least that a process can do
//! that puts the contents of a file on stdout.

use std::path::Path;

use pi_auth_tests::machine::program;

use super::measure::peak_memory_bytes;
use super::turns::{Contestant, Turns};
use crate::Result;
use crate::cargo::{self, Profile};
use crate::home::Home;
use crate::paint;
use crate::test::SIZE_BUDGET_BYTES;

/// `pi token` may take this many times as long as `cat`.
const RATIO_BUDGET: f64 = 1.5;
const MEMORY_BUDGET_BYTES: u64 = 8 * 1024 * 1024;
const WARM_UP: usize = 30;

/// Measures, and prints what it finds; whether all of it is within its budget.
pub(super) fn run(pairs: usize) -> Result<bool> {
    println!("Building `pi` as it is shipped ...");
    let home = Home::new(cargo::build("pi-auth", "pi", Profile::Release)?)?;
    home.store_fresh_login()?;
    let turns = Turns::take(contestants(&home)?, WARM_UP, pairs)?;
    println!();
    turns.print("cat auth.json")?;
    if turns.of("gh auth token").is_err() {
        println!("gh auth token            not measured: gh is not installed");
    }

    let ratio = turns.of("pi token anthropic")?.median_ratio_to(turns.of("cat auth.json")?);
    let memory = peak_memory_bytes(home.pi(&["token", "anthropic"]))?;
    let size = std::fs::metadata(home.pi_binary())?.len();
    println!();
    let within = [
        budget(
            "time",
            &format!("{ratio:.2} x cat, budget {RATIO_BUDGET} x"),
            ratio <= RATIO_BUDGET,
        ),
        budget(
            "peak memory",
            &format!("{:.2} MiB, budget 8 MiB", mebibytes(memory)),
            memory < MEMORY_BUDGET_BYTES,
        ),
        budget(
            "binary size",
            &format!("{size} bytes, budget {SIZE_BUDGET_BYTES}"),
            size < SIZE_BUDGET_BYTES,
        ),
    ];
    Ok(!within.contains(&false))
}

/// `pi`, `cat`, and gh where it is installed.
fn contestants(home: &Home) -> Result<Vec<Contestant<'_>>> {
    let contestant = |shown: &'static str, program: &Path, arguments: &[&str]| {
        let (program, arguments) = (program.to_owned(), arguments.join("\0"));
        Contestant::new(shown, move || {
            let mut command = home.command(&program);
            // For gh; the others are not told apart by it.
            command.args(arguments.split('\0')).env("GH_TOKEN", "gho_0123456789");
            command
        })
    };
    let cat = program("cat").ok_or("there is no `cat` here")?;
    let file = home.credential_file();
    let mut all = vec![
        contestant("pi token anthropic", home.pi_binary(), &["token", "anthropic"]),
        contestant("cat auth.json", &cat, &[&file.to_string_lossy()]),
    ];
    if let Some(gh) = program("gh") {
        all.push(contestant("gh auth token", &gh, &["auth", "token"]));
    }
    Ok(all)
}

fn budget(what: &str, found: &str, within: bool) -> bool {
    let verdict = if within { paint::green("ok  ") } else { paint::red("over") };
    println!("{verdict} {what:<12} {found}");
    within
}

fn mebibytes(bytes: u64) -> f64 {
    // Kibibytes fit an f64 exactly.
    u32::try_from(bytes / 1024).map_or(f64::INFINITY, f64::from) / 1024.0
}
