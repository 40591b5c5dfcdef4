//! `cargo xtask bench`: what `pi token` costs.
//!
//! A script calls it in front of every request, so the measure is `cat`: the least that a process
//! can do that puts the contents of a file on stdout. Whole processes are timed, in pairs that
//! alternate, so that whatever else the machine does meets both. The answer is the median of the
//! ratios of the pairs.

mod measure;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use crate::cargo::{self, Profile};
use crate::home::{Home, find_program};
use crate::test::SIZE_BUDGET_BYTES;
use crate::{Result, paint};
use measure::{Times, peak_memory_bytes, time};

/// `pi token` may take this many times as long as `cat`.
const RATIO_BUDGET: f64 = 1.5;
const MEMORY_BUDGET_BYTES: u64 = 8 * 1024 * 1024;
const WARM_UP: usize = 30;

#[derive(Args)]
pub(crate) struct Options {
    /// How many pairs to time
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(300..))]
    pairs: u32,
    /// Exit with 1 if something is over its budget
    #[arg(long)]
    check: bool,
}

/// Measures, and prints what it finds.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    println!("Building `pi` as it is shipped ...");
    let home = Home::new(cargo::build("pi-auth", "pi", Profile::Release)?)?;
    home.store_fresh_login()?;
    let contestants = contestants(&home)?;

    let mut times: Vec<Times> = contestants.iter().map(|_| Times::default()).collect();
    for round in 0..WARM_UP + usize::try_from(options.pairs)? {
        for (contestant, times) in contestants.iter().zip(&mut times) {
            let took = time(contestant.command(&home))?;
            if round >= WARM_UP {
                times.add(took);
            }
        }
    }

    println!(
        "\n{} rounds, one of each in turn; whole processes, stdout to /dev/null\n",
        options.pairs
    );
    println!("{}", paint::bold("                        median       min       max   times `cat`"));
    let cat = times.get(1).ok_or("`cat` was not timed")?;
    for (contestant, times) in contestants.iter().zip(&times) {
        let (median, min, max) = (times.median(), times.min(), times.max());
        let ratio = times.median_ratio_to(cat);
        println!(
            "{:<20} {median:>7.3} ms {min:>6.3} ms {max:>6.3} ms {ratio:>11.2}",
            contestant.shown
        );
    }
    if contestants.len() < 3 {
        println!("gh auth token        not measured: gh is not installed");
    }

    let ratio = times.first().ok_or("`pi` was not timed")?.median_ratio_to(cat);
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
    let over = within.contains(&false);
    Ok(if over && options.check { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One of the commands that are compared.
struct Contestant {
    shown: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Contestant {
    fn command(&self, home: &Home) -> Command {
        let mut command = home.command(&self.program);
        // For gh; the others are not told apart by it.
        command.args(&self.arguments).env("GH_TOKEN", "gho_0123456789");
        command
    }
}

/// `pi`, `cat`, and gh where it is installed, in this order.
fn contestants(home: &Home) -> Result<Vec<Contestant>> {
    let contestant = |shown: &'static str, program: &Path, arguments: &[&str]| Contestant {
        shown,
        program: program.to_owned(),
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
    };
    let cat = find_program("cat").ok_or("there is no `cat` here")?;
    let file = home.credential_file();
    let mut all = vec![
        contestant("pi token anthropic", home.pi_binary(), &["token", "anthropic"]),
        contestant("cat auth.json", &cat, &[&file.to_string_lossy()]),
    ];
    if let Some(gh) = find_program("gh") {
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
