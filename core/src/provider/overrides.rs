//! The overrides file (`auth-providers.json`): what the built-in providers are made of, as a person
//! sets it, and providers of their own.

mod place;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{AuthorizationCode, Login, LoopbackRedirect, Provider, Table, TokenRequest};
use crate::text::plain;
use place::{MEANINGLESS, Place};

/// Why an overrides file cannot be used, naming the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOverrides {
    /// The key, such as `anthropic.token_url`; empty where the file as a whole is wrong.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for BadOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => f.write_str(&self.problem),
            key => write!(f, "{key} {}", self.problem),
        }
    }
}

/// What one entry may set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    flow: Option<Flow>,
    client_id: Option<String>,
    scopes: Option<Vec<String>>,
    issuer: Option<String>,
    authorize_url: Option<String>,
    authorize_parameters: Option<BTreeMap<String, String>>,
    redirect_uri: Option<String>,
    loopback_redirect_uri: Option<String>,
    device_authorization_url: Option<String>,
    token_url: Option<String>,
    token_request: Option<TokenRequest>,
    copilot_token_url: Option<String>,
    revocation_url: Option<String>,
    api_base_url: Option<String>,
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Flow {
    AuthorizationCode,
    DeviceCode,
}

/// The callback of a provider that names none.
const LOOPBACK_REDIRECT_URI: &str = "http://127.0.0.1/callback";

pub(super) fn apply(table: &mut Table, json: &str) -> Result<(), BadOverrides> {
    let file = |problem: String| BadOverrides { key: String::new(), problem };
    // In the order of their names: a JSON object has none.
    let entries: BTreeMap<String, Value> =
        serde_json::from_str(json).map_err(|e| file(format!("it is not a JSON object: {e}")))?;
    for (id, value) in entries {
        let wrong = |problem: &str| BadOverrides { key: plain(&id), problem: problem.into() };
        let Value::Object(fields) = value else { return Err(wrong("is not a JSON object")) };
        let entry = Entry::read(&id, fields)?;
        match table.0.iter().position(|provider| provider.id == id) {
            Some(at) => entry.change(&mut table.0[at])?,
            None if is_id(&id) => table.0.push(entry.add(&id)?),
            None => {
                return Err(wrong(
                    "is no name for a provider: use letters, digits, `-`, `_` and `.`",
                ));
            }
        }
    }
    Ok(())
}

/// A word on the command line, a key in the file and a part of sentences.
fn is_id(id: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=64).contains(&id.len()) && id.chars().all(inner) && !id.starts_with('-')
}

/// What each key takes, in words.
const KEYS: [(&str, &str); 16] = [
    ("api_base_url", "a URL"),
    ("authorize_parameters", "an object of strings"),
    ("authorize_url", "a URL"),
    ("client_id", "a string"),
    ("copilot_token_url", "a URL"),
    ("device_authorization_url", "a URL"),
    ("flow", "`authorization_code` or `device_code`"),
    ("headers", "an object of strings"),
    ("issuer", "a URL"),
    ("loopback_redirect_uri", "a URL"),
    ("name", "a string"),
    ("redirect_uri", "a URL"),
    ("revocation_url", "a URL"),
    ("scopes", "a list of strings"),
    ("token_request", "`form` or `json`"),
    ("token_url", "a URL"),
];

impl Entry {
    /// Takes the fields one by one, so that an error can name the one, and never shows its value.
    fn read(id: &str, fields: Map<String, Value>) -> Result<Self, BadOverrides> {
        let at = Place::new(id, false);
        for (key, value) in &fields {
            let known = KEYS.iter().find(|(known, _)| known == key);
            let Some((_, takes)) = known else {
                let keys: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
                let problem = format!("is not a key; the keys are: {}", keys.join(", "));
                return Err(at.wrong(&plain(key), &problem));
            };
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            if value.is_null() || serde_json::from_value::<Entry>(alone.into()).is_err() {
                return Err(at.wrong(key, &format!("has to be {takes}")));
            }
        }
        serde_json::from_value(fields.into()).map_err(|_| at.wrong("", "cannot be read"))
    }

    /// A provider of the person's own.
    fn add(self, id: &str) -> Result<Provider, BadOverrides> {
        let at = Place::new(id, false);
        let login = match self.flow {
            None => {
                return Err(at.wrong("flow", "is missing: `authorization_code` or `device_code`"));
            }
            Some(Flow::AuthorizationCode) => Login::AuthorizationCode(AuthorizationCode {
                authorize_url: String::new(),
                redirect_uri: None,
                loopback_redirect_uri: None,
                parameters: Vec::new(),
                state_in_exchange: false,
            }),
            Some(Flow::DeviceCode) => Login::DeviceCode { device_authorization_url: String::new() },
        };
        let mut provider = Provider {
            id: id.to_string(),
            name: id.to_string(),
            client_id: String::new(),
            scopes: Vec::new(),
            login,
            token_url: String::new(),
            token_request: TokenRequest::Form,
            revocation_url: None,
            issuer: None,
            requires_iss: false,
            api_base_url: None,
            headers: Vec::new(),
            copilot: None,
        };
        Entry { flow: None, ..self }.change(&mut provider)?;
        if let Login::AuthorizationCode(login) = &mut provider.login {
            login.infer_redirects();
        }
        match provider.missing() {
            Some((key, problem)) => Err(at.wrong(key, problem)),
            None => Ok(provider),
        }
    }

