//! The table at the end, and the line that counts.

use std::ops::Add;
use std::time::Duration;

use super::{Counts, Outcome};
use crate::paint;

/// What came of the steps, in order.
#[derive(Default)]
pub(super) struct Report {
    rows: Vec<(&'static str, Row, Option<Duration>)>,
}

/// What came of one step.
pub(super) enum Row {
    Passed(String),
    Tested(Counts),
    Skipped(String),
    Failed,
    /// An earlier step failed.
    NotRun,
}

impl Row {
    pub(super) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed(note) => Self::Passed(note),
            Outcome::Tested(counts) => Self::Tested(counts),
            Outcome::Skipped(reason) => Self::Skipped(reason),
        }
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed | Self::Tested(Counts { failed: 1.., .. }))
    }

    /// Says at once what else can be read only in the table.
    pub(super) fn print_note(&self) {
        match self {
            Self::Passed(note) if !note.is_empty() => println!("{note}"),
            Self::Skipped(reason) => println!("{}", paint::yellow(&format!("skipped: {reason}"))),
            _ => {}
        }
    }

    fn counts(&self) -> Counts {
        let none = Counts::default();
        match self {
            Self::Passed(_) => Counts { passed: 1, ..none },
            Self::Tested(counts) => *counts,
            Self::Failed => Counts { failed: 1, ..none },
            Self::Skipped(_) | Self::NotRun => Counts { ignored: 1, ..none },
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Passed(note) if note.is_empty() => paint::green("passed"),
            Self::Passed(note) => format!("{}, {note}", paint::green("passed")),
            Self::Tested(Counts { passed, failed: 0, .. }) => {
                format!("{}, {passed} tests", paint::green("passed"))
            }
            Self::Tested(Counts { failed, .. }) => {
                format!("{}, {failed} tests", paint::red("failed"))
            }
            Self::Skipped(reason) => format!("{}, {reason}", paint::yellow("skipped")),
            Self::Failed => paint::red("failed"),
            Self::NotRun => paint::yellow("not run"),
        }
    }
}

impl Report {
    pub(super) fn add(&mut self, name: &'static str, row: Row) {
        self.rows.push((name, row, None));
    }

    pub(super) fn add_timed(&mut self, name: &'static str, row: Row, took: Duration) {
        self.rows.push((name, row, Some(took)));
    }

    /// Prints the table, and as the very last line `N passed, N failed, N skipped`: every test, in
    /// Rust or in Node, and every other step counts as one, and what did not run counts as skipped.
    pub(super) fn print(&self) {
        println!("\n{}", paint::bold("step              seconds"));
        for (name, row, took) in &self.rows {
            let took = took.map_or_else(|| "-".to_owned(), |it| format!("{:.1}", it.as_secs_f64()));
            println!("{name:<16} {took:>8}  {}", row.in_words());
        }
        let Counts { passed, failed, ignored } = self.total();
        println!("{passed} passed, {failed} failed, {ignored} skipped");
    }

    fn total(&self) -> Counts {
        self.rows.iter().map(|(_, row, _)| row.counts()).fold(Counts::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_uncounted() {
        let mut report = Report::default();
        report.add("a", Row::Passed(String::new()));
        report.add("b", Row::Tested(Counts { passed: 10, failed: 2, ignored: 3 }));
        report.add("c", Row::Skipped("no such program here".into()));
        report.add("d", Row::Failed);
        report.add("e", Row::NotRun);
        assert_eq!(report.total(), Counts { passed: 11, failed: 3, ignored: 5 });
    }
}
