//! Characters that must never reach a person: a table of its own, so that it does not judge the
//! core by the core. Taken from Unicode 16: the general category Cc, Default_Ignorable_Code_Point,
//! the line and paragraph separators, and the Braille pattern without a dot.

/// The first and the last of each row of characters.
const UNSEEN: [(u32, u32); 21] = [
    (0x0000, 0x001F),
    (0x007F, 0x009F),
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200C),
    (0x200E, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
];

/// Rows of characters that a zero-width joiner may stand between: the parts of emoji.
const JOINED: [(u32, u32); 4] =
    [(0x2190, 0x21FF), (0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x1F000, 0x1FAFF)];

/// Returns the first character of a text that must not be shown, in the place where it stands.
pub fn first(text: &str) -> Option<char> {
    let characters: Vec<char> = text.chars().collect();
    let is_joined = |at: Option<usize>| {
        at.and_then(|at| characters.get(at)).is_some_and(|c| is_in(&JOINED, *c))
    };
    characters.iter().enumerate().find_map(|(at, c)| {
        let is_unseen = match c {
            '\u{200D}' => !(is_joined(at.checked_sub(1)) && is_joined(Some(at + 1))),
            c => is_in(&UNSEEN, *c),
        };
        is_unseen.then_some(*c)
    })
}

fn is_in(rows: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    rows.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_core_shows_has_none_of_them() {
        let mut dropped = 0;
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let shown = pi_auth_core::text::plain(&format!("a{c}b"));
            assert_eq!(first(&shown), None, "{c:?}");
            assert_eq!(shown.contains(c), first(&format!("a{c}b")).is_none(), "{c:?}");
            dropped += usize::from(!shown.contains(c));
        }
        assert!(dropped > 4_000, "the tags alone are 4096: {dropped}");
    }

    #[test]
    fn a_joiner_counts_where_it_joins_nothing() {
        for (text, unseen) in [
            ("👩\u{200d}💻", None),
            ("a\u{200d}b", Some('\u{200d}')),
            ("👩\u{200d}", Some('\u{200d}')),
            ("\u{200d}👩", Some('\u{200d}')),
            ("👩\u{200d}\u{200d}💻", Some('\u{200d}')),
        ] {
            assert_eq!(first(text), unseen, "{text:?}");
        }
    }
}
