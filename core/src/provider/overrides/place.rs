//! Values of the overrides file, checked and set where they belong, with errors that name the
//! place.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::BadOverrides;
use crate::http::{query_text, url};
use crate::json::Json;
use crate::provider::github_copilot;
use crate::provider::github_copilot::PER_REQUEST;
use crate::text::{has, plain, replaced};

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
    /// True if URLs may have a place for the domain, as Copilot's do.
    has_domain: bool,
}

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

    /// What a value is for; `None` where this provider has no use for it.
    pub(super) fn meaningful<T>(&self, key: &str, field: Option<T>) -> Result<T, BadOverrides> {
        field.ok_or_else(|| self.wrong(key, "means nothing to this provider"))
    }

    /// A text that is not blank.
    pub(super) fn text(&self, key: &str, value: Json<'_>) -> Result<String, BadOverrides> {
        let text = value.string().ok_or_else(|| self.has_to_be(key, "a string"))?;
        let shown = plain(&text);
        match shown.trim().is_empty() {
            true => Err(self.wrong(key, "must not be empty")),
            false => Ok(shown),
        }
    }

    /// A URL that may be used.
    pub(super) fn url(&self, key: &str, value: Json<'_>) -> Result<String, BadOverrides> {
        let url = value.string().ok_or_else(|| self.has_to_be(key, "a URL"))?;
        let problem = match self.has_domain {
            true => url::problem(&replaced(&url, github_copilot::DOMAIN, "github.com")),
            false => url::problem(&url),
        };
        match problem {
            Some(problem) => Err(self.wrong(key, &problem)),
            None => Ok(url),
        }
    }

    /// An issuer has no query (RFC 8414, 2).
    pub(super) fn without_query(&self, key: &str, value: Json<'_>) -> Result<(), BadOverrides> {
        match value.string().is_some_and(|url| has(&url, '?')) {
            true => Err(self.wrong(key, "must not have a query (?)")),
            false => Ok(()),
        }
    }

    /// An authorization URL may have a query, but not one that a login would say again.
    pub(super) fn not_reserved(&self, key: &str, value: Json<'_>) -> Result<(), BadOverrides> {
        let url = value.string().unwrap_or_default();
        let query = url.split_once('?').map_or("", |(_, query)| query);
        match RESERVED_PARAMETERS.iter().find(|name| query_text(query, name).is_some()) {
            None => Ok(()),
            Some(name) => {
                let problem = format!("names {name}, which is set by the login itself");
                Err(self.wrong(key, &problem))
            }
        }
    }

    pub(super) fn parameters(
        &self,
        key: &str,
        given: Json<'_>,
        parameters: &mut Pairs,
    ) -> Result<(), BadOverrides> {
        let is_same = |present: &str, name: &str| present == name;
        self.merge(key, given, parameters, is_same, |name, _| {
            let is_reserved = name.is_empty() || RESERVED_PARAMETERS.contains(&name);
            is_reserved.then_some("is set by the login itself")
        })
    }

    pub(super) fn headers(
        &self,
        key: &str,
        given: Json<'_>,
        headers: &mut Pairs,
    ) -> Result<(), BadOverrides> {
        self.merge(key, given, headers, str::eq_ignore_ascii_case, header_problem)
    }

    /// Puts the members of an object of strings in, in place of those that are there already.
    fn merge(
        &self,
        key: &str,
        given: Json<'_>,
        pairs: &mut Pairs,
        is_same: fn(&str, &str) -> bool,
        problem: fn(&str, &str) -> Option<&'static str>,
    ) -> Result<(), BadOverrides> {
        let is_wrong = || self.has_to_be(key, "an object of strings");
        if !given.is_object() {
            return Err(is_wrong());
        }
        for (name, value) in given.members() {
            let name = name.unwrap_or_default();
            let value = value.string().ok_or_else(is_wrong)?;
            if let Some(problem) = problem(&name, &value) {
                return Err(self.wrong(&format!("{key}.{}", plain(&name)), problem));
            }
            match pairs.iter_mut().find(|(present, _)| is_same(present, &name)) {
                Some(pair) => pair.1 = value,
                None => pairs.push((name, value)),
            }
        }
        Ok(())
    }
}

/// Names and values in the order in which the person has written them.
type Pairs = Vec<(String, String)>;

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
    let token = |c: char| c.is_ascii_alphanumeric() || has("!#$%&'*+-.^_`|~", c);
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
