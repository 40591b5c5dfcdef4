//! Checks on a core that is not trusted: for a host that runs one in a module, and holds it to the
//! core that is linked in.
//!
//! The witness hears what the module is told (the files, the answers of servers, what a person
//! typed). From that and the provider's data alone, it derives which addresses may be asked, shown
//! or given out.

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Authorize, Effect, Event, Output, Request, ShowCode, headers};
use crate::http::{HttpResponse, origin, url::Url};
use crate::oauth::client::Job;
use crate::oauth::device::{self, DeviceAuthorizationResponse};
use crate::oauth::metadata;
use crate::provider::github_copilot::domain::Domain;
use crate::provider::{Provider, Table};
use crate::secret::Secret;
use crate::store::access::Access;
use crate::store::document::{Document, Entry};

/// A reason why an effect of a module must not be performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Objection<'a> {
    /// It leads to this address, which the provider's data does not name.
    Address(&'a str),
    /// It shows a code, or a page for it, that the provider did not send.
    Code,
    /// It is a part of logging in, and the job is not a login.
    NotALogin,
}

/// A record of what a module was told, as far as it decides where requests may go.
#[derive(Debug)]
pub struct Witness {
    is_login: bool,
    /// The provider that the job is about; `None` for any.
    provider: Option<String>,
    table: Table,
    /// The Enterprise domains that were named: by the caller, the person or a stored login.
    domains: Vec<Option<Domain>>,
    /// Providers as the metadata of their own issuers has them.
    discovered: Vec<Arc<Provider>>,
    /// The request that is out.
    asked: String,
    /// The port of the callback server.
    port: Option<u16>,
    /// The user code in the last response, if there is one.
    code: Option<DeviceAuthorizationResponse>,
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
            is_login: matches!(request, Request::Login(_)),
            provider,
            table: Table::built_in(),
            domains: Vec::from([None]),
            discovered: Vec::new(),
            asked: String::new(),
            port: None,
            code: None,
        };
        witness.named(enterprise);
        witness
    }

    /// Hears what the module is told.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::OverridesRead { contents, access, .. } => {
                // No job goes on with a file that others could have changed, or that is not valid.
                if access.as_ref().and_then(Access::overrides_fault).is_none()
                    && let Ok(table) = Table::with_overrides(contents.as_ref().map(Secret::expose))
                {
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
            Event::Listening { port } => self.port = Some(*port),
            Event::Response(response) => {
                self.code = device::code(response, 0).ok();
                let discovered = self.discovered(response);
                self.discovered.extend(discovered);
            }
            _ => {}
        }
    }

    /// Returns the providers whose issuer was asked for its metadata, as `response` has them.
    fn discovered(&self, response: &HttpResponse) -> Vec<Arc<Provider>> {
        let discovered = self.providers().into_iter().filter_map(|provider| {
            let issuer = provider.client.issuer.as_deref()?;
            let urls = metadata::requests(issuer);
            urls.iter().find(|request| request.url == self.asked)?;
            let metadata = metadata::answer(response, issuer, 0).ok()?;
            provider.discovered(metadata, Job::Revocation).ok()
        });
        discovered.collect()
    }

    /// Returns why an effect of the module must not be performed, if so.
    pub fn objection<'a>(&mut self, effect: &'a Effect) -> Option<Objection<'a>> {
        match effect {
            Effect::Http { request, .. } => {
                self.asked.clone_from(&request.url);
                let mut origins = self.origins(|it| it.client.origins());
                origins.extend(self.origins(Provider::api_origins));
                unless_allowed(&origins, &request.url)
            }
            Effect::Done { output: Output::Headers(headers) } => self.headers(headers),
            Effect::Listen { .. }
            | Effect::Authorize(_)
            | Effect::AwaitCallback { .. }
            | Effect::Prompt { .. }
            | Effect::ShowCode(_)
                if !self.is_login =>
            {
                Some(Objection::NotALogin)
            }
            Effect::Authorize(page) => self.page(page),
            Effect::ShowCode(code) => (!self.was_sent(code)).then_some(Objection::Code),
            _ => None,
        }
    }

    /// Checks the address of the API and the origins that the key may be sent to.
    fn headers<'a>(&self, headers: &'a headers::Headers) -> Option<Objection<'a>> {
        let origins = self.origins(Provider::api_origins);
        let named = headers.origins.iter().filter(|origin| !origins.contains(*origin));
        let mut urls = named.chain(&headers.base_url);
        urls.find_map(|url| unless_allowed(&origins, url))
    }

    /// Checks the page, and that the browser begins there or at the callback server.
    fn page<'a>(&self, page: &'a Authorize) -> Option<Objection<'a>> {
        let one_time = page.one_time.as_ref().filter(|one_time| {
            let url = Url::parse(&one_time.url);
            !url.is_some_and(|url| {
                let port = url.port.unwrap_or(80);
                let is_server = !url.https && url.is_loopback() && Some(port) == self.port;
                is_server && url.rest == one_time.path
            })
        });
        match one_time {
            Some(one_time) => Some(Objection::Address(&one_time.url)),
            None => unless_allowed(&self.origins(|it| it.client.origins()), &page.url),
        }
    }

    /// Returns whether the last response holds this code and its pages. With a code of somebody
    /// else, the person would let that somebody in.
    fn was_sent(&self, shown: &ShowCode) -> bool {
        self.code.as_ref().is_some_and(|code| {
            let pages = [Some(&code.verification_uri), code.verification_uri_complete.as_ref()];
            shown.user_code == code.user_code
                && shown.verification_uri == code.verification_uri
                && pages.contains(&Some(&shown.url))
        })
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

fn unless_allowed<'a>(origins: &[String], url: &'a str) -> Option<Objection<'a>> {
    (!origin::is_allowed(origins, url)).then_some(Objection::Address(url))
}
