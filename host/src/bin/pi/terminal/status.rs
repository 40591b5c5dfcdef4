//! One line that is written over while something is waited for.

use std::io::{self, Write as _};

use super::frame::clip;
use super::session::Session;

/// Writes `text` in place of what was last shown, with the cursor left behind it.
pub(crate) fn show(text: &str) {
    // The last cell stays free: a terminal that wraps there could not be cleared.
    let line = clip(text, Session::size().columns.saturating_sub(1));
    write(&format!("\r{}\x1b[K", line.text));
}

/// Clears what was shown.
pub(crate) fn clear() {
    write("\r\x1b[K");
}

fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
