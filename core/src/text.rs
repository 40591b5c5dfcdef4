//! Text as it may be shown to a person.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

/// A path as it can be pasted into a shell, which still has to expand a tilde.
pub fn shell(path: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || has("/._-+~", c);
    let (tilde, rest) = match path.strip_prefix("~/") {
        Some(rest) => ("~/", rest),
        None => ("", path),
    };
    match rest.chars().all(harmless) {
        true => path.to_string(),
        false => format!("{tilde}'{}'", replaced(rest, "'", r"'\''")),
    }
}

/// Returns the values in order, each once.
pub(crate) fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}

/// Returns the part of `text` at `range`; an empty one where there is no such part.
pub(crate) fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

/// Returns whether `c` is in `text`.
pub(crate) fn has(text: &str, c: char) -> bool {
    text.chars().any(|it| it == c)
}

/// Text from elsewhere as it may be shown: without control characters, which a terminal would
/// obey, without those that reorder what a person reads or begin a line of their own, and without
/// what nobody sees. A zero-width joiner stays where it makes one emoji of two.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let joins = c == JOINER
            && shown.chars().next_back().is_some_and(is_emoji)
            && rest.clone().find(|c| is_plain(*c)).is_some_and(is_emoji);
        if joins || is_plain(c) {
            shown.push(c);
        }
    }
    shown
}

/// The zero-width joiner.
const JOINER: char = '\u{200d}';

/// Returns whether `c` may be shown wherever it stands.
pub(crate) fn is_plain(c: char) -> bool {
    // Unicode's Default_Ignorable_Code_Point, which marks and tags of texts are part of.
    let is_ignorable = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    // Unicode's own ends of lines and of paragraphs, and the Braille pattern without a dot.
    let acts = matches!(c, '\u{2028}' | '\u{2029}' | '\u{2800}');
    !(c.is_control() || is_ignorable || acts)
}

/// Returns whether `c` may be part of an emoji that is made of several characters.
fn is_emoji(c: char) -> bool {
    matches!(
        c,
        '\u{2190}'..='\u{21ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{1f000}'..='\u{1faff}'
    )
}

/// `text` with `to` in every place of `from`, which is not empty.
///
/// What the standard library has for texts to be searched for is made for long ones, and is larger
/// than whatever it would be used for here.
pub(crate) fn replaced(text: &str, from: &str, to: &str) -> String {
    let mut new = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = cut(rest, from) {
        new.push_str(before);
        new.push_str(to);
        rest = after;
    }
    new.push_str(rest);
    new
}

/// What is before and what is behind the first `by` in `text`, if there is one.
pub(crate) fn cut<'a>(text: &'a str, by: &str) -> Option<(&'a str, &'a str)> {
    let mut places = text.char_indices().filter_map(|(at, _)| text.split_at_checked(at));
    places.find_map(|(before, rest)| Some((before, rest.strip_prefix(by)?)))
}

/// What is before and what is behind the last `by` in `text`, if there is one; `by` is ASCII.
pub(crate) fn cut_last(text: &str, by: u8) -> Option<(&str, &str)> {
    let at = text.bytes().rposition(|byte| byte == by)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Two digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Text of others, [`plain`] and short enough for a sentence.
pub(crate) fn truncate(text: &str) -> String {
    plain(text).chars().take(300).collect()
}

/// A server's words, [`brief`] and without a full stop: the sentence that they stand in has its
/// own.
pub(crate) fn phrase(text: &str) -> String {
    let mut text = truncate(text);
    text.truncate(without_end(&text).len());
    text
}

/// Text without the full stops that it ends with, to be put into a sentence.
pub(crate) fn without_end(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '\u{2026}' | '\u{3002}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_nothing_a_terminal_obeys() {
        assert_eq!(plain("a\u{1b}[31m\r\nb\u{9b}\u{202e}c\u{7f}"), "a[31mbc");
        assert_eq!(plain("a\u{61c}b\u{200e}\u{200f}c\u{2028}\u{2029}d\u{2067}é\u{200d}"), "abcdé");
        assert_eq!(truncate(&"x".repeat(1000)).len(), 300);
    }

    #[test]
    fn words_of_others_bring_no_full_stop() {
        for (words, expected) in [
            ("client_secret is missing.", "client_secret is missing"),
            ("Wait...", "Wait"),
            ("Wait\u{2026} \r\n", "Wait"),
            ("See v1.2", "See v1.2"),
            ("no. really!", "no. really!"),
            ("...", ""),
            ("", ""),
        ] {
            assert_eq!(phrase(words), expected, "{words:?}");
        }
    }

    #[test]
    fn plain_text_has_nothing_that_nobody_sees() {
        for hidden in [
            "\u{ad}",
            "\u{34f}",
            "\u{115f}",
            "\u{1160}",
            "\u{17b4}",
            "\u{180e}",
            "\u{200b}",
            "\u{200c}",
            "\u{200d}",
            "\u{2060}",
            "\u{2064}",
            "\u{2800}",
            "\u{3164}",
            "\u{fe0f}",
            "\u{feff}",
            "\u{ffa0}",
            "\u{fff0}",
            "\u{1d173}",
            "\u{e0001}",
            "\u{e0041}\u{e007f}",
            "\u{e0100}",
            "\u{e0fff}",
        ] {
            assert_eq!(plain(&alloc::format!("{hidden}a{hidden}b{hidden}")), "ab", "{hidden:?}");
        }
        for seen in ["a b", "é", "日本語", "\u{2801}", "\u{e000}", "\u{fffd}", "ﷺ", "\u{1f600}"]
        {
            assert_eq!(plain(seen), seen);
        }
    }

    #[test]
    fn a_joiner_stays_inside_an_emoji_alone() {
        for (text, shown) in [
            ("👩\u{200d}💻", "👩\u{200d}💻"),
            ("👩🏽\u{200d}💻", "👩🏽\u{200d}💻"),
            ("👨\u{200d}👩\u{200d}👧", "👨\u{200d}👩\u{200d}👧"),
            ("❤\u{fe0f}\u{200d}🔥", "❤\u{200d}🔥"),
            ("🙂\u{200d}↔\u{fe0f}", "🙂\u{200d}↔"),
            ("👩\u{200d}", "👩"),
            ("\u{200d}👩", "👩"),
            ("👩\u{200d}a", "👩a"),
            ("a\u{200d}👩", "a👩"),
            ("👩\u{200d}\u{200d}\u{200d}💻", "👩\u{200d}💻"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
            assert_eq!(plain(shown), shown);
        }
    }

    #[test]
    fn texts_in_texts() {
        assert_eq!(replaced("aaxa", "aa", "é"), "éxa");
        assert_eq!(replaced("é", "x", "y"), "é");
        assert_eq!(cut("a://b://c", "://"), Some(("a", "b://c")));
        assert_eq!(cut("a", "://"), None);
        assert_eq!(cut_last("é.b.c", b'.'), Some(("é.b", "c")));
        assert_eq!(cut_last("é", b'.'), None);
        assert_eq!(cut("", "x"), None);
    }

    #[test]
    fn paths_can_be_pasted_into_a_shell() {
        assert_eq!(shell("~/.pi/agent/auth.json"), "~/.pi/agent/auth.json");
        assert_eq!(shell("~/my files/a'b"), r"~/'my files/a'\''b'");
        assert_eq!(shell("/a;b"), "'/a;b'");
    }
}
