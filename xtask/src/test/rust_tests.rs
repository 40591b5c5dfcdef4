//! The Rust tests, documentation tests included, counted as they run; and what they run in Node.

use super::watch::watch;
use super::{Outcome, attacks, faults, field_reports};
use crate::{Result, paint};

/// All of them.
const ALL: &[&str] = &["test", "--locked", "--workspace", "--no-fail-fast"];

pub(super) fn run() -> Result<Outcome> {
    let (faults, reports) = (faults::read()?, field_reports::read()?);
    let watched = watch(&[ALL])?;
    println!("\n{}", paint::bold("simulated"));
    let lines = watched.lines.iter();
    lines.filter_map(|it| it.strip_prefix("simulated: ")).for_each(|line| println!("{line}"));
    let ran = &watched.ran;
    let checked = [
        faults::check(&faults, ran),
        field_reports::check(&reports, ran),
        attacks::check(&watched),
    ];
    let counts = ran.counts();
    // What has failed is told by its count.
    match checked.into_iter().find_map(Result::err) {
        Some(problem) if counts.failed == 0 => Err(problem),
        _ => Ok(Outcome::Tested(counts)),
    }
}
