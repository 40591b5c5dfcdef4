//! What a prompt looks like, and the control sequences that replace one look by the next in place.

/// How many columns and rows there are to draw in; neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// A line of text that the terminal may wrap over several rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// What is written, with its colours; no newline.
    pub(super) text: String,
    /// How many cells it takes.
    pub(super) cells: usize,
}

/// The whole look of a prompt; it never takes more rows than the terminal has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) lines: Vec<Line>,
    /// Where the cursor stays: a line, and how many cells of it come before.
    pub(super) cursor: (usize, usize),
}

impl Frame {
    /// Draws this frame over `old`, which the terminal may have wrapped anew since.
    ///
    /// A resized terminal keeps the cursor at its text, so rows are counted from the cursor, and
    /// with the columns of now.
    pub(super) fn paint_over(&self, old: Option<&Frame>, columns: usize) -> String {
        let mut out = up(old.map_or(0, |old| old.rows_above(columns)));
        out.push('\r');
        for (index, line) in self.lines.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { "\x1b[K\r\n" });
            out.push_str(&line.text);
            // After the last cell of a row the cursor waits there; this takes it to the next row.
            if line.cells > 0 && line.cells.is_multiple_of(columns) {
                out.push_str(" \r");
            }
        }
        // Clearing comes last: some terminals keep a screen that is cleared from its very start in
        // their history, and bring it back when they are widened.
        out.push_str("\x1b[J");
        out.push_str(&up(self.rows_below(columns)));
        out.push('\r');
        match self.cursor.1 % columns {
            0 => {}
            cells => out.push_str(&format!("\x1b[{cells}C")),
        }
        out
    }

    /// Takes the cursor to the start of a fresh line below.
    pub(super) fn leave(&self, columns: usize) -> String {
        match self.rows_below(columns) {
            0 => "\r\n".to_owned(),
            rows => format!("\x1b[{rows}B\r\n"),
        }
    }

    fn rows_above(&self, columns: usize) -> usize {
        rows(&self.lines[..self.cursor.0], columns) + self.cursor.1 / columns
    }

    fn rows_below(&self, columns: usize) -> usize {
        rows(&self.lines, columns) - self.rows_above(columns) - 1
    }
}

/// Cuts `text` to `cells` and ends it with `...`; control characters are left out.
///
/// What is not ASCII counts as two cells, which is never too few.
pub(super) fn clip(text: &str, cells: usize) -> Line {
    let width = |c: char| if c.is_ascii() { 1 } else { 2 };
    let printable = || text.chars().filter(|c| !c.is_control());
    let whole: usize = printable().map(width).sum();
    if whole <= cells {
        return Line { text: printable().collect(), cells: whole };
    }
    let room = cells.saturating_sub(3);
    let mut clipped = Line { text: String::new(), cells: 0 };
    for c in printable() {
        if clipped.cells + width(c) > room {
            break;
        }
        clipped.text.push(c);
        clipped.cells += width(c);
    }
    let dots = cells.min(3);
    clipped.text.push_str(&"..."[..dots]);
    clipped.cells += dots;
    clipped
}

fn rows(lines: &[Line], columns: usize) -> usize {
    lines.iter().map(|line| line.cells / columns + 1).sum()
}

fn up(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}A") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipped_text_fits_and_says_that_it_is_clipped() {
        let cases = [
            ("GitHub Copilot", 14, "GitHub Copilot", 14),
            ("GitHub Copilot", 13, "GitHub Cop...", 13),
            ("GitHub", 3, "...", 3),
            ("GitHub", 1, ".", 1),
            ("GitHub", 0, "", 0),
            ("日本語", 6, "日本語", 6),
            ("日本語", 5, "日...", 5),
            ("日本語", 4, "...", 3),
            ("a\x1b[31mb\n", 9, "a[31mb", 6),
        ];
        for (text, cells, shown, taken) in cases {
            assert_eq!(clip(text, cells), Line { text: shown.into(), cells: taken }, "{text}");
        }
    }

    fn frame(lines: &[usize], cursor: (usize, usize)) -> Frame {
        let line = |&cells: &usize| Line { text: "x".repeat(cells), cells };
        Frame { lines: lines.iter().map(line).collect(), cursor }
    }

    #[test]
    fn a_cursor_at_the_top_stays_there() {
        let list = frame(&[3, 2], (0, 0));
        assert_eq!(list.paint_over(None, 20), "\rxxx\x1b[K\r\nxx\x1b[J\x1b[1A\r");
        assert_eq!(list.paint_over(Some(&list), 2), "\rxxx\x1b[K\r\nxx \r\x1b[J\x1b[3A\r");
        assert_eq!(list.leave(20), "\x1b[1B\r\n");
    }

    #[test]
    fn a_wrapped_line_is_redrawn_from_its_first_row() {
        let old = frame(&[25], (0, 25));
        assert!(
            old.paint_over(None, 10).ends_with("xxx\x1b[J\r\x1b[5C"),
            "two full rows and five cells"
        );
        let new = frame(&[4], (0, 1));
        assert_eq!(new.paint_over(Some(&old), 10), "\x1b[2A\rxxxx\x1b[J\r\x1b[1C");
        assert_eq!(new.paint_over(Some(&old), 5), "\x1b[5A\rxxxx\x1b[J\r\x1b[1C", "now narrower");
        assert_eq!(frame(&[25], (0, 3)).leave(10), "\x1b[2B\r\n");
    }

    #[test]
    fn after_a_full_row_the_cursor_is_on_the_next() {
        let full = frame(&[10], (0, 10));
        assert!(full.paint_over(None, 10).ends_with("x \r\x1b[J\r"));
        assert_eq!(full.leave(10), "\r\n");
    }
}
