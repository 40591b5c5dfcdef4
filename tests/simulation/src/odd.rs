//! Answers that grant tokens and have a part that cannot be used, as seen in the wild.

use serde_json::Value;

/// An oddity of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Odd {
    /// `expires_in`, or Copilot's `expires_at`, is no number.
    Lifetime,
    /// There is no access token.
    NoAccess,
    /// The access token holds a line break.
    BrokenAccess,
    /// The type of the token is no text.
    TokenType,
    /// A byte-order mark stands before the JSON.
    Mark,
    /// Zeros and a comment stand behind it.
    Trailer,
}

/// All of them.
pub(crate) const ODDITIES: [Odd; 6] =
    [Odd::Lifetime, Odd::NoAccess, Odd::BrokenAccess, Odd::TokenType, Odd::Mark, Odd::Trailer];

impl Odd {
    /// Returns the text of this answer, made odd.
    pub(crate) fn text(self, mut answer: Value) -> String {
        let access = if answer.get("token").is_some() { "token" } else { "access_token" };
        let lifetime = if access == "token" { "expires_at" } else { "expires_in" };
        match self {
            Odd::Lifetime => answer[lifetime] = "soon".into(),
            Odd::NoAccess => {
                answer.as_object_mut().map(|members| members.remove(access));
            }
            Odd::BrokenAccess => {
                let text = answer[access].as_str().unwrap_or_default();
                answer[access] = format!("{text}\r\nX: y").into();
            }
            Odd::TokenType => answer["token_type"] = 5.into(),
            Odd::Mark => return format!("\u{feff}{answer}"),
            Odd::Trailer => return format!("{answer}\0\0 // by the gateway"),
        }
        answer.to_string()
    }
}

/// Reads the members of an answer, whatever stands around them; `None` where it is cut, or no JSON.
pub(crate) fn members(body: &str) -> Option<Value> {
    let text = body.trim_start_matches('\u{feff}');
    let first = serde_json::Deserializer::from_str(text).into_iter().next()?.ok()?;
    Some(first).filter(Value::is_object)
}

/// Returns whether nothing is odd about an answer.
pub(crate) fn is_plain(body: &str) -> bool {
    let Ok(answer) = serde_json::from_str::<Value>(body) else { return false };
    let is_whole = |name: &str| answer[name].as_str().is_some_and(|it| !it.contains('\n'));
    let is_number = |name: &str| answer[name].is_u64();
    let has_type = answer["token_type"].is_null() || answer["token_type"].is_string();
    let grants = is_whole("access_token") && is_number("expires_in");
    has_type && (grants || (is_whole("token") && is_number("expires_at")))
}
