//! Strings and their escapes (RFC 8259, 7).

use alloc::string::String;

/// The text of a string in its quotes; `None` for what is none, or holds a lone surrogate.
pub(super) fn unquoted(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    // No escape is shorter than what it stands for: it never grows, and leaves no copy behind.
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut chars = escaped.chars();
        text.push(match chars.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (unescaped, behind) = unicode(chars.as_str())?;
                text.push(unescaped);
                rest = behind;
                continue;
            }
            itself => itself,
        });
        rest = chars.as_str();
    }
    text.push_str(rest);
    Some(text)
}

/// The character whose hex digits `text` begins with, and what is behind them. Those beyond the
/// first 65,536 come as two escapes.
fn unicode(text: &str) -> Option<(char, &str)> {
    let (first, behind) = unit(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, behind));
    }
    let (second, behind) = unit(behind.strip_prefix("\\u")?)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10 | low))?, behind))
}

fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, behind) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, behind))
}

/// `text` as a string in quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_quoted(&mut json, text);
    json
}

/// The same at the end of `json`, in JavaScript's spelling: what need not be escaped is not.
pub(super) fn push_quoted(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        let escape = match c {
            '"' => '"',
            '\\' => '\\',
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\0'..' ' => {
                json.push_str("\\u00");
                let digit = |nibble: u32| char::from_digit(nibble, 16).unwrap_or_default();
                json.push(digit(c as u32 >> 4));
                json.push(digit(c as u32 & 15));
                continue;
            }
            plain => {
                json.push(plain);
                continue;
            }
        };
        json.push('\\');
        json.push(escape);
    }
    json.push('"');
}
