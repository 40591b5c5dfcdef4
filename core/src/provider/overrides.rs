//! The overrides file (`auth-providers.json`): what the built-in providers are made of, as a person
//! sets it, and providers of their own.

mod place;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::Provider;
use crate::json::{self, Json};
use crate::oauth::client::{
    AuthorizationCode, Client, CodeShape, GrantType, LoopbackRedirect, RequestFormat,
};
use crate::text::{has, plain, truncate};
use place::Place;

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
            key => write!(f, "{} {}", truncate(key), self.problem),
        }
    }
}

/// The largest file that is looked at, in bytes (64 KiB): hundreds of providers. Names are compared
/// one by one.
const MAX_BYTES: usize = 64 << 10;

/// What `flow` takes.
const FLOWS: &str = "`authorization_code` or `device_code`";

/// The callback of a provider that names none, without its id. Each has its own, so that the answer
/// of one cannot be taken for another's.
const LOOPBACK_REDIRECT_URI: &str = "http://127.0.0.1/callback/";

/// How a provider of one's own logs people in.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Flow {
    AuthorizationCode,
    DeviceCode,
}

/// Every key.
const KEYS: &str = "api_base_url, authorize_parameters, authorize_url, client_id, \
     copilot_token_url, device_authorization_url, flow, headers, issuer, loopback_redirect_uri, \
     name, redirect_uri, revocation_url, scopes, token_request, token_url";

pub(super) fn apply(providers: &mut Vec<Provider>, json: &str) -> Result<(), BadOverrides> {
    let file = |problem: String| BadOverrides { key: String::new(), problem };
    if json.len() > MAX_BYTES {
        return Err(file("it is larger than 64 KiB".into()));
    }
    let entries = Json::parse(json).map_err(|e| file(format!("it is not valid JSON: {e}")))?;
    if !entries.is_object() {
        return Err(file("it is not a JSON object".into()));
    }
    for (id, fields) in last_of_each(entries) {
        let wrong = |key: String, problem: &str| Err(BadOverrides { key, problem: problem.into() });
        if !is_id(&id) {
            // In quotes: it may be empty, and an error without a key is one of the whole file.
            let problem = "is no name for a provider: use letters, digits, `-`, `_` and `.`";
            return wrong(json::to_string(&plain(&id)), problem);
        }
        if !fields.is_object() {
            return wrong(id, "is not a JSON object");
        }
        match providers.iter_mut().find(|provider| provider.id == id) {
            Some(provider) => provider.change(fields)?,
            None => providers.push(Provider::of_ones_own(&id, fields)?),
        }
    }
    Ok(())
}

/// A word on the command line, a key in the file and a part of sentences.
fn is_id(id: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || has("-_.", c);
    (1..=64).contains(&id.len()) && id.chars().all(inner) && !id.starts_with('-')
}

