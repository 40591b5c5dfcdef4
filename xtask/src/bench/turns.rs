//! Whole processes, one of each in turn: whatever else the machine does meets all of them.

use std::process::Command;

use super::measure::{Times, time};
use crate::{Result, paint};

/// One of the commands that are compared.
pub(super) struct Contestant<'a> {
    shown: &'static str,
    command: Box<dyn Fn() -> Command + 'a>,
}

impl<'a> Contestant<'a> {
    pub(super) fn new(shown: &'static str, command: impl Fn() -> Command + 'a) -> Self {
        Self { shown, command: Box::new(command) }
    }
}

/// How long each of them took.
pub(super) struct Turns(Vec<(&'static str, Times)>);

impl Turns {
    /// Runs all of them in turn, so many rounds after those that do not count.
    pub(super) fn take(all: Vec<Contestant<'_>>, warm_up: usize, rounds: usize) -> Result<Self> {
        let mut turns = Self(all.iter().map(|it| (it.shown, Times::default())).collect());
        for round in 0..warm_up + rounds {
            for (contestant, (_, times)) in all.iter().zip(&mut turns.0) {
                let took = time((contestant.command)())?;
                if round >= warm_up {
                    times.add(took);
                }
            }
        }
        Ok(turns)
    }

    /// The times of the one that is shown so.
    pub(super) fn of(&self, shown: &str) -> Result<&Times> {
        let found = self.0.iter().find(|(it, _)| *it == shown);
        Ok(found.map(|(_, times)| times).ok_or_else(|| format!("`{shown}` was not timed"))?)
    }

    /// Prints a table in which one of them is the measure.
    pub(super) fn print(&self, measure: &str) -> Result {
        let of = self.of(measure)?;
        println!(
            "{} rounds, one of each in turn; whole processes, stdout to /dev/null\n",
            of.len()
        );
        let heading = format!("{:<24}  median       min       max   times `{measure}`", "");
        println!("{}", paint::bold(&heading));
        for (shown, times) in &self.0 {
            let (median, min, max) = (times.median(), times.min(), times.max());
            let ratio = times.median_ratio_to(of);
            println!("{shown:<24} {median:>7.3} ms {min:>6.3} ms {max:>6.3} ms {ratio:>7.2}");
        }
        Ok(())
    }
}
