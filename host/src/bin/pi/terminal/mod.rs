//! Prompts on a real terminal: drawn on stderr, answered with keys from the controlling terminal.
//!
//! stdout carries results only, so nothing here writes to it. A prompt is a future, and dropping
//! it is fine at any time: a login drops the paste prompt once the browser has called back. The
//! terminal is then as it was, with the cursor at the start of a fresh line.
//!
//! One prompt at a time; while one is open nobody else may write to the terminal.

mod buffer;
mod frame;
mod keys;
mod line;
mod select;
mod session;
pub(crate) mod status;
mod style;

pub(crate) use line::{confirm, line, yes_or_no};
pub(crate) use select::select;
pub(crate) use session::{install_panic_hook, width_of_stdout};
pub(crate) use style::{Style, is_dumb};

/// How a person left a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer<T> {
    /// They answered it.
    Given(T),
    /// End of input: Ctrl-D with nothing typed, or the terminal has gone away.
    Ended,
    /// Ctrl-C or Esc.
    Cancelled,
}