/// The members of an object in their order; of several of one name, the last.
fn last_of_each(object: Json<'_>) -> Vec<(String, Json<'_>)> {
    let mut members: Vec<(String, Json<'_>)> = Vec::new();
    for (name, value) in object.members() {
        let name = name.unwrap_or_default();
        match members.iter_mut().find(|(earlier, _)| *earlier == name) {
            Some((_, earlier)) => *earlier = value,
            None => members.push((name, value)),
        }
    }
    members
}

impl Provider {
    /// A provider of the person's own.
    fn of_ones_own(id: &str, fields: Json<'_>) -> Result<Self, BadOverrides> {
        let at = Place::new(id, false);
        let flow = fields.get("flow");
        let flow = flow.ok_or_else(|| at.wrong("flow", &format!("is missing: {FLOWS}")))?;
        let mut provider = Provider {
            id: id.to_string(),
            name: id.to_string(),
            client: Client {
                client_id: String::new(),
                scopes: Vec::new(),
                grant: match flow.read().ok_or_else(|| at.has_to_be("flow", FLOWS))? {
                    Flow::AuthorizationCode => GrantType::AuthorizationCode(AuthorizationCode {
                        authorize_url: String::new(),
                        redirect_uri: None,
                        loopback_redirect_uri: None,
                        parameters: Vec::new(),
                        state_in_exchange: false,
                        code_shape: CodeShape::Any,
                    }),
                    Flow::DeviceCode => {
                        GrantType::DeviceCode { device_authorization_url: String::new() }
                    }
                },
                token_url: String::new(),
                token_request: RequestFormat::Form,
                exchange_url: None,
                revocation_url: None,
                issuer: None,
                requires_iss: false,
            },
            api_base_url: None,
            headers: Vec::new(),
            copilot: None,
        };
        for (key, value) in last_of_each(fields) {
            if key != "flow" {
                provider.set(&at, &key, value)?;
            }
        }
        if let GrantType::AuthorizationCode(login) = &mut provider.client.grant {
            login.infer_redirects(id);
        }
        match provider.missing() {
            Some((key, problem)) => Err(at.wrong(key, problem)),
            None => Ok(provider),
        }
    }

    /// Sets what is named, and leaves the rest.
    fn change(&mut self, fields: Json<'_>) -> Result<(), BadOverrides> {
        let at = Place::new(&self.id, self.copilot.is_some());
        for (key, value) in last_of_each(fields) {
            self.set(&at, &key, value)?;
        }
        Ok(())
    }

    fn set(&mut self, at: &Place, key: &str, value: Json<'_>) -> Result<(), BadOverrides> {
        let (code, device_url) = match &mut self.client.grant {
            GrantType::AuthorizationCode(code) => (Some(code), None),
            GrantType::DeviceCode { device_authorization_url } => {
                (None, Some(device_authorization_url))
            }
        };
        // `None` for what means nothing to this provider.
        let url = match key {
            "api_base_url" => Some(self.api_base_url.get_or_insert_default()),
            "authorize_url" => {
                at.not_reserved(key, value)?;
                code.map(|code| &mut code.authorize_url)
            }
            "copilot_token_url" => self.client.exchange_url.as_mut(),
            "device_authorization_url" => device_url,
            "issuer" if self.copilot.is_some() => None,
            "issuer" => {
                at.without_query(key, value)?;
                Some(self.client.issuer.get_or_insert_default())
            }
            "redirect_uri" => code.map(|code| code.redirect_uri.get_or_insert_default()),
            "revocation_url" => Some(self.client.revocation_url.get_or_insert_default()),
            "token_url" => Some(&mut self.client.token_url),
            _ => return self.set_other(at, key, value),
        };
        *at.meaningful(key, url)? = at.url(key, value)?;
        Ok(())
    }

    /// Sets what is no URL of an endpoint.
    fn set_other(&mut self, at: &Place, key: &str, value: Json<'_>) -> Result<(), BadOverrides> {
        let code = match &mut self.client.grant {
            GrantType::AuthorizationCode(code) => Some(code),
            GrantType::DeviceCode { .. } => None,
        };
        match key {
            "authorize_parameters" => {
                let parameters = code.map(|code| &mut code.parameters);
                at.parameters(key, value, at.meaningful(key, parameters)?)?;
            }
            "client_id" => self.client.client_id = at.text(key, value)?,
            "flow" => {
                return Err(at.wrong(key, "cannot be changed; add a provider of another name"));
            }
            "headers" => at.headers(key, value, &mut self.headers)?,
            "loopback_redirect_uri" => {
                let redirect = value.string().and_then(|uri| LoopbackRedirect::parse(&uri));
                let example = "is not a loopback URI such as http://localhost:53692/callback";
                let redirect = redirect.ok_or_else(|| at.wrong(key, example))?;
                at.meaningful(key, code)?.loopback_redirect_uri = Some(redirect);
            }
            "name" => self.name = at.text(key, value)?,
            "scopes" => {
                let scopes = value.read();
                self.client.scopes =
                    scopes.ok_or_else(|| at.has_to_be(key, "a list of strings"))?;
            }
            "token_request" => {
                let request = value.read();
                self.client.token_request =
                    request.ok_or_else(|| at.has_to_be(key, "`form` or `json`"))?;
            }
            _ => {
                let problem = format!("is not a key; the keys are: {KEYS}");
                return Err(at.wrong(&plain(key), &problem));
            }
        }
        Ok(())
    }
}

impl Provider {
    /// What a provider of one's own still lacks: the key, and what to do about it.
    fn missing(&self) -> Option<(&'static str, &'static str)> {
        let or_issuer = "is missing; or give the `issuer`, whose metadata tells it";
        let login_url = match &self.client.grant {
            GrantType::AuthorizationCode(login) => ("authorize_url", &login.authorize_url),
            GrantType::DeviceCode { device_authorization_url } => {
                ("device_authorization_url", device_authorization_url)
            }
        };
        if self.client.client_id.is_empty() {
            return Some(("client_id", "is missing"));
        }
        let urls = [("token_url", &self.client.token_url), login_url];
        let empty =
            urls.into_iter().find(|(_, url)| self.client.issuer.is_none() && url.is_empty())?;
        Some((empty.0, or_issuer))
    }
}

impl AuthorizationCode {
    /// A provider that names no callback has the usual one, unless it has a page that shows the
    /// code. A `redirect_uri` on this very machine is no such page but the callback.
    fn infer_redirects(&mut self, id: &str) {
        if self.loopback_redirect_uri.is_some() {
            return;
        }
        let named = self.redirect_uri.as_deref().map(LoopbackRedirect::parse);
        match named {
            None => {
                // An id is made of what a path takes as it is, but dots alone lead to a parent.
                let id = if id.bytes().all(|byte| byte == b'.') { "dots" } else { id };
                let callback = format!("{LOOPBACK_REDIRECT_URI}{id}");
                self.loopback_redirect_uri = LoopbackRedirect::parse(&callback);
            }
            Some(Some(callback)) => {
                self.redirect_uri = None;
                self.loopback_redirect_uri = Some(callback);
            }
            Some(None) => {}
        }
    }
}
