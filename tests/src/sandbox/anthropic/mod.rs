//! Anthropic's endpoints: authorization code with PKCE, JSON at the token endpoint, and messages to
//! spend a token on.

mod authorize;
mod code_page;
mod messages;
mod request;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::state::State;

/// What a client asks for that asks for no more than it needs.
pub(super) const DEFAULT_SCOPE: &str = "org:create_api_key user:profile user:inference";

const AUTHORIZE: &str = "/oauth/authorize";
const CODE_PAGE: &str = "/oauth/code/callback";
const TOKEN: &str = "/v1/oauth/token";
const MESSAGES: &str = "/v1/messages";

/// Where the code page is in the real world.
const REAL_SITE: &str = "https://platform.claude.com";

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route(AUTHORIZE, get(authorize::ask).post(authorize::decide))
        .route(CODE_PAGE, get(code_page::show))
        .route(TOKEN, post(token::answer))
        .route(MESSAGES, post(messages::answer))
}

/// This provider's part of the override file. The loopback redirect URI is left out on purpose: the
/// client's built-in one is registered here as it is at Anthropic.
pub(super) fn endpoints(base_url: &str) -> Value {
    json!({
        "authorize_url": format!("{base_url}{AUTHORIZE}"),
        "token_url": format!("{base_url}{TOKEN}"),
        "redirect_uri": format!("{base_url}{CODE_PAGE}"),
        "api_base_url": base_url,
    })
}
