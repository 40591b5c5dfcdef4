//! What a person pastes after authorizing, in every shape that has been seen in the field.

use alloc::string::String;
use core::fmt;

use crate::oauth::authorization::{self, Answer, Refusal};
use crate::secret::Secret;
use crate::text::{cut, replaced};

/// The longest paste that is looked at, in bytes; a redirect URL is a tenth of it.
pub const MAX_PASTE_BYTES: usize = 16 * 1024;

/// Why a paste cannot be used. `Display` says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasteError {
    /// Nothing, or nothing but white space.
    Empty,
    /// More than [`MAX_PASTE_BYTES`].
    TooLong,
    /// No authorization code in it.
    NoCode,
    /// The address of the page where one authorizes, not what comes after it.
    AuthorizePage,
    /// Its state is not this login's: it comes from an older attempt, or from someone else.
    OtherLogin,
    /// The provider's refusal, pasted.
    Refused {
        /// Its error code.
        error: String,
        /// The login that it is an answer to, if it says so.
        state: Option<Secret>,
    },
}

impl fmt::Display for PasteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Nothing was pasted. Paste the code that the page shows."),
            Self::TooLong => f.write_str(
                "That is far longer than an authorization code. Paste only the code, or the \
                 address of the page you landed on.",
            ),
            Self::NoCode => f.write_str(
                "That holds no authorization code. Paste the code that the page shows, or the \
                 whole address of the page you landed on.",
            ),
            Self::AuthorizePage => f.write_str(
                "That is the address of the page that asks for your consent. Consent there \
                 first, then paste the code it shows.",
            ),
            Self::OtherLogin => f.write_str(
                "That code belongs to another login attempt. Use the page that was opened last.",
            ),
            Self::Refused { error, .. } => write!(f, "The provider refused: {error}."),
        }
    }
}

/// Finds the code, and the state where there is one, in `text`: `code#state`, the whole redirect
/// URL, its query, or the bare code; with white space, line breaks of a wrapped terminal,
/// bracketed-paste markers and quotes around or within it.
pub(crate) fn parse(text: &str) -> Result<Answer, PasteError> {
    if text.len() > MAX_PASTE_BYTES {
        return Err(PasteError::TooLong);
    }
    let cleaned = clean(text);
    let answer = if cleaned.is_empty() {
        return Err(PasteError::Empty);
    } else if let Some((_, rest)) = cut(&cleaned, "://") {
        from_url(rest)?
    } else if cleaned.starts_with('?') || has_key(&cleaned, "code") || has_key(&cleaned, "error") {
        from_query(cleaned.trim_start_matches('?'))?
    } else {
        from_code(&cleaned)
    };
    let printable = |secret: &Secret| secret.expose().bytes().all(|b| b.is_ascii_graphic());
    if answer.code.is_empty() || !printable(&answer.code) {
        return Err(PasteError::NoCode);
    }
    Ok(answer)
}

/// Drops what terminals and copying add. A code, a state and a URL hold no white space, so all of
/// it goes, wherever it stands.
fn clean(text: &str) -> String {
    let unbracketed = replaced(&replaced(text, "\u{1b}[200~", ""), "\u{1b}[201~", "");
    let kept = |c: &char| !c.is_whitespace() && !c.is_control() && !is_invisible(*c);
    let dense: String = unbracketed.chars().filter(kept).collect();
    dense.trim_matches(['"', '\'', '`', '<', '>']).into()
}

/// Zero-width characters and the byte-order mark, which copying from a page can bring along.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn from_url(after_scheme: &str) -> Result<Answer, PasteError> {
    let (before_fragment, fragment) = after_scheme.split_once('#').unwrap_or((after_scheme, ""));
    let query = before_fragment.split_once('?').map_or("", |(_, query)| query);
    if has_key(query, "code_challenge") {
        return Err(PasteError::AuthorizePage);
    }
    // Some providers answer in the fragment.
    let found = if has_key(fragment, "code") && !has_key(query, "code") { fragment } else { query };
    from_query(found)
}

fn from_query(query: &str) -> Result<Answer, PasteError> {
    authorization::answer(query).map_err(|refusal| match refusal {
        Refusal::Error { error, state, .. } => {
            PasteError::Refused { error: crate::text::phrase(&error), state }
        }
        Refusal::NoCode => PasteError::NoCode,
    })
}

