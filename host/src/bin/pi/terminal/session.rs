//! The time a prompt has the terminal for itself, and the guard that gives it back.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::panic;
use std::time::Duration;

use crossterm::terminal::{disable_raw_mode, enable_raw_mode, is_raw_mode_enabled};
use rustix::termios::{self, QueueSelector};

use super::frame::{Frame, Size};
use super::keys::{Heard, Keys};

const BRACKETED_PASTE: &str = "\x1b[?2004h";
const HIDE_CURSOR: &str = "\x1b[?25l";
const RESTORE: &str = "\x1b[?2004l\x1b[?25h";

/// Makes a panic restore the terminal first: a release build aborts, and no guard is dropped.
pub(crate) fn install_panic_hook() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if is_raw_mode_enabled().unwrap_or(true) {
            give_back("\r\n");
        }
        report(info);
    }));
}

/// How many columns standard output has; `None` where it is no terminal.
pub(crate) fn width_of_stdout() -> Option<usize> {
    let columns = termios::tcgetwinsize(io::stdout()).ok()?.ws_col;
    Some(if columns == 0 { 80 } else { columns.into() })
}

/// Whether the prompt shows where its text is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    Shown,
    Hidden,
}

/// The terminal in raw mode. Dropping it, at any time, leaves it as it was before.
pub(super) struct Session {
    keys: Keys,
    input: OwnedFd,
    drawn: Option<Frame>,
    answered: bool,
}

impl Session {
    pub(super) fn open(cursor: Cursor) -> io::Result<Self> {
        let input = controlling_terminal()?;
        let keys = Keys::listen(input.try_clone()?)?;
        enable_raw_mode()?;
        let session = Session { keys, input, drawn: None, answered: false };
        write(BRACKETED_PASTE)?;
        if cursor == Cursor::Hidden {
            write(HIDE_CURSOR)?;
        }
        Ok(session)
    }

    /// The size to draw in; 80 by 24 if the terminal does not know.
    pub(super) fn size() -> Size {
        let (columns, rows) = termios::tcgetwinsize(io::stderr())
            .map_or((0, 0), |size| (size.ws_col.into(), size.ws_row.into()));
        let known = |value: usize, default| if value == 0 { default } else { value };
        Size { columns: known(columns, 80), rows: known(rows, 24) }
    }

    /// Shows `frame` in place of what was drawn before.
    pub(super) fn draw(&mut self, frame: Frame) -> io::Result<()> {
        write(&frame.paint_over(self.drawn.as_ref(), Self::size().columns))?;
        self.drawn = Some(frame);
        Ok(())
    }

    /// The next event; waits for `patience`, or for as long as it takes.
    pub(super) async fn next(&mut self, patience: Option<Duration>) -> io::Result<Heard> {
        self.keys.next(patience).await
    }

    /// Ends an answered prompt; what is typed ahead is kept for the next one.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.keys.stop();
        if !self.answered {
            // The rest of an answer that nobody waits for must not become a command of the shell.
            let _ = termios::tcflush(&self.input, QueueSelector::IFlush);
        }
        let leave = self.drawn.as_ref().map(|frame| frame.leave(Self::size().columns));
        give_back(&leave.unwrap_or_default());
    }
}

/// The terminal that crossterm reads: stdin if it is one.
fn controlling_terminal() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    match termios::isatty(&stdin) {
        true => stdin.as_fd().try_clone_to_owned(),
        false => Ok(File::options().read(true).write(true).open("/dev/tty")?.into()),
    }
}

/// Nothing here can fail in a way that anybody could still do something about.
fn give_back(leave: &str) {
    let _ = write(&format!("{leave}{RESTORE}"));
    let _ = disable_raw_mode();
}

fn write(text: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}
