//! Origins that a provider's secrets may go to: the origins that its data names, and the hosts that
//! an overrides file has put in the place of the provider's own.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Label, Provider, Table, github_copilot};
use crate::http::origin;
use crate::http::url::Url;
use crate::secret::Secret;
use crate::text::distinct;

/// The hosts that an overrides file sends the logins and tokens of a provider to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Redirected {
    /// The provider.
    pub provider: Label,
    /// The hosts, with their ports; never empty.
    pub hosts: Vec<String>,
    /// The host of the provider's own API, where only the endpoints of the login have moved.
    #[cfg_attr(test, ts(optional))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_host: Option<String>,
}

impl Redirected {
    /// Returns whether tokens of a built-in provider leave this machine for a host that is not the
    /// provider's. To move one to a sandbox, or to add a provider, is what the file is for.
    pub fn is_remarkable(&self) -> bool {
        let is_local = |host: &String| {
            Url::parse(&format!("http://{host}")).is_some_and(|url| url.is_loopback())
        };
        Table::built_in().get(&self.provider.id).is_some() && !self.hosts.iter().all(is_local)
    }

    /// Returns what to tell a person about it. `path` is the overrides file, fit to be shown.
    pub fn note(&self, path: &str) -> String {
        let name = self.provider.short_name();
        let hosts = self.hosts.join(" and ");
        let api = self.api_host.as_ref().map(|host| {
            format!(
                " The API of {name} is still {host}: set `api_base_url`, too, if these tokens are \
                 not for it."
            )
        });
        format!("{path} sends logins and tokens of {name} to {hosts}.{}", api.unwrap_or_default())
    }
}

impl Provider {
    /// Returns the origins that an access token, or an API key, may be sent to.
    pub(crate) fn api_origins(&self) -> Vec<String> {
        match (&self.api_base_url, &self.copilot) {
            (Some(url), _) => origin::of(url).into_iter().collect(),
            (None, None) => Vec::new(),
            (None, Some(copilot)) => {
                let mut origins = Vec::from([github_copilot::API_ORIGINS.to_string()]);
                if let Some(domain) = &copilot.enterprise {
                    origins.extend([format!("https://{domain}"), format!("https://*.{domain}")]);
                }
                origins
            }
        }
    }

    /// Returns the hosts of the login and of what comes after it.
    fn oauth_hosts(&self) -> Vec<String> {
        distinct(self.client.urls().filter_map(host))
    }

    /// Returns the host of the API; Copilot's is the one for individuals, unless it is set.
    fn api_host(&self) -> Option<String> {
        match self.copilot {
            Some(_) => host(&self.copilot_base_url(&Secret::default())),
            None => host(self.api_base_url.as_deref()?),
        }
    }
}

impl Table {
    /// Returns where the overrides file sends what belongs to each provider, in the order of the
    /// selector. Providers of the built-in hosts alone are not among them.
    pub(crate) fn redirected(&self) -> Vec<Redirected> {
        let all = self.providers.iter().map(|provider| provider.at(None));
        all.filter_map(|provider| provider.redirected()).collect()
    }

    /// Returns what to tell a person about that.
    pub(crate) fn redirect_notes(&self) -> Vec<String> {
        self.redirected().iter().map(|it| it.note(&self.overrides)).collect()
    }

    /// Returns what to tell a person about one provider, as it is at an Enterprise or by the
    /// metadata of its issuer.
    pub(crate) fn redirect_note(&self, provider: &Provider) -> Option<String> {
        Some(provider.redirected()?.note(&self.overrides))
    }
}

impl Provider {
    /// Compares with the provider that is built in; without one, every host is the file's.
    fn redirected(&self) -> Option<Redirected> {
        let enterprise = self.copilot.as_ref().and_then(|copilot| copilot.enterprise.as_ref());
        let own = Table::built_in().get(&self.id).map(|own| own.at(enterprise));
        let known = own.as_ref().map(|own| {
            let mut hosts = own.oauth_hosts();
            hosts.extend(own.api_host());
            hosts
        });
        let is_new = |host: &String| known.as_ref().is_none_or(|known| !known.contains(host));
        let login_hosts: Vec<String> = self.oauth_hosts().into_iter().filter(is_new).collect();
        let api_host = self.api_host();
        let stays = own.is_some() && !login_hosts.is_empty();
        let kept = api_host.clone().filter(|host| stays && !is_new(host));
        let hosts = distinct(login_hosts.into_iter().chain(api_host.filter(is_new)));
        let provider = self.label();
        (!hosts.is_empty()).then_some(Redirected { provider, hosts, api_host: kept })
    }
}