fn from_code(text: &str) -> Answer {
    let (code, state) = text.split_once('#').unwrap_or((text, ""));
    let state = Some(state).filter(|state| !state.is_empty()).map(Secret::from);
    Answer { code: code.into(), state, iss: None, is_bare: true }
}

fn has_key(query: &str, key: &str) -> bool {
    let is_key = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| name == key);
    query.trim_start_matches('?').split('&').any(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    /// A code alone, or with what a redirect URL brings.
    fn answer(code: &str, state: Option<&str>, is_bare: bool) -> Result<Answer, PasteError> {
        Ok(Answer { code: code.into(), state: state.map(Secret::from), iss: None, is_bare })
    }

    #[test]
    fn every_shape_that_people_paste() {
        for (text, code, state) in [
            ("abc#xyz", "abc", Some("xyz")),
            ("  abc#xyz \n", "abc", Some("xyz")),
            ("abc", "abc", None),
            ("abc#", "abc", None),
            ("abc==#xy=z", "abc==", Some("xy=z")),
            ("ab\r\n  c#x\n  yz\n", "abc", Some("xyz")),
            ("\u{1b}[200~abc#xyz\u{1b}[201~", "abc", Some("xyz")),
            ("\u{feff}abc\u{200b}#xyz", "abc", Some("xyz")),
            ("\"abc#xyz\"", "abc", Some("xyz")),
            ("code=abc&state=xyz", "abc", Some("xyz")),
            ("?state=xyz&code=abc", "abc", Some("xyz")),
            ("http://localhost:53692/callback?code=abc&state=xyz", "abc", Some("xyz")),
            ("https://h/cb?code=a%2Fb&state=x%20z", "a/b", Some("x z")),
            ("https://h/cb?code=abc", "abc", None),
            ("https://h/cb?code=abc&state=xyz#", "abc", Some("xyz")),
            ("https://h/cb#code=abc&state=xyz", "abc", Some("xyz")),
            ("<https://h/cb?code=abc&sta\n te=xyz>", "abc", Some("xyz")),
        ] {
            let is_bare = !text.contains("code=");
            assert_eq!(parse(text), answer(code, state, is_bare), "{text:?}");
        }
    }

    fn refused(error: &str, state: Option<&str>) -> PasteError {
        PasteError::Refused { error: error.into(), state: state.map(Secret::from) }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let authorize = "https://claude.ai/oauth/authorize?code=true&code_challenge=x&state=y";
        for (text, error) in [
            ("", PasteError::Empty),
            (" \r\n\t", PasteError::Empty),
            ("\u{1b}[200~\u{1b}[201~", PasteError::Empty),
            ("#state", PasteError::NoCode),
            ("https://h/cb", PasteError::NoCode),
            ("https://h/cb?state=x", PasteError::NoCode),
            ("code=", PasteError::NoCode),
            ("ключ", PasteError::NoCode),
            (authorize, PasteError::AuthorizePage),
            ("https://h/cb?error=access_denied&state=x", refused("access_denied", Some("x"))),
            ("error=a%1b%5b2Jb", refused("a[2Jb", None)),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
        assert_eq!(parse(&"a".repeat(1 << 20)), Err(PasteError::TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer_or_an_error(text in any::<String>()) {
            if let Ok(answer) = parse(&text) {
                prop_assert!(!answer.code.is_empty());
            }
        }

        #[test]
        fn a_code_survives_whatever_surrounds_it(
            code in "[A-Za-z0-9_-]{1,80}", state in "[A-Za-z0-9_-]{1,80}",
            at in 0usize..160, space in "[ \\r\\n\\t]{0,5}", brackets in any::<bool>(),
        ) {
            let mut text = format!("{code}#{state}");
            text.insert_str(at.min(text.len()), &space);
            if brackets {
                text = format!("\u{1b}[200~{text}\u{1b}[201~");
            }
            prop_assert_eq!(parse(&text), answer(&code, Some(&state), true));
        }

        #[test]
        fn a_redirect_url_gives_back_what_was_put_in(code in "[ -~]{1,60}", state in "[ -~]{1,60}") {
            prop_assume!(!code.contains(' '));
            let query = crate::http::encode_pairs(&[("code", &code), ("state", &state)]);
            let parsed = parse(&format!("http://localhost:1/callback?{query}"));
            prop_assert_eq!(parsed, answer(&code, Some(&state), false));
        }
    }
}
