//! GitHub Copilot: the device grant gives a GitHub token, which is exchanged for a Copilot token
//! that lives for half an hour.

pub(crate) mod domain;
pub(crate) mod exchange;
pub(crate) mod models;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use super::Provider;
use crate::http::{Header, HttpRequest, origin};
use crate::oauth::client::{Client, GrantType, RequestFormat};
use crate::secret::Secret;
use crate::text::replaced;
use domain::Domain;

pub(crate) const ID: &str = "github-copilot";
pub(super) const TOKEN_VARIABLE: &str = "COPILOT_GITHUB_TOKEN";

/// What stands in a URL for github.com, or for the domain of a GitHub Enterprise.
pub(super) const DOMAIN: &str = "{domain}";
/// The origins of Copilot's own API: the plan decides which host it is.
pub(super) const API_ORIGINS: &str = "https://*.githubcopilot.com";
/// Headers that say something about one request.
pub(crate) const PER_REQUEST: [&str; 2] = ["X-Initiator", "Copilot-Vision-Request"];
/// The only one of the headers that is about chats alone.
const INTENT: &str = "Openai-Intent";

/// What is different from a plain provider of the device grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copilot {
    /// The Enterprise that the URLs are for; `None` for github.com.
    pub(crate) enterprise: Option<Domain>,
}

pub(super) fn provider() -> Provider {
    Provider {
        id: ID.into(),
        name: "GitHub Copilot".into(),
        client: Client {
            client_id: "Iv1.b507a08c87ecfe98".into(),
            scopes: ["read:user".into()].into(),
            grant: GrantType::DeviceCode {
                device_authorization_url: "https://{domain}/login/device/code".into(),
            },
            token_url: "https://{domain}/login/oauth/access_token".into(),
            token_request: RequestFormat::Form,
            exchange_url: Some("https://api.{domain}/copilot_internal/v2/token".into()),
            revocation_url: None,
            issuer: None,
            requires_iss: false,
        },
        api_base_url: None,
        headers: [
            ("User-Agent", "GitHubCopilotChat/0.32.4"),
            ("Editor-Version", "vscode/1.105.1"),
            ("Editor-Plugin-Version", "copilot-chat/0.32.4"),
            ("Copilot-Integration-Id", "vscode-chat"),
            (INTENT, "conversation-edits"),
        ]
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .into(),
        copilot: Some(Copilot { enterprise: None }),
    }
}

impl Provider {
    /// The provider as it is at this Enterprise, or at github.com. Only Copilot differs.
    pub(crate) fn at(&self, enterprise: Option<&Domain>) -> Arc<Provider> {
        let mut provider = self.clone();
        let Some(copilot) = &mut provider.copilot else { return Arc::new(provider) };
        let domain = enterprise.map_or("github.com", Domain::as_str);
        copilot.enterprise = enterprise.cloned();
        if let Some(domain) = enterprise {
            provider.name = format!("{} at {domain}", provider.name);
        }
        let client = &mut provider.client;
        let mut urls = alloc::vec![&mut client.token_url];
        urls.extend(&mut client.exchange_url);
        urls.extend(&mut client.revocation_url);
        urls.extend(&mut provider.api_base_url);
        if let GrantType::DeviceCode { device_authorization_url } = &mut client.grant {
            urls.push(device_authorization_url);
        }
        for url in urls {
            *url = replaced(url, DOMAIN, domain);
        }
        Arc::new(provider)
    }

    /// Returns where Copilot's API is for whoever holds `token`: where the overrides say, else
    /// where the token says (`proxy-ep`), else at the Enterprise, else where it is for individuals.
    /// A host that is neither GitHub's nor the Enterprise's is ignored, whoever made the token.
    /// Without a slash at the end.
    pub(crate) fn copilot_base_url(&self, token: &Secret) -> String {
        if let Some(url) = &self.api_base_url {
            return url.trim_end_matches('/').to_string();
        }
        let enterprise = self.copilot.as_ref().and_then(|copilot| copilot.enterprise.as_ref());
        let named = proxy_endpoint(token.expose()).map(|host| format!("https://{host}"));
        match (named.filter(|url| origin::is_allowed(&self.api_origins(), url)), enterprise) {
            (Some(url), _) => url,
            (None, Some(domain)) => format!("https://copilot-api.{domain}"),
            (None, None) => "https://api.individual.githubcopilot.com".into(),
        }
    }

    /// A request to GitHub or Copilot, which take none without the headers of an editor.
    fn editor(&self, mut request: HttpRequest, token: &Secret) -> HttpRequest {
        let names = self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(INTENT));
        for (name, value) in names {
            request = request.with(name, value.as_str());
        }
        request.headers.push(Header::bearer(token));
        request
    }
}

/// The API's host by a Copilot token (`tid=...;proxy-ep=proxy.business.githubcopilot.com;...`):
/// that of the proxy, with `api.` for its leading `proxy.`.
fn proxy_endpoint(token: &str) -> Option<String> {
    let host = token.split(';').find_map(|field| field.trim().strip_prefix("proxy-ep="))?;
    let host = host.to_ascii_lowercase();
    let host = match host.strip_prefix("proxy.") {
        Some(rest) => format!("api.{rest}"),
        None => host,
    };
    domain::is_hostname(&host).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Table;

    #[test]
    fn the_domain_goes_into_every_url() {
        let table = Table::built_in();
        let provider = table.get(ID).unwrap();
        let urls = |provider: Arc<Provider>| {
            let client = &provider.client;
            let exchange_url = client.exchange_url.as_deref().unwrap();
            [client.login_url(), &client.token_url, exchange_url].map(String::from)
        };
        assert_eq!(
            urls(provider.at(None)),
            [
                "https://github.com/login/device/code",
                "https://github.com/login/oauth/access_token",
                "https://api.github.com/copilot_internal/v2/token",
            ]
        );
        let enterprise = Domain::parse("ghe.example.com").unwrap();
        assert_eq!(
            urls(provider.at(enterprise.as_ref())),
            [
                "https://ghe.example.com/login/device/code",
                "https://ghe.example.com/login/oauth/access_token",
                "https://api.ghe.example.com/copilot_internal/v2/token",
            ]
        );
    }

    #[test]
    fn overrides_win_over_the_enterprise_and_over_the_token() {
        let json = r#"{"github-copilot":{"api_base_url":"http://127.0.0.1:1/api",
            "copilot_token_url":"http://127.0.0.1:1/{domain}/t","token_url":"https://o/t"}}"#;
        let table = Table::with_overrides(Some(json)).unwrap();
        let enterprise = Domain::parse("ghe.example.com").unwrap();
        let provider = table.get(ID).unwrap().at(enterprise.as_ref());
        assert_eq!(provider.copilot_base_url(&"proxy-ep=proxy.h".into()), "http://127.0.0.1:1/api");
        assert_eq!(provider.client.token_url, "https://o/t");
        let exchange_url = provider.client.exchange_url.as_deref();
        let exchange_url = exchange_url.unwrap();
        assert_eq!(exchange_url, "http://127.0.0.1:1/ghe.example.com/t", "a placeholder is kept");
    }
}
