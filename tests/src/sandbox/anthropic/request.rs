//! What makes an authorization request a good one (RFC 6749 section 4.1.1, RFC 7636 section 4.3).

use std::collections::HashSet;

use super::{CODE_PAGE, REAL_SITE};
use crate::sandbox::arrival::Arrival;
use crate::sandbox::codes::AuthorizationRequest;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::State;

/// Every scope that exists, and what the authorize page says it allows.
const SCOPES: [(&str, &str); 6] = [
    ("org:create_api_key", "Create API keys for your organization"),
    ("user:profile", "See your name and email address"),
    ("user:inference", "Send messages to Claude as part of your subscription"),
    ("user:sessions:claude_code", "Open coding sessions"),
    ("user:mcp_servers", "Use the MCP servers you have connected"),
    ("user:file_upload", "Upload files"),
];

/// What the authorize page says a scope allows.
pub(super) fn explain(scope: &str) -> &'static str {
    SCOPES.iter().find(|(name, _)| *name == scope).map_or("", |(_, meaning)| meaning)
}

/// Reads a query. Unknown parameters, such as Anthropic's own `code=true`, are ignored as RFC 6749
/// section 3.1 asks.
pub(super) fn read(arrival: &Arrival, state: &State) -> Result<AuthorizationRequest, Refusal> {
    let query = &arrival.query;
    let mut names = HashSet::new();
    if let Some((name, _)) = query.iter().find(|(name, _)| !names.insert(name)) {
        return Err(Refusal::invalid_request(format!("{name} is given more than once")));
    }
    let client_id = required(query, "client_id")?;
    if client_id != state.client_id {
        return Err(Refusal::new(
            "unauthorized_client",
            format!("no client is registered with client_id {client_id}"),
        ));
    }
    let redirect_uri = required(query, "redirect_uri")?;
    // A page is where the person is: in the real world, or at the sandbox.
    let site = if arrival.site.is_some() { REAL_SITE } else { &state.base_url };
    if redirect_uri != format!("{site}{CODE_PAGE}") && !is_loopback(redirect_uri) {
        return Err(Refusal::invalid_request(format!(
            "redirect_uri {redirect_uri} is not registered for this client"
        )));
    }
    let response_type = required(query, "response_type")?;
    if response_type != "code" {
        let why = format!("response_type must be code, not {response_type}");
        return Err(Refusal::new("unsupported_response_type", why));
    }
    let method = required(query, "code_challenge_method")?;
    if method != "S256" {
        let why = format!("code_challenge_method must be S256, not {method}");
        return Err(Refusal::invalid_request(why));
    }
    let code_challenge = required(query, "code_challenge")?;
    if !is_challenge(code_challenge) {
        let why = format!("code_challenge {code_challenge} is not 43 characters of base64url");
        return Err(Refusal::invalid_request(why));
    }
    let scope = required(query, "scope")?;
    if let Some(unknown) = scope.split(' ').find(|scope| explain(scope).is_empty()) {
        return Err(Refusal::new("invalid_scope", format!("unknown scope: {unknown}")));
    }
    Ok(AuthorizationRequest {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scope: scope.to_owned(),
        state: required(query, "state")?.to_owned(),
        code_challenge: code_challenge.to_owned(),
    })
}

/// A parameter that is sent empty counts as left out (RFC 6749 section 3.1).
fn required<'a>(query: &'a [(String, String)], name: &str) -> Result<&'a str, Refusal> {
    query
        .iter()
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.as_str())
        .ok_or_else(|| Refusal::invalid_request(format!("{name} is missing")))
}

/// The registered loopback redirect URI, on any port (RFC 8252 section 7.3). Compared as text: what
/// a URL parser would forgive is not what was registered.
fn is_loopback(redirect_uri: &str) -> bool {
    let after_host = redirect_uri
        .strip_prefix("http://localhost")
        .or_else(|| redirect_uri.strip_prefix("http://127.0.0.1"));
    match after_host.and_then(|rest| rest.strip_suffix("/callback")) {
        Some("") => true,
        Some(port) => port
            .strip_prefix(':')
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .is_some_and(|digits| digits.parse::<u16>().is_ok()),
        None => false,
    }
}

/// A SHA-256 in base64url without padding (RFC 7636 section 4.2).
fn is_challenge(text: &str) -> bool {
    text.len() == 43
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