    /// Sets what is named, and leaves the rest.
    fn change(self, provider: &mut Provider) -> Result<(), BadOverrides> {
        let at = Place::new(&provider.id, provider.copilot.is_some());
        if self.flow.is_some() {
            return Err(at.wrong("flow", "cannot be changed; add a provider of another name"));
        }
        let copilot_token_url = provider.copilot.as_mut().map(|copilot| &mut copilot.token_url);
        at.set("copilot_token_url", self.copilot_token_url, copilot_token_url)?;
        at.set("token_url", self.token_url, Some(&mut provider.token_url))?;
        at.put("revocation_url", self.revocation_url, &mut provider.revocation_url)?;
        at.put("api_base_url", self.api_base_url, &mut provider.api_base_url)?;
        if self.issuer.is_some() && provider.copilot.is_some() {
            return Err(at.wrong("issuer", MEANINGLESS));
        }
        at.put("issuer", self.issuer, &mut provider.issuer)?;
        if provider.issuer.as_ref().is_some_and(|issuer| issuer.contains('?')) {
            return Err(at.wrong("issuer", "must not have a query (?)"));
        }
        let (authorize_url, device_url) = (self.authorize_url, self.device_authorization_url);
        let parameters = self.authorize_parameters.unwrap_or_default();
        match &mut provider.login {
            Login::DeviceCode { device_authorization_url } => {
                at.set("device_authorization_url", device_url, Some(device_authorization_url))?;
                at.set("authorize_url", authorize_url, None)?;
                at.set("redirect_uri", self.redirect_uri, None)?;
                at.set("loopback_redirect_uri", self.loopback_redirect_uri, None)?;
                if !parameters.is_empty() {
                    return Err(at.wrong("authorize_parameters", MEANINGLESS));
                }
            }
            Login::AuthorizationCode(login) => {
                at.set("device_authorization_url", device_url, None)?;
                at.set("authorize_url", authorize_url, Some(&mut login.authorize_url))?;
                at.put("redirect_uri", self.redirect_uri, &mut login.redirect_uri)?;
                if let Some(uri) = self.loopback_redirect_uri {
                    let example = "is not a loopback URI such as http://localhost:53692/callback";
                    let parsed = LoopbackRedirect::parse(&uri);
                    let parsed = parsed.ok_or_else(|| at.wrong("loopback_redirect_uri", example));
                    login.loopback_redirect_uri = Some(parsed?);
                }
                at.parameters(parameters, &mut login.parameters)?;
            }
        }
        if let Login::AuthorizationCode(login) = &provider.login {
            at.authorize_url(&login.authorize_url)?;
        }
        at.headers(self.headers.unwrap_or_default(), &mut provider.headers)?;
        for (key, value, field) in [
            ("client_id", self.client_id, &mut provider.client_id),
            ("name", self.name.map(|name| plain(&name)), &mut provider.name),
        ] {
            match value {
                Some(value) if value.trim().is_empty() => {
                    return Err(at.wrong(key, "must not be empty"));
                }
                Some(value) => *field = value,
                None => {}
            }
        }
        if let Some(scopes) = self.scopes {
            provider.scopes = scopes;
        }
        if let Some(token_request) = self.token_request {
            provider.token_request = token_request;
        }
        Ok(())
    }
}

impl Provider {
    /// What a provider of one's own still lacks: the key, and what to do about it.
    fn missing(&self) -> Option<(&'static str, &'static str)> {
        let or_issuer = "is missing; or give the `issuer`, whose metadata tells it";
        let login_url = match &self.login {
            Login::AuthorizationCode(login) => ("authorize_url", &login.authorize_url),
            Login::DeviceCode { device_authorization_url } => {
                ("device_authorization_url", device_authorization_url)
            }
        };
        if self.client_id.is_empty() {
            return Some(("client_id", "is missing"));
        }
        let urls = [("token_url", &self.token_url), login_url];
        let empty = urls.into_iter().find(|(_, url)| self.issuer.is_none() && url.is_empty())?;
        Some((empty.0, or_issuer))
    }
}

impl AuthorizationCode {
    /// A provider that names no callback has the usual one, unless it has a page that shows the
    /// code. A `redirect_uri` on this very machine is no such page but the callback.
    fn infer_redirects(&mut self) {
        if self.loopback_redirect_uri.is_some() {
            return;
        }
        let named = self.redirect_uri.as_deref().map(LoopbackRedirect::parse);
        match named {
            None => self.loopback_redirect_uri = LoopbackRedirect::parse(LOOPBACK_REDIRECT_URI),
            Some(Some(callback)) => {
                self.redirect_uri = None;
                self.loopback_redirect_uri = Some(callback);
            }
            Some(None) => {}
        }
    }
}
