//! Values of the overrides file, checked and set where they belong, with errors that name the place.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{BadOverrides, Pairs};
use crate::headers::PER_REQUEST;
use crate::http::url;
use crate::provider::github_copilot;
use crate::text::plain;

/// What a person may not set, since a login depends on it (RFC 6749, 4.1.1; RFC 7636, 4.3).
const RESERVED_PARAMETERS: [&str; 11] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Where in the file a value stands, for the error that names it.
pub(super) struct Place {
    id: String,
    /// Whether URLs may have a place for the domain, as Copilot's do.
    has_domain: bool,
}

pub(super) const MEANINGLESS: &str = "means nothing to this provider";

impl Place {
    pub(super) fn new(id: &str, has_domain: bool) -> Self {
        Place { id: plain(id), has_domain }
    }

    pub(super) fn wrong(&self, key: &str, problem: &str) -> BadOverrides {
        BadOverrides { key: format!("{}.{key}", self.id), problem: problem.to_string() }
    }

    pub(super) fn has_to_be(&self, key: &str, takes: &str) -> BadOverrides {
        self.wrong(key, &format!("has to be {takes}"))
    }

    /// Sets a URL, if it is given; `field` is `None` where this provider has no use for it.
    pub(super) fn set(
        &self,
        key: &str,
        url: Option<String>,
        field: Option<&mut String>,
    ) -> Result<(), BadOverrides> {
        let Some(url) = url else { return Ok(()) };
        let field = field.ok_or_else(|| self.wrong(key, MEANINGLESS))?;
        let problem = match self.has_domain {
            true => url::problem(&url.replace(github_copilot::DOMAIN, "github.com")),
            false => url::problem(&url),
        };
        if let Some(problem) = problem {
            return Err(self.wrong(key, &problem));
        }
        *field = url;
        Ok(())
    }

    /// The same for a URL that a provider may do without.
    pub(super) fn put(
        &self,
        key: &str,
        url: Option<String>,
        field: &mut Option<String>,
    ) -> Result<(), BadOverrides> {
        match url {
            None => Ok(()),
            url => self.set(key, url, Some(field.get_or_insert_default())),
        }
    }

    /// An authorization URL may have a query, but not one that a login would say again.
    pub(super) fn authorize_url(&self, url: &str) -> Result<(), BadOverrides> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        match names.find(|name| RESERVED_PARAMETERS.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let problem = format!("names {name}, which is set by the login itself");
                Err(self.wrong("authorize_url", &problem))
            }
        }
    }

    pub(super) fn parameters(
        &self,
        given: Pairs,
        parameters: &mut Vec<(String, String)>,
    ) -> Result<(), BadOverrides> {
        for (name, value) in given {
            if name.is_empty() || RESERVED_PARAMETERS.contains(&name.as_str()) {
                let key = format!("authorize_parameters.{}", plain(&name));
                return Err(self.wrong(&key, "is set by the login itself"));
            }
            match parameters.iter_mut().find(|(present, _)| *present == name) {
                Some(parameter) => parameter.1 = value,
                None => parameters.push((name, value)),
            }
        }
        Ok(())
    }

    pub(super) fn headers(
        &self,
        given: Pairs,
        headers: &mut Vec<(String, String)>,
    ) -> Result<(), BadOverrides> {
        for (name, value) in given {
            if let Some(problem) = header_problem(&name, &value) {
                return Err(self.wrong(&format!("headers.{}", plain(&name)), problem));
            }
            match headers.iter_mut().find(|(present, _)| present.eq_ignore_ascii_case(&name)) {
                Some(header) => header.1 = value,
                None => headers.push((name, value)),
            }
        }
        Ok(())
    }
}

/// What says how a request is to be read, or to whom it goes.
const OF_HTTP: [&str; 10] = [
    "Accept",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Host",
    "Proxy-Authorization",
    "Transfer-Encoding",
    "Upgrade",
];

/// Why a request cannot carry this header; `None` where it can (RFC 9110, 5.1 and 5.5).
fn header_problem(name: &str, value: &str) -> Option<&'static str> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let visible = |c: char| c.is_ascii_graphic() || c == ' ';
    if name.is_empty() || !name.chars().all(token) {
        Some("is not the name of a header")
    } else if ["authorization", "x-api-key"].contains(&name.to_ascii_lowercase().as_str()) {
        Some("carries the key and cannot be set")
    } else if OF_HTTP.iter().any(|it| it.eq_ignore_ascii_case(name)) {
        Some("belongs to each request itself and cannot be set")
    } else if PER_REQUEST.iter().any(|it| it.eq_ignore_ascii_case(name)) {
        Some("says something about each request and cannot be set for all")
    } else if !value.chars().all(visible) {
        Some("has characters that a header cannot carry")
    } else {
        None
    }
}
