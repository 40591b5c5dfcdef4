//! What a doctor says to a person.

use pi_auth::doctor::{Finding, Group, Report, Severity, Verdict};

use crate::terminal::{Style, width_of_stdout};

/// The widest line that is easy to read, in characters.
const MAX_WIDTH: usize = 96;

/// What every line below a mark begins with.
const INDENT: &str = "    ";

/// The whole report. Lines are wrapped on a terminal only: a program may look for words in them.
pub(super) fn of(report: &Report) -> String {
    let width = width_of_stdout().map(|columns| columns.min(MAX_WIDTH));
    let page = Page { style: Style::for_stdout(), width };
    let mut text = String::new();
    for group in Group::ALL {
        let verdicts = report.verdicts().iter().filter(|it| it.check().group() == group);
        let lines: String = verdicts.map(|verdict| page.verdict(verdict)).collect();
        if !lines.is_empty() {
            text += &format!("{}\n{lines}\n", page.style.bold(group.title()));
        }
    }
    text + &page.sum(report)
}

struct Page {
    style: Style,
    width: Option<usize>,
}

impl Page {
    fn verdict(&self, verdict: &Verdict) -> String {
        match verdict {
            Verdict::Fine(_, message) => self.item(&self.style.tick(), message),
            Verdict::LeftOut(_, message) => self.item("-", message),
            Verdict::Found(finding) => self.finding(finding),
        }
    }

    fn finding(&self, finding: &Finding) -> String {
        let mark = match finding.severity {
            Severity::Problem => self.style.red("✗"),
            Severity::Note => self.style.yellow("!"),
        };
        let mut text = match finding.fixed() {
            Some(fixed) => self.item(&self.style.tick(), &format!("Mended: {fixed}")),
            None => self.item(&mark, &finding.message),
        };
        if let Some(why) = finding.not_fixed() {
            text += &self.wrapped(&format!("It could not be mended: {why}."));
        }
        if !finding.mend.is_empty() {
            text += &self.wrapped(&finding.mend);
        }
        // Never wrapped: it is there to be copied.
        if let Some(command) = &finding.command {
            text += &format!("      {}\n", self.style.bold(command));
        }
        text
    }

    fn item(&self, mark: &str, message: &str) -> String {
        let text = self.wrapped(message);
        format!("  {mark} {}", text.trim_start())
    }

    /// Text whose every line is indented.
    fn wrapped(&self, text: &str) -> String {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split(' ') {
            let length = |text: &str| text.chars().count();
            let is_full = self
                .width
                .is_some_and(|width| INDENT.len() + length(&line) + 1 + length(word) > width);
            if is_full && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
        lines.iter().map(|line| format!("{INDENT}{line}\n")).collect()
    }

    fn sum(&self, report: &Report) -> String {
        let open = || report.findings().filter(|finding| finding.fixed().is_none());
        let of = |severity| open().filter(move |finding| finding.severity == severity).count();
        let mended = report.findings().filter(|finding| finding.fixed().is_some()).count();
        let notes = match of(Severity::Note) {
            0 => String::new(),
            1 => ", 1 note".to_owned(),
            notes => format!(", {notes} notes"),
        };
        let (begin, left) = match mended {
            0 => (String::new(), ""),
            mended => (format!("{mended} mended, "), " left"),
        };
        let problems = match of(Severity::Problem) {
            0 if mended > 0 => "no problems left".to_owned(),
            0 if notes.is_empty() => "No problems found".to_owned(),
            0 => "No problems".to_owned(),
            1 => self.style.red(&format!("1 problem{left}")),
            problems => self.style.red(&format!("{problems} problems{left}")),
        };
        let text = format!("{begin}{problems}{notes}");
        let fixable = open().filter(|finding| finding.is_fixable()).count();
        let all = open().count();
        match fixable {
            0 => format!("{text}.\n"),
            _ if fixable == all && all == 1 => format!("{text}. `pi doctor --fix` mends it.\n"),
            _ if fixable == all => format!("{text}. `pi doctor --fix` mends them.\n"),
            _ => format!("{text}. `pi doctor --fix` mends {fixable} of them.\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use pi_auth::doctor::Check;

    use super::*;

    fn page(width: Option<usize>) -> Page {
        Page { style: Style::default(), width }
    }

    #[test]
    fn lines_are_wrapped_behind_their_mark_and_commands_never() {
        let finding = Finding::problem(Check::Lock, "One two three four five.")
            .mend("Six seven eight nine.")
            .by("command that is longer than a line", "~/x");
        assert_eq!(
            page(Some(18)).finding(&finding),
            "  ✗ One two three\n    four five.\n    Six seven\n    eight nine.\n      \
             command that is longer than a line ~/x\n"
        );
        assert_eq!(page(None).finding(&finding).lines().count(), 3);
    }

    #[test]
    fn the_last_line_sums_up() {
        let problem = || Finding::problem(Check::File, "P.");
        let note = || Finding::note(Check::File, "N.");
        for (findings, sum) in [
            (vec![], "No problems found.\n"),
            (vec![note()], "No problems, 1 note.\n"),
            (vec![problem()], "1 problem.\n"),
            (vec![problem(), note(), problem(), note()], "2 problems, 2 notes.\n"),
        ] {
            let mut report = Report::default();
            findings.into_iter().for_each(|finding| report.found(finding));
            assert_eq!(page(None).sum(&report), sum);
        }
    }
}