fn host(url: &str) -> Option<String> {
    Some(origin::host(&Url::parse(url)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::github_copilot::domain::Domain;

    fn provider(overrides: &str, id: &str, domain: &str) -> alloc::sync::Arc<Provider> {
        let table = Table::with_overrides(Some(overrides)).unwrap();
        table.get(id).unwrap().at(Domain::parse(domain).unwrap().as_ref())
    }

    #[test]
    fn secrets_may_go_to_the_origins_that_the_data_names() {
        let copilot = "https://*.githubcopilot.com";
        for (overrides, id, domain, oauth, api) in [
            (
                "{}",
                "anthropic",
                "",
                &["https://claude.ai", "https://platform.claude.com"][..],
                &["https://api.anthropic.com"][..],
            ),
            (
                "{}",
                "github-copilot",
                "",
                &["https://github.com", "https://api.github.com"],
                &[copilot],
            ),
            (
                "{}",
                "github-copilot",
                "ghe.example.com",
                &["https://ghe.example.com", "https://api.ghe.example.com"],
                &[copilot, "https://ghe.example.com", "https://*.ghe.example.com"],
            ),
            (
                r#"{"github-copilot":{"api_base_url":"http://127.0.0.1:1/{domain}"}}"#,
                "github-copilot",
                "",
                &["https://github.com", "https://api.github.com"],
                &["http://127.0.0.1:1"],
            ),
            (
                r#"{"a":{"flow":"device_code","client_id":"c","issuer":"https://I.example/x"}}"#,
                "a",
                "",
                &["https://i.example"],
                &[],
            ),
        ] {
            let provider = provider(overrides, id, domain);
            assert_eq!(provider.client.origins(), oauth, "{overrides} {id} {domain}");
            assert_eq!(provider.api_origins(), api, "{overrides} {id} {domain}");
        }
    }

    #[test]
    fn each_host_of_an_override_is_named() {
        for (overrides, notes) in [
            ("{}", &[][..]),
            (r#"{"anthropic":{"client_id":"c","name":"A"}}"#, &[]),
            (r#"{"anthropic":{"token_url":"https://platform.claude.com/other"}}"#, &[]),
            (
                r#"{"anthropic":{"token_url":"http://127.0.0.1:1234/t",
                    "api_base_url":"http://127.0.0.1:1234"}}"#,
                &["F sends logins and tokens of Anthropic to 127.0.0.1:1234."],
            ),
            (
                r#"{"anthropic":{"token_url":"https://t.example/"}}"#,
                &["F sends logins and tokens of Anthropic to t.example. The API of Anthropic is \
                   still api.anthropic.com: set `api_base_url`, too, if these tokens are not for \
                   it."],
            ),
            (
                r#"{"anthropic":{"authorize_url":"https://t.example/",
                    "api_base_url":"https://A.example:8443/v1"}}"#,
                &["F sends logins and tokens of Anthropic to t.example and a.example:8443."],
            ),
            (
                r#"{"github-copilot":{"copilot_token_url":"https://t.example/{domain}"}}"#,
                &["F sends logins and tokens of GitHub Copilot to t.example. The API of GitHub \
                   Copilot is still api.individual.githubcopilot.com: set `api_base_url`, too, if \
                   these tokens are not for it."],
            ),
            (
                r#"{"a":{"flow":"device_code","client_id":"c","issuer":"https://i.example/"},
                    "github-copilot":{"api_base_url":"https://g.example"}}"#,
                &[
                    "F sends logins and tokens of GitHub Copilot to g.example.",
                    "F sends logins and tokens of a to i.example.",
                ],
            ),
        ] {
            let table = Table::with_overrides(Some(overrides)).unwrap().read_from("F");
            assert_eq!(table.redirect_notes(), notes, "{overrides}");
        }
    }
}
