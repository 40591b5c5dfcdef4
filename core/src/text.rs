//! Text as it may be shown to a person.

use alloc::format;
use alloc::string::{String, ToString};

/// A path as it can be pasted into a shell, which still has to expand a tilde.
pub(crate) fn shell(path: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-+~".contains(c);
    let (tilde, rest) = match path.strip_prefix("~/") {
        Some(rest) => ("~/", rest),
        None => ("", path),
    };
    match rest.chars().all(harmless) {
        true => path.to_string(),
        false => format!("{tilde}'{}'", rest.replace('\'', r"'\''")),
    }
}

/// Text from elsewhere as it may be shown: without control characters, which a terminal would
/// obey, and without those that reorder what a person reads.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| is_plain(*c)).collect()
}

pub(crate) fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A server's words, [`plain`] and short enough for a sentence.
pub(crate) fn brief(text: &str) -> String {
    plain(text).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_nothing_a_terminal_obeys() {
        assert_eq!(plain("a\u{1b}[31m\r\nb\u{9b}\u{202e}c\u{7f}"), "a[31mbc");
        assert_eq!(brief(&"x".repeat(1000)).len(), 300);
    }

    #[test]
    fn paths_can_be_pasted_into_a_shell() {
        assert_eq!(shell("~/.pi/agent/auth.json"), "~/.pi/agent/auth.json");
        assert_eq!(shell("~/my files/a'b"), r"~/'my files/a'\''b'");
        assert_eq!(shell("/a;b"), "'/a;b'");
    }
}
