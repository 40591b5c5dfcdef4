//! Colours, where a person can see them and has not refused them.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal as _};

/// Returns whether the terminal says that it obeys no control sequences.
pub(crate) fn is_dumb() -> bool {
    is_dumb_name(env::var_os("TERM").as_deref())
}

fn is_dumb_name(term: Option<&OsStr>) -> bool {
    term.is_some_and(|value| value == "dumb")
}

/// Wraps text in colours, or leaves it as it is, as the default does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    coloured: bool,
}

impl Style {
    /// Coloured if stderr is a terminal, `NO_COLOR` is unset or empty and `TERM` is not `dumb`.
    pub(crate) fn for_stderr() -> Self {
        Self::on(io::stderr().is_terminal())
    }

    /// The same for stdout.
    pub(crate) fn for_stdout() -> Self {
        Self::on(io::stdout().is_terminal())
    }

    fn on(is_terminal: bool) -> Self {
        let (no_color, term) = (env::var_os("NO_COLOR"), env::var_os("TERM"));
        Self::decide(is_terminal, no_color.as_deref(), term.as_deref())
    }

    /// Text that stands out.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Text that stands back.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Text about something that failed.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Text about something that is worth knowing.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// The green `✓` of something that worked.
    pub(crate) fn tick(self) -> String {
        self.paint("32", "✓")
    }

    fn decide(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Self {
        let refused = no_color.is_some_and(|value| !value.is_empty());
        Style { coloured: is_terminal && !refused && !is_dumb_name(term) }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.coloured {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_need_a_terminal_that_has_them_and_a_person_who_wants_them() {
        let cases = [
            (true, None, None, true),
            (true, None, Some("xterm-256color"), true),
            (true, Some(""), None, true),
            (true, Some("1"), None, false),
            (true, None, Some("dumb"), false),
            (false, None, Some("xterm"), false),
        ];
        for (is_terminal, no_color, term, coloured) in cases {
            let style = Style::decide(is_terminal, no_color.map(OsStr::new), term.map(OsStr::new));
            assert_eq!(style, Style { coloured }, "{is_terminal} {no_color:?} {term:?}");
        }
    }

    #[test]
    fn without_colours_text_stays_as_it_is() {
        let plain = Style { coloured: false };
        let painted = [plain.bold("a"), plain.dim("b"), plain.red("c"), plain.yellow("d")];
        assert_eq!(painted, ["a", "b", "c", "d"]);
        assert_eq!(plain.tick(), "✓");
        assert_eq!(Style { coloured: true }.dim("b"), "\x1b[2mb\x1b[0m");
    }
}
