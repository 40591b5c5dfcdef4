//! Colours: on a terminal only, and not where NO_COLOR is set (<https://no-color.org>).

use std::io::{self, IsTerminal as _};
use std::sync::LazyLock;

static WANTED: LazyLock<bool> = LazyLock::new(|| {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !refused
});

pub(crate) fn bold(text: &str) -> String {
    paint("1", text)
}

pub(crate) fn dim(text: &str) -> String {
    paint("2", text)
}

pub(crate) fn green(text: &str) -> String {
    paint("32", text)
}

pub(crate) fn red(text: &str) -> String {
    paint("31", text)
}

pub(crate) fn yellow(text: &str) -> String {
    paint("33", text)
}

fn paint(style: &str, text: &str) -> String {
    if *WANTED { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}
