//! Anthropic (Claude Pro/Max): authorization code with PKCE.

use super::Provider;
use crate::oauth::client::{
    AuthorizationCode, Client, CodeShape, GrantType, LoopbackRedirect, RequestFormat,
};

pub(crate) const ID: &str = "anthropic";
pub(super) const OAUTH_VARIABLE: &str = "ANTHROPIC_OAUTH_TOKEN";
pub(super) const API_KEY_VARIABLE: &str = "ANTHROPIC_API_KEY";

/// What an OAuth access token begins with; API keys begin with `sk-ant-api`.
pub(crate) const OAUTH_PREFIX: &str = "sk-ant-oat";

pub(super) fn provider() -> Provider {
    Provider {
        id: ID.into(),
        name: "Anthropic (Claude Pro/Max)".into(),
        client: Client {
            client_id: "9d1c250a-e61b-44d9-88ed-5944d1962f5e".into(),
            // Least privilege: current clients ask for more, but nothing here needs it.
            scopes: ["org:create_api_key", "user:profile", "user:inference"].map(Into::into).into(),
            grant: GrantType::AuthorizationCode(AuthorizationCode {
                authorize_url: "https://claude.ai/oauth/authorize".into(),
                redirect_uri: Some("https://platform.claude.com/oauth/code/callback".into()),
                loopback_redirect_uri: LoopbackRedirect::parse("http://localhost:53692/callback"),
                parameters: [("code".into(), "true".into())].into(),
                state_in_exchange: true,
                code_shape: CodeShape::Long,
            }),
            token_url: "https://platform.claude.com/v1/oauth/token".into(),
            token_request: RequestFormat::Json,
            exchange_url: None,
            revocation_url: None,
            issuer: None,
            requires_iss: false,
        },
        api_base_url: Some("https://api.anthropic.com".into()),
        headers: [("anthropic-version".into(), "2023-06-01".into())].into(),
        copilot: None,
    }
}
