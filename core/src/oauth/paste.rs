//! What a person pastes after authorizing, in every shape that has been seen in the field.
//!
//! Refuses here what cannot be a code; nothing that is refused is ever sent.

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::authorization::{self, AuthorizationError, AuthorizationResponse};
use super::client::CodeShape;
use crate::secret::Secret;
use crate::sensitive::holds_token;
use crate::text::{cut, has, replaced};

/// The longest paste that is looked at, in bytes; a redirect URL is a tenth of it.
pub const MAX_PASTE_BYTES: usize = 16 * 1024;

/// The shortest code that [`CodeShape::Long`] allows.
const MIN_LONG_CODE: usize = 24;

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
    /// A token or a key, which must not be sent to anybody as a code.
    Token,
    /// An e-mail address or the address of a page, without a code in it.
    Address,
    /// Something that the provider cannot have given out as a code.
    NotACode,
    /// A code that was tried before.
    Used,
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
            Self::Token => f.write_str(
                "That is a token or an API key, not an authorization code. It was not sent. Paste \
                 the code that the page shows.",
            ),
            Self::Address => f.write_str(
                "That is an address without an authorization code. Paste the code that the page \
                 shows, or the whole address of the page you landed on.",
            ),
            Self::NotACode => f.write_str(
                "That is not an authorization code of this provider. It was not sent. Paste the \
                 whole code that the page shows.",
            ),
            Self::Used => f.write_str(
                "That code was tried before, and a code works only once. Open the page again and \
                 paste the new code.",
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

/// Finds the answer to the login with this state in `text`: `code#state`, the redirect URL or its
/// query wherever it stands, or the bare code; with white space, line breaks of a wrapped
/// terminal, bracketed-paste markers and quotes around or within it.
pub(crate) fn parse(
    text: &str,
    state: &Secret,
    shape: CodeShape,
) -> Result<AuthorizationResponse, PasteError> {
    if text.len() > MAX_PASTE_BYTES {
        return Err(PasteError::TooLong);
    }
    let text = replaced(&replaced(text, "\u{1b}[200~", ""), "\u{1b}[201~", "");
    // An address that more words follow on its line is whole: what follows is no part of it.
    let followed = text.lines().flat_map(|line| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.pop();
        words
    });
    if let Some(answer) = from_words(followed, state, shape) {
        return Ok(answer);
    }
    // Once words are joined, a token behind another word is not seen any more.
    if holds_token(&text) {
        return Err(PasteError::Token);
    }
    // A terminal may have wrapped it over lines, so words are joined before each is tried alone.
    let joined = read(&text, state, shape);
    match joined {
        Ok(answer) => Ok(answer),
        Err(problem) => from_words(text.split_whitespace(), state, shape).ok_or(problem),
    }
}

/// Finds the first word that is an authorization response of the login with this state.
fn from_words<'a>(
    words: impl Iterator<Item = &'a str>,
    state: &Secret,
    shape: CodeShape,
) -> Option<AuthorizationResponse> {
    let mut answers = words
        .filter(|word| has_key(&dense(word), "code"))
        .filter_map(|word| read(word, state, shape).ok());
    answers.find(|answer| answer.state.as_ref() == Some(state))
}

fn read(text: &str, state: &Secret, shape: CodeShape) -> Result<AuthorizationResponse, PasteError> {
    let dense = dense(text);
    if dense.is_empty() {
        return Err(PasteError::Empty);
    }
    let answer = match query(&dense) {
        Some(query) if has_key(query, "code_challenge") => return Err(PasteError::AuthorizePage),
        Some(query) => from_query(query)?,
        None if cut(&dense, "://").is_some() => return Err(PasteError::NoCode),
        None => from_code(&dense)?,
    };
    let is_ours = |found: &Secret| found == state;
    if !answer.state.as_ref().is_none_or(is_ours) {
        return Err(PasteError::OtherLogin);
    }
    check(answer.code.expose(), answer.state.is_some(), shape)?;
    Ok(answer)
}

