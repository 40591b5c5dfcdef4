//! Timing processes, and the numbers made of it.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

use crate::Result;

/// How long a command takes, from its start to its end. It must succeed.
pub(super) fn time(mut command: Command) -> Result<Duration> {
    command.stdout(Stdio::null());
    let begun = Instant::now();
    let status = command.spawn()?.wait()?;
    let took = begun.elapsed();
    if status.success() { Ok(took) } else { Err(format!("{command:?} ended with {status}").into()) }
}

/// The most memory that a command has in use at one time (its resident set).
///
/// Naming the user makes the standard library fork instead of spawn, and that matters: a spawned
/// process shares our memory until it becomes the command, and the kernel goes on counting it.
pub(super) fn peak_memory_bytes(mut command: Command) -> Result<u64> {
    let user = rustix::process::geteuid().as_raw();
    let used = command.uid(user).stdout(Stdio::null()).spawn()?.wait4()?;
    if !used.status.success() {
        return Err(format!("{command:?} ended with {}", used.status).into());
    }
    Ok(used.rusage.maxrss)
}

/// Times of one command, in the order in which they were taken.
#[derive(Default)]
pub(super) struct Times {
    ms: Vec<f64>,
}

impl Times {
    pub(super) fn add(&mut self, took: Duration) {
        self.ms.push(took.as_secs_f64() * 1000.0);
    }

    pub(super) fn len(&self) -> usize {
        self.ms.len()
    }

    pub(super) fn median(&self) -> f64 {
        median(self.ms.clone())
    }

    pub(super) fn min(&self) -> f64 {
        self.ms.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(super) fn max(&self) -> f64 {
        self.ms.iter().copied().fold(0.0, f64::max)
    }

    /// The median of the ratios, pair by pair: slow moments of the machine cancel out.
    pub(super) fn median_ratio_to(&self, other: &Times) -> f64 {
        median(self.ms.iter().zip(&other.ms).map(|(mine, others)| mine / others).collect())
    }

    /// The median of the differences, pair by pair, in milliseconds.
    pub(super) fn median_more_than(&self, other: &Times) -> f64 {
        median(self.ms.iter().zip(&other.ms).map(|(mine, others)| mine - others).collect())
    }
}

/// The value in the middle; of an even number, the mean of the two that are.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (lower, upper) = (values.get((values.len().max(1) - 1) / 2), values.get(values.len() / 2));
    match (lower, upper) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_by_table() {
        for (values, expected) in
            [(&[5.0][..], 5.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 3.0, 2.0], 2.5)]
        {
            assert!((median(values.to_vec()) - expected).abs() < 1e-9, "{values:?}");
        }
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        let (mut mine, mut others) = (Times::default(), Times::default());
        for (a, b) in [(2, 1), (30, 10), (400, 100)] {
            mine.add(Duration::from_millis(a));
            others.add(Duration::from_millis(b));
        }
        assert!((mine.median_ratio_to(&others) - 3.0).abs() < 1e-9);
        assert!((mine.median_more_than(&others) - 20.0).abs() < 1e-9);
    }
}
