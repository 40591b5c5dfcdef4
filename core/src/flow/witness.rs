//! Where the requests of a core that is not trusted may go: for a host that runs one in a module,
//! and holds it to the core that is linked in.
//!
//! It hears what the module is told (the files, the answers of servers, what a person typed), and
//! derives from that, by the provider's data alone, which addresses may be asked, shown or given
//! out.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Effect, Event, Output, Request};
use crate::document::{Document, Entry};
use crate::http::origin;
use crate::oauth::metadata;
use crate::provider::github_copilot::domain::Domain;
use crate::provider::{Job, Provider, Table};
use crate::secret::Secret;

/// What a module was told, as far as it decides where requests may go.
#[derive(Debug)]
pub struct Witness {
    /// The provider that the job is about; `None` for any.
    provider: Option<String>,
    table: Table,
    /// The Enterprise domains that were named: by the caller, the person or a stored login.
    domains: Vec<Option<Domain>>,
    /// Providers as the metadata of their own issuers has them.
    discovered: Vec<Arc<Provider>>,
    /// The request that is out.
    asked: String,
}

impl Witness {
    /// Begins with what a job is to do.
    pub fn new(request: &Request) -> Self {
        let (provider, enterprise) = match request {
            Request::Login(login) => (login.provider.clone(), login.enterprise.as_deref()),
            Request::Token(token) => (Some(token.provider.clone()), None),
            Request::Headers(headers) => (Some(headers.token.provider.clone()), None),
            Request::Logout(logout) => (logout.provider.clone(), None),
            _ => (None, None),
        };
        let mut witness = Witness {
            provider,
            table: Table::built_in(),
            domains: Vec::from([None]),
            discovered: Vec::new(),
            asked: String::new(),
        };
        witness.named(enterprise);
        witness
    }

