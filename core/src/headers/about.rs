//! What Copilot wants to know about a request, as its body tells: who began it, and whether it
//! carries an image.

use core::{fmt, iter};

use serde::{Deserialize, Serialize};

use crate::json::Json;

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
    /// responses (`input`) or Anthropic's messages (`messages`). What is none of these says
    /// nothing.
    pub(crate) fn of(body: Option<&str>) -> Self {
        let Some(body) = body.and_then(|body| Json::parse(body).ok()) else {
            return About::default();
        };
        let mut lists = ["messages", "input"].iter().filter_map(|name| body.get(name));
        let Some(messages) = lists.find(|list| list.array().is_some()) else {
            return About::default();
        };
        About {
            initiator: messages.items().last().map(initiator).unwrap_or_default(),
            vision: messages.items().any(has_image),
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
fn initiator(message: Json<'_>) -> Initiator {
    // Items of OpenAI's responses that are no messages (calls, their outputs, reasoning) have no
    // role. Anthropic's results of tools come under the person's.
    let is_persons = says(message, "role", &["user"]);
    let content = message.get("content");
    let is_result = |part| says(part, "type", &["tool_result"]);
    let has_result = content.is_some_and(|content| content.items().any(is_result));
    match is_persons && !has_result {
        true => Initiator::User,
        false => Initiator::Agent,
    }
}

/// Returns whether an image is anywhere in a message: a part of type `image_url` (chat),
/// `input_image` (responses) or `image` (Anthropic), also within the result of a tool, or a
/// screenshot as one.
///
/// A result within a result is no shape of these, and is not looked into: the depth is the
/// sender's.
fn has_image(message: Json<'_>) -> bool {
    let is_result = |part| says(part, "type", &["tool_result"]);
    is_image(message)
        || parts(message).any(|part| is_image(part) || is_result(part) && parts(part).any(is_image))
}

/// What a message or a part is made of, its output as a whole included.
fn parts(message: Json<'_>) -> impl Iterator<Item = Json<'_>> {
    let lists = ["content", "output"].into_iter().filter_map(move |name| message.get(name));
    lists.flat_map(|list| list.items().chain(iter::once(list)))
}

fn is_image(part: Json<'_>) -> bool {
    says(part, "type", &["image_url", "input_image", "image", "computer_screenshot"])
}

/// Returns whether the member `name` is one of these words.
fn says(json: Json<'_>, name: &str, words: &[&str]) -> bool {
    let said = json.get(name).and_then(Json::string);
    said.is_some_and(|said| words.contains(&said.as_str()))
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
