//! Anthropic (Claude Pro/Max): authorization code with PKCE.

use alloc::borrow::ToOwned;

use super::{LoopbackRedirect, Provider, TokenRequest};

pub(crate) const ID: &str = "anthropic";
pub(super) const OAUTH_VARIABLE: &str = "ANTHROPIC_OAUTH_TOKEN";
pub(super) const API_KEY_VARIABLE: &str = "ANTHROPIC_API_KEY";

/// What an OAuth access token begins with; API keys begin with `sk-ant-api`.
pub(crate) const OAUTH_PREFIX: &str = "sk-ant-oat";

pub(super) fn provider() -> Provider {
    Provider {
        id: ID.into(),
        name: "Anthropic (Claude Pro/Max)".into(),
        client_id: "9d1c250a-e61b-44d9-88ed-5944d1962f5e".into(),
        // Least privilege: current clients ask for more, but nothing here needs it.
        scopes: ["org:create_api_key", "user:profile", "user:inference"].map(Into::into).into(),
        authorize_url: "https://claude.ai/oauth/authorize".into(),
        token_url: "https://platform.claude.com/v1/oauth/token".into(),
        redirect_uri: "https://platform.claude.com/oauth/code/callback".into(),
        loopback_redirect_uri: LoopbackRedirect {
            host: "localhost".to_owned(),
            port: 53692,
            path: "/callback".to_owned(),
        },
        token_request: TokenRequest::Json,
        authorize_parameters: [("code", "true")].into(),
        state_in_exchange: true,
    }
}