/// Refuses what cannot be a code. With the state of this login it comes from the provider, whatever
/// it looks like, as long as it is no token.
fn check(code: &str, has_state: bool, shape: CodeShape) -> Result<(), PasteError> {
    let in_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err(PasteError::NoCode)
    } else if holds_token(code) {
        Err(PasteError::Token)
    } else if has_state {
        Ok(())
    } else if is_address(code) {
        Err(PasteError::Address)
    } else if is_reply(code) {
        Err(PasteError::NoCode)
    } else if shape == CodeShape::Long
        && (code.len() < MIN_LONG_CODE
            || !code.bytes().all(in_base64url)
            || !code.bytes().any(|b| b.is_ascii_uppercase())
            || !code.bytes().any(|b| b.is_ascii_lowercase()))
    {
        Err(PasteError::NotACode)
    } else {
        Ok(())
    }
}

/// Returns whether it is what people type to answer a program.
fn is_reply(text: &str) -> bool {
    const REPLIES: [&str; 9] = ["y", "n", "q", "yes", "no", "ok", "quit", "exit", "help"];
    REPLIES.iter().any(|reply| text.eq_ignore_ascii_case(reply))
}

/// Returns whether it is an e-mail address, or that of a page without its scheme.
fn is_address(text: &str) -> bool {
    let has_dot =
        |host: &str| host.split_once('.').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    let host = text.split(['/', '?']).next().unwrap_or_default();
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let is_local =
        ["localhost", "127.0.0.1", "[::1]"].contains(&name) || host.starts_with("[::1]:");
    let ends_in_letters = || {
        let end = name.rsplit('.').next().unwrap_or_default();
        end.len() >= 2 && end.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let is_page = has(text, '/') && has_dot(name) && ends_in_letters();
    let is_mail = text.split_once('@').is_some_and(|(who, at)| !who.is_empty() && has_dot(at));
    is_local || is_page || is_mail || name.starts_with("www.")
}

/// Drops what terminals and copying add. A code, a state and a URL hold no white space, so all of
/// it goes, wherever it stands.
fn dense(text: &str) -> String {
    let kept = |c: &char| !c.is_whitespace() && !c.is_control() && !is_invisible(*c);
    let dense: String = text.chars().filter(kept).collect();
    dense.trim_matches(QUOTES).into()
}

/// Characters that people and programs put around an address, and no address holds.
const QUOTES: [char; 5] = ['"', '\'', '`', '<', '>'];

/// Zero-width characters and the byte-order mark, which copying from a page can bring along.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Finds the query with an authorization response, in a URL with or without its scheme or alone.
/// Some providers answer in the fragment.
fn query(dense: &str) -> Option<&str> {
    let is_answer = |query: &&str| has_key(query, "code") || has_key(query, "error");
    // A further `?` belongs to the query (RFC 3986, 3.4): what stands behind it counts, too.
    let parts = dense.split('#').flat_map(|part| part.splitn(2, '?'));
    let parts = parts.map(|part| part.split(QUOTES).next().unwrap_or_default());
    let mut answers = parts.filter(is_answer);
    let first = answers.next()?;
    // `code=X#Y` is a code with a label.
    let is_labelled = dense.starts_with("code=") && !has(first, '&') && has(dense, '#');
    (!is_labelled).then_some(first)
}

fn from_query(query: &str) -> Result<AuthorizationResponse, PasteError> {
    authorization::answer(query).map_err(|refusal| match refusal {
        AuthorizationError::Error { error, state, .. } => {
            PasteError::Refused { error: crate::text::phrase(&error), state }
        }
        AuthorizationError::NoCode => PasteError::NoCode,
    })
}

fn from_code(dense: &str) -> Result<AuthorizationResponse, PasteError> {
    let text = without_label(dense);
    // An address bar may show `#` as `%23`.
    let parts = text.split_once('#').or_else(|| cut(text, "%23"));
    let (code, state) = parts.unwrap_or((text, ""));
    let state = Some(state).filter(|state| !state.is_empty()).map(Secret::from);
    Ok(AuthorizationResponse { code: code.into(), state, iss: None, is_bare: true })
}

/// Drops `code:`, `Authorization code:` or `code=` before a code.
fn without_label(dense: &str) -> &str {
    let Some((label, code)) = dense.split_once([':', '=']) else { return dense };
    let is_word = label.bytes().all(|byte| byte.is_ascii_alphabetic());
    match is_word && label.to_ascii_lowercase().ends_with("code") && !code.is_empty() {
        true => code,
        false => dense,
    }
}

fn has_key(query: &str, key: &str) -> bool {
    let is_key = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| name == key);
    query.split(['?', '#', '&']).any(is_key)
}
