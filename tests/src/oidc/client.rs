//! Its endpoints, called as plainly as can be: no discovery, no checks, no memory.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::Server;
use super::person::{End, Person};
use crate::loopback::{Reply, Request};
use crate::pi::PATIENCE;

/// The only client that is registered: public, with the device flow and any port of 127.0.0.1.
pub const CLIENT_ID: &str = "acme-cli";

/// What it takes to get a refresh token, beside `prompt=consent`.
pub const SCOPES: &str = "openid offline_access";

const REDIRECT_URI: &str = "http://127.0.0.1/callback/acme";

/// What a login gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Tokens {
    /// The tokens of an answer.
    ///
    /// # Panics
    /// When it has none.
    #[track_caller]
    pub fn of(reply: &Reply) -> Self {
        let document = reply.json();
        let token = |name: &str| {
            let token = document[name].as_str().map(str::to_owned);
            token.unwrap_or_else(|| panic!("{}: {}", reply.status, reply.body))
        };
        Self { access: token("access_token"), refresh: token("refresh_token") }
    }
}

/// A verifier and its challenge (RFC 7636).
#[derive(Debug, Clone)]
pub struct Pkce {
    /// What the exchange shows.
    pub verifier: String,
    /// What the authorization request shows.
    pub challenge: String,
}

impl Pkce {
    /// A pair of its own.
    pub fn new() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system has random bytes");
        let verifier = URL_SAFE_NO_PAD.encode(bytes);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        Self { verifier, challenge }
    }
}

impl Default for Pkce {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// A good authorization request, with some parameters replaced; an empty one is left out.
    pub fn authorize_url(&self, challenge: &str, replaced: &[(&str, &str)]) -> String {
        let mut parameters = vec![
            ("client_id", CLIENT_ID),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", SCOPES),
            ("prompt", "consent"),
            ("state", "a state"),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in replaced {
            parameters.retain(|(known, _)| known != name);
            if !value.is_empty() {
                parameters.push((name, value));
            }
        }
        let url = Url::parse_with_params(&format!("{}/auth", self.url()), parameters);
        url.expect("it is a URL").into()
    }

    /// A login, by authorization code.
    ///
    /// # Panics
    /// When anything goes wrong.
    #[track_caller]
    pub fn log_in(&self) -> Tokens {
        let pkce = Pkce::new();
        let end = Person::approves().opens(&self.authorize_url(&pkce.challenge, &[]));
        let end = end.expect("the person gets through");
        let code = end.parameter("code").unwrap_or_else(|| panic!("{end:?} has no code"));
        Tokens::of(&self.exchange(&code, &pkce.verifier))
    }

    /// Exchanges a code.
    #[track_caller]
    pub fn exchange(&self, code: &str, verifier: &str) -> Reply {
        self.post(
            "/token",
            &[
                ("grant_type", "authorization_code"),
                ("client_id", CLIENT_ID),
                ("code", code),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", verifier),
            ],
        )
    }

    /// Spends a refresh token.
    #[track_caller]
    pub fn refresh(&self, refresh_token: &str) -> Reply {
        self.post(
            "/token",
            &[
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT_ID),
                ("refresh_token", refresh_token),
            ],
        )
    }

    /// Begins a device flow.
    #[track_caller]
    pub fn device_code(&self) -> Reply {
        self.post("/device/auth", &[("client_id", CLIENT_ID), ("scope", SCOPES)])
    }

    /// Asks how a device flow stands.
    #[track_caller]
    pub fn poll(&self, device_code: &str) -> Reply {
        self.post(
            "/token",
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("client_id", CLIENT_ID),
                ("device_code", device_code),
            ],
        )
    }

    /// Revokes a token.
    #[track_caller]
    pub fn revoke(&self, token: &str) -> Reply {
        self.post("/token/revocation", &[("client_id", CLIENT_ID), ("token", token)])
    }

    /// Returns whether an access token is good for something: it is shown at the userinfo endpoint.
    #[track_caller]
    pub fn accepts(&self, access_token: &str) -> bool {
        let bearer = format!("Bearer {access_token}");
        let request = Request::get(format!("{}/me", self.url())).header("authorization", &bearer);
        request.timeout(PATIENCE).send().expect("the server answers").status == 200
    }

    #[track_caller]
    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let request = Request::post_form(format!("{}{path}", self.url()), fields);
        request.timeout(PATIENCE).send().expect("the server answers")
    }
}

impl End {
    /// A parameter of the address that the browser was sent to.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let Self::Callback(url) = self else { return None };
        let url = Url::parse(url).ok()?;
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }
}