    /// Hears what the module is told.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::OverridesRead { contents, .. } => {
                // Where they cannot be used, no job goes on with them.
                if let Ok(table) = Table::with_overrides(contents.as_ref().map(Secret::expose)) {
                    self.table = table;
                }
            }
            Event::StoreRead { contents: Some(contents), .. } => {
                let Ok(document) = Document::parse(Some(contents.expose())) else { return };
                for (_, entry) in document.entries() {
                    if let Entry::OAuth(login) = entry {
                        self.named(login.enterprise.as_deref());
                    }
                }
            }
            Event::Answered { text } => self.named(Some(text)),
            Event::Response(response) => {
                let told = self.providers().into_iter().filter_map(|provider| {
                    let issuer = provider.issuer.as_deref()?;
                    let urls = metadata::requests(issuer);
                    urls.iter().find(|request| request.url == self.asked)?;
                    let metadata = metadata::answer(response, issuer, 0).ok()?;
                    provider.discovered(metadata, Job::Revocation).ok()
                });
                let told: Vec<_> = told.collect();
                self.discovered.extend(told);
            }
            _ => {}
        }
    }

    /// Returns the address that an effect of the module leads to without leave, if there is one.
    pub fn objection<'a>(&mut self, effect: &'a Effect) -> Option<&'a str> {
        let (url, origins) = match effect {
            Effect::Http { request, .. } => {
                self.asked.clone_from(&request.url);
                let mut origins = self.origins(Provider::oauth_origins);
                origins.extend(self.origins(Provider::api_origins));
                (&request.url, origins)
            }
            Effect::Authorize(page) => (&page.url, self.origins(Provider::oauth_origins)),
            Effect::Done { output: Output::Headers(headers) } => {
                (headers.base_url.as_ref()?, self.origins(Provider::api_origins))
            }
            _ => return None,
        };
        (!origin::is_allowed(&origins, url)).then_some(url)
    }

    /// Returns the origins that an HTTP request, or a key, of this job may go to.
    fn origins(&self, of: fn(&Provider) -> Vec<String>) -> Vec<String> {
        self.providers().iter().flat_map(|provider| of(provider)).collect()
    }

    /// Returns the providers that the job may be about, as they are at every domain.
    fn providers(&self) -> Vec<Arc<Provider>> {
        let is_meant = |id: &String| self.provider.as_ref().is_none_or(|wanted| wanted == id);
        let labels = self.table.labels();
        let ids = labels.iter().map(|label| &label.id).filter(|id| is_meant(id));
        let configured = ids.filter_map(|id| self.table.get(id));
        let located = configured
            .flat_map(|provider| self.domains.iter().map(|domain| provider.at(domain.as_ref())));
        located.chain(self.discovered.iter().cloned()).collect()
    }

    fn named(&mut self, domain: Option<&str>) {
        if let Ok(domain @ Some(_)) = Domain::parse(domain.unwrap_or_default())
            && !self.domains.contains(&domain)
        {
            self.domains.push(domain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::flow::{Authorize, headers, login, token};
    use crate::http;
    use crate::json;
    use alloc::format;

    fn token(provider: &str) -> Witness {
        Witness::new(&Request::Token(token::Request::new(provider, Environment::default())))
    }

    fn request(url: &str) -> Effect {
        // What the module says of its own origins is worth nothing here.
        let origins = origin::of(url).into_iter().collect();
        Effect::http(http::Request::get(url, origins), String::new())
    }

    fn overrides(text: &str) -> Event {
        let contents = Some(text.into());
        Event::OverridesRead { path: "o".into(), contents, access: None }
    }

    fn response(body: &str) -> Event {
        Event::Response(http::Response { status: 200, headers: [].into(), body: body.into() })
    }

    fn allows(witness: &mut Witness, url: &str) -> bool {
        witness.objection(&request(url)).is_none()
    }

    #[test]
    fn requests_go_to_the_provider_that_the_job_is_about() {
        let mut witness = token("anthropic");
        assert!(allows(&mut witness, "https://platform.claude.com/v1/oauth/token"));
        for url in [
            "https://platform.claude.evil/v1/oauth/token",
            "https://api.github.com/copilot_internal/v2/token",
            "http://platform.claude.com/",
            "http://127.0.0.1:1/",
            "",
        ] {
            assert_eq!(witness.objection(&request(url)), Some(url));
        }
    }

    #[test]
    fn overrides_and_enterprises_count_once_they_were_told() {
        let mut witness = token("github-copilot");
        let enterprise = "https://api.ghe.example.com/copilot_internal/v2/token";
        assert!(!allows(&mut witness, enterprise));
        let stored = r#"{"github-copilot":{"type":"oauth","enterpriseUrl":"ghe.example.com"}}"#;
        let contents = Some(stored.into());
        witness.hear(&Event::StoreRead { path: "s".into(), contents, access: None });
        assert!(allows(&mut witness, enterprise));
        assert!(!allows(&mut witness, "http://127.0.0.1:1/t"));
        witness
            .hear(&overrides(r#"{"github-copilot":{"copilot_token_url":"http://127.0.0.1:1/t"}}"#));
        assert!(allows(&mut witness, "http://127.0.0.1:1/t"));
        assert!(!allows(&mut witness, enterprise), "it has been moved");
        let mut typed = token("github-copilot");
        typed.hear(&Event::Answered { text: "ghe.example.com".into() });
        assert!(allows(&mut typed, enterprise));
    }

    #[test]
    fn endpoints_that_only_the_issuer_knows_come_from_its_own_metadata() {
        let acme =
            r#"{"acme":{"flow":"device_code","client_id":"c","issuer":"https://i.example"}}"#;
        let place = "https://i.example/.well-known/oauth-authorization-server";
        let token_url = "https://t.example/token";
        let told = |issuer: &str| {
            response(&format!(r#"{{"issuer":"{issuer}","token_endpoint":"{token_url}"}}"#))
        };
        for (asked, issuer, allowed) in [
            (place, "https://i.example", true),
            (place, "https://evil.example", false),
            // An answer of another address speaks for nobody.
            ("https://i.example/elsewhere", "https://i.example", false),
        ] {
            let mut witness = token("acme");
            witness.hear(&overrides(acme));
            assert!(allows(&mut witness, asked));
            witness.hear(&told(issuer));
            assert_eq!(allows(&mut witness, token_url), allowed, "{asked} {issuer}");
        }
    }

    #[test]
    fn pages_and_base_urls_are_held_to_it_as_well() {
        let login = json::from_str::<login::Request>(&format!(
            r#"{{"provider":"anthropic","entropy":"{}"}}"#,
            "0".repeat(128)
        ));
        let mut witness = Witness::new(&Request::Login(login.unwrap()));
        for (url, allowed) in
            [("https://claude.ai/oauth/authorize?x", true), ("https://claude.evil/", false)]
        {
            let page = Authorize {
                one_time: None,
                url: url.into(),
                open_browser: true,
                callback: false,
                state: Secret::default(),
                message: String::new(),
                prompt: String::new(),
                problem: None,
            };
            assert_eq!(witness.objection(&Effect::Authorize(page)).is_none(), allowed, "{url}");
        }
        let mut witness = token("anthropic");
        for (base_url, allowed) in [
            (None, true),
            (Some("https://api.anthropic.com"), true),
            (Some("https://platform.claude.com"), false),
            (Some("https://api.anthropic.evil"), false),
        ] {
            let headers = headers::Headers {
                headers: Vec::new(),
                base_url: base_url.map(String::from),
                origins: Vec::new(),
                expires_ms: None,
                notes: Vec::new(),
            };
            let effect = Effect::Done { output: Output::Headers(headers) };
            assert_eq!(witness.objection(&effect).is_none(), allowed, "{base_url:?}");
        }
    }
}
