//! The overrides file (`auth-providers.json`): what the built-in providers are made of, as a person
//! sets it, and providers of their own.

mod place;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::{AuthorizationCode, Login, LoopbackRedirect, Provider, TokenRequest};
use crate::json::{FromJson as _, Json, words};
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
#[derive(Default)]
struct Entry {
    name: Option<String>,
    flow: Option<Flow>,
    client_id: Option<String>,
    scopes: Option<Vec<String>>,
    issuer: Option<String>,
    authorize_url: Option<String>,
    authorize_parameters: Option<Pairs>,
    redirect_uri: Option<String>,
    loopback_redirect_uri: Option<String>,
    device_authorization_url: Option<String>,
    token_url: Option<String>,
    token_request: Option<TokenRequest>,
    copilot_token_url: Option<String>,
    revocation_url: Option<String>,
    api_base_url: Option<String>,
    headers: Option<Pairs>,
}

/// Names and values in the order in which the person has written them.
type Pairs = Vec<(String, String)>;

#[derive(Clone, Copy)]
enum Flow {
    AuthorizationCode,
    DeviceCode,
}

words! { Flow { "authorization_code" => AuthorizationCode, "device_code" => DeviceCode } }

/// The callback of a provider that names none.
const LOOPBACK_REDIRECT_URI: &str = "http://127.0.0.1/callback";

pub(super) fn apply(providers: &mut Vec<Provider>, json: &str) -> Result<(), BadOverrides> {
    let file = |problem: String| BadOverrides { key: String::new(), problem };
    let entries = Json::parse(json).map_err(|e| file(format!("it is not valid JSON: {e}")))?;
    if !entries.is_object() {
        return Err(file("it is not a JSON object".into()));
    }
    for (id, fields) in last_of_each(entries) {
        let wrong = |problem: &str| BadOverrides { key: plain(&id), problem: problem.into() };
        if !fields.is_object() {
            return Err(wrong("is not a JSON object"));
        }
        let entry = Entry::read(&id, fields)?;
        match providers.iter_mut().find(|provider| provider.id == id) {
            Some(provider) => entry.change(provider)?,
            None if is_id(&id) => providers.push(entry.add(&id)?),
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

/// Every key.
const KEYS: &str = "api_base_url, authorize_parameters, authorize_url, client_id, \
     copilot_token_url, device_authorization_url, flow, headers, issuer, loopback_redirect_uri, \
     name, redirect_uri, revocation_url, scopes, token_request, token_url";

impl Entry {
    /// Takes the fields one by one, so that an error can name the one, and never shows its value.
    fn read(id: &str, fields: Json<'_>) -> Result<Self, BadOverrides> {
        let at = Place::new(id, false);
        let mut entry = Entry::default();
        for (key, value) in last_of_each(fields) {
            let (field, takes): (&mut Option<String>, _) = match key.as_str() {
                "api_base_url" => (&mut entry.api_base_url, "a URL"),
                "authorize_url" => (&mut entry.authorize_url, "a URL"),
                "copilot_token_url" => (&mut entry.copilot_token_url, "a URL"),
                "device_authorization_url" => (&mut entry.device_authorization_url, "a URL"),
                "issuer" => (&mut entry.issuer, "a URL"),
                "loopback_redirect_uri" => (&mut entry.loopback_redirect_uri, "a URL"),
                "redirect_uri" => (&mut entry.redirect_uri, "a URL"),
                "revocation_url" => (&mut entry.revocation_url, "a URL"),
                "token_url" => (&mut entry.token_url, "a URL"),
                "client_id" => (&mut entry.client_id, "a string"),
                "name" => (&mut entry.name, "a string"),
                _ => {
                    entry.read_other(&at, &key, value)?;
                    continue;
                }
            };
            *field = Some(value.string().ok_or_else(|| at.has_to_be(&key, takes))?);
        }
        Ok(entry)
    }

    /// A field that is no mere text.
    fn read_other(&mut self, at: &Place, key: &str, value: Json<'_>) -> Result<(), BadOverrides> {
        let is = |takes: &'static str| at.has_to_be(key, takes);
        match key {
            "flow" => {
                let flow =
                    Flow::read(value).map_err(|_| is("`authorization_code` or `device_code`"));
                self.flow = Some(flow?);
            }
            "token_request" => {
                let request = TokenRequest::read(value).map_err(|_| is("`form` or `json`"));
                self.token_request = Some(request?);
            }
            "scopes" => {
                let scopes = Vec::read(value).map_err(|_| is("a list of strings"));
                self.scopes = Some(scopes?);
            }
            "headers" | "authorize_parameters" => {
                let pairs = pairs(value).ok_or_else(|| is("an object of strings"))?;
                match key {
                    "headers" => self.headers = Some(pairs),
                    _ => self.authorize_parameters = Some(pairs),
                }
            }
            _ => {
                let problem = format!("is not a key; the keys are: {KEYS}");
                return Err(at.wrong(&plain(key), &problem));
            }
        }
        Ok(())
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

fn pairs(value: Json<'_>) -> Option<Pairs> {
    let pairs = last_of_each(value).into_iter().map(|(name, text)| Some((name, text.string()?)));
    value.is_object().then(|| pairs.collect())?
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
