//! Copilot's models: which there are, and consent to those that nobody has decided on yet.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::http::{HttpRequest, HttpResponse, Method, encode_segment};
use crate::json::Json;
use crate::oauth::endpoint::{self, EndpointError};
use crate::provider::Provider;
use crate::secret::Secret;

/// The version of the API whose answers this program knows.
const API_VERSION: &str = "2026-06-01";

/// The models that are offered in a chat and can call tools, by whether the account's owner has
/// consented to their terms. Where they refused, that is theirs to decide.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Models {
    /// They have, or there is nothing to consent to.
    pub(crate) enabled: Vec<String>,
    /// Nobody has decided yet.
    pub(crate) unconfigured: Vec<String>,
}

/// The request for the list of models.
pub(crate) fn list(provider: &Provider, token: &Secret) -> HttpRequest {
    let url = format!("{}/models", provider.copilot_base_url(token));
    let request =
        HttpRequest::get(&url, provider.api_origins()).with("X-GitHub-Api-Version", API_VERSION);
    provider.editor(request, token)
}

/// Reads the list as of `now_ms`.
pub(crate) fn listed(response: &HttpResponse, now_ms: u64) -> Result<Models, Box<EndpointError>> {
    endpoint::parse_whole(response, now_ms, read)
}

fn read(list: Json<'_>) -> Option<Models> {
    let mut models = Models::default();
    for model in list.get("data")?.array()? {
        let Some(id) = offered(model) else { continue };
        let state = model.find(&["policy", "state"]).and_then(Json::string);
        match state.as_deref() {
            None | Some("enabled") => models.enabled.push(id),
            Some("unconfigured") => models.unconfigured.push(id),
            Some(_) => {}
        }
    }
    Some(models)
}

/// The id of a model that is offered in a chat and can call tools.
fn offered(model: Json<'_>) -> Option<String> {
    let id = model.get("id")?.string().filter(|id| is_plain(id))?;
    let is_true = |path: &[&str]| model.find(path).and_then(Json::read);
    let offered = is_true(&["model_picker_enabled"]).unwrap_or(false);
    // Where nothing is said about tools, they work.
    let calls_tools = is_true(&["capabilities", "supports", "tool_calls"]).unwrap_or(true);
    (offered && calls_tools).then_some(id)
}

/// An id that can stand in a path and in a terminal.
fn is_plain(id: &str) -> bool {
    let dots = id.chars().all(|c| c == '.');
    (1..=200).contains(&id.len()) && !dots && id.chars().all(|c| c.is_ascii_graphic())
}

/// The request that consents to a model's terms.
pub(crate) fn enable(provider: &Provider, token: &Secret, id: &str) -> HttpRequest {
    let base_url = provider.copilot_base_url(token);
    let url = format!("{base_url}/models/{}/policy", encode_segment(id));
    let mut request =
        HttpRequest::get(&url, provider.api_origins()).with("Content-Type", "application/json");
    request.method = Method::Post;
    request.body = r#"{"state":"enabled"}"#.into();
    provider
        .editor(request, token)
        .with("openai-intent", "chat-policy")
        .with("x-interaction-type", "chat-policy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list() {
        let body = r#"{"data":[
            {"id":"a","model_picker_enabled":true,"policy":{"state":"enabled"}},
            {"id":"b","model_picker_enabled":true,"policy":{"state":"unconfigured"},
             "capabilities":{"supports":{"tool_calls":true}}},
            {"id":"c","model_picker_enabled":true},
            {"id":"off","model_picker_enabled":true,"policy":{"state":"disabled"}},
            {"id":"hidden","model_picker_enabled":false},
            {"id":"embedding"},
            {"id":"mute","model_picker_enabled":true,
             "capabilities":{"supports":{"tool_calls":false}}},
            {"id":"..","model_picker_enabled":true},
            {"id":"\u001b[2J","model_picker_enabled":true},
            {"id":7,"model_picker_enabled":true}, 8
        ]}"#;
        let response = HttpResponse { status: 200, headers: [].into(), body: body.into() };
        let models = listed(&response, 0).unwrap();
        assert_eq!(models.enabled, ["a", "c"]);
        assert_eq!(models.unconfigured, ["b"]);
    }

    #[test]
    fn a_list_that_is_none() {
        for body in ["", "[]", "{}", r#"{"data":{}}"#] {
            let response = HttpResponse { status: 200, headers: [].into(), body: body.into() };
            assert!(listed(&response, 0).is_err(), "{body}");
        }
    }
}
