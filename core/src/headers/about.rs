//! What Copilot wants to know about a request, as its body tells: who began it, and whether it
//! carries an image.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who began a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Initiator {
    /// The person: the last message is theirs. So it is, too, where nobody knows better, since
    /// requests of a person are those that count.
    #[default]
    User,
    /// The agent: it goes on after the result of a tool, or after its own words.
    Agent,
}

impl fmt::Display for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Agent => "agent",
        })
    }
}

/// What is said about a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) initiator: Initiator,
    pub(crate) vision: bool,
}

impl About {
    /// As the messages of `body` tell, be it OpenAI's chat completions (`messages`), OpenAI's
    /// responses (`input`) or Anthropic's messages (`messages`). What is none of these says nothing.
    pub(crate) fn of(body: Option<&str>) -> Self {
        let body = body.and_then(|body| serde_json::from_str(body).ok()).unwrap_or(Value::Null);
        let messages = body["messages"].as_array().or(body["input"].as_array());
        let Some(messages) = messages else { return About::default() };
        About {
            initiator: messages.last().map(initiator).unwrap_or_default(),
            vision: messages.iter().any(has_image),
        }
    }

    /// The same, but for what the caller says.
    pub(crate) fn with(self, initiator: Option<Initiator>, vision: Option<bool>) -> Self {
        About {
            initiator: initiator.unwrap_or(self.initiator),
            vision: vision.unwrap_or(self.vision),
        }
    }
}

/// Whose the last message is.
fn initiator(message: &Value) -> Initiator {
    // Items of OpenAI's responses that are no messages (calls, their outputs, reasoning) have no
    // role. Anthropic's results of tools come under the person's.
    let is_persons = message["role"].as_str() == Some("user");
    let results = |part: &Value| part["type"].as_str() == Some("tool_result");
    let has_result = message["content"].as_array().is_some_and(|parts| parts.iter().any(results));
    match is_persons && !has_result {
        true => Initiator::User,
        false => Initiator::Agent,
    }
}

/// Whether an image is anywhere in a message: a part of type `image_url` (chat), `input_image`
/// (responses) or `image` (Anthropic), also within the result of a tool, or a screenshot as one.
fn has_image(message: &Value) -> bool {
    let is_image = |part: &Value| {
        let kind = part["type"].as_str();
        matches!(kind, Some("image_url" | "input_image" | "image" | "computer_screenshot"))
    };
    let parts = ["content", "output"].iter().filter_map(|name| message[*name].as_array()).flatten();
    is_image(message)
        || is_image(&message["output"])
        || parts.into_iter().any(|part| is_image(part) || has_image_inside(part))
}

fn has_image_inside(part: &Value) -> bool {
    part["type"].as_str() == Some("tool_result") && has_image(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_messages() {
        use Initiator::{Agent, User};
        for (body, initiator, vision) in [
            // Nothing that tells.
            ("", User, false),
            ("{", User, false),
            ("{}", User, false),
            (r#"{"messages":[]}"#, User, false),
            (r#"{"input":"hello"}"#, User, false),
            // OpenAI's chat completions.
            (
                r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}]}"#,
                User,
                false,
            ),
            (
                r#"{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}"#,
                Agent,
                false,
            ),
            (
                r#"{"messages":[{"role":"user","content":"u"},{"role":"tool","content":"t"}]}"#,
                Agent,
                false,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"u"},{"type":"image_url","image_url":{"url":"data:"}}]}]}"#,
                User,
                true,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"image_url"}]},{"role":"assistant","content":"a"},{"role":"user","content":"u"}]}"#,
                User,
                true,
            ),
            // OpenAI's responses.
            (
                r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"u"}]}]}"#,
                User,
                false,
            ),
            (r#"{"input":[{"role":"user","content":[{"type":"input_image"}]}]}"#, User, true),
            (
                r#"{"input":[{"role":"user","content":"u"},{"type":"function_call","name":"f"}]}"#,
                Agent,
                false,
            ),
            (
                r#"{"input":[{"type":"function_call_output","output":[{"type":"input_image"}]}]}"#,
                Agent,
                true,
            ),
            (r#"{"input":[{"type":"message","role":"assistant","content":[]}]}"#, Agent, false),
            // Anthropic's messages.
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"u"}]}]}"#,
                User,
                false,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":"r"}]}]}"#,
                Agent,
                false,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image"}]}]}]}"#,
                Agent,
                true,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"image","source":{}},{"type":"text","text":"u"}]}]}"#,
                User,
                true,
            ),
            // A word about images is none.
            (r#"{"messages":[{"role":"user","content":"{\"type\":\"image\"}"}]}"#, User, false),
        ] {
            assert_eq!(About::of(Some(body)), About { initiator, vision }, "{body}");
        }
        assert_eq!(About::of(None), About::default());
    }

    #[test]
    fn the_caller_knows_best() {
        let body = r#"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#;
        let about = About::of(Some(body)).with(Some(Initiator::Agent), Some(false));
        assert_eq!(about, About { initiator: Initiator::Agent, vision: false });
    }
}
