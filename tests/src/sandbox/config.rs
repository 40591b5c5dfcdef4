//! What a test may choose: at the start ([`Config`]) and while the sandbox runs ([`Settings`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::fault::Fault;
use super::github::GithubSettings;

/// The client id that Anthropic has registered for subscription logins.
pub const ANTHROPIC_CLIENT_ID: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";

/// The client id under which the device login of Copilot is registered at GitHub.
pub const GITHUB_CLIENT_ID: &str = "Iv1.b507a08c87ecfe98";

/// The API key that Anthropic's messages take, unless [`Config::api_key`] says otherwise.
pub const ANTHROPIC_API_KEY: &str = "sk-ant-api03-sandbox";

/// How a sandbox starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The only client that is registered at Anthropic.
    pub client_id: String,
    /// The only client that is registered at GitHub, github.com and Enterprise hosts alike.
    pub github_client_id: String,
    /// What the pages call that client.
    pub client_name: String,
    /// The only API key that Anthropic's messages take.
    pub api_key: String,
    /// What may change while it runs.
    pub settings: Settings,
    /// The faults that the first requests to Anthropic's token endpoint meet, in order.
    pub faults: Vec<Fault>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            client_id: ANTHROPIC_CLIENT_ID.to_owned(),
            github_client_id: GITHUB_CLIENT_ID.to_owned(),
            client_name: "pi".to_owned(),
            api_key: ANTHROPIC_API_KEY.to_owned(),
            settings: Settings::default(),
            faults: Vec::new(),
        }
    }
}

/// What may change while a sandbox runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long an access token is good for, in seconds; also what `expires_in` says.
    pub access_lifetime_s: u64,
    /// How long an authorization code is good for, in seconds.
    pub code_lifetime_s: u64,
    /// True if a refresh replaces the refresh token. When off, it answers with the same one.
    pub rotate: bool,
    /// True if the answer to a refresh carries a refresh token. When off, the old one stays good.
    /// The answer to a code exchange always carries one.
    pub send_refresh_token: bool,
    /// How long the token endpoint keeps its answer back, in milliseconds. What it grants, it
    /// grants at once: a client that gives up meanwhile has lost the answer, not the grant. An
    /// answer that is kept back is let go once this is set to less than it has waited.
    pub token_delay_ms: u64,
    /// The same for any endpoint: `{"policy": 50}`.
    pub delays_ms: BTreeMap<Endpoint, u64>,
    /// How far the provider's clock is ahead of this machine's, in seconds, as its `Date` says.
    /// What it grants lives by this machine's.
    pub clock_ahead_s: i64,
    /// What GitHub and Copilot do.
    pub github: GithubSettings,
}

impl Settings {
    /// How long this endpoint keeps its answer back, in milliseconds.
    pub(super) fn delay_ms(&self, endpoint: Endpoint) -> u64 {
        let own = self.delays_ms.get(&endpoint).copied().unwrap_or(0);
        if endpoint == Endpoint::Token { own + self.token_delay_ms } else { own }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_lifetime_s: 28_800,
            code_lifetime_s: 600,
            rotate: true,
            send_refresh_token: true,
            token_delay_ms: 0,
            delays_ms: BTreeMap::new(),
            clock_ahead_s: 0,
            github: GithubSettings::default(),
        }
    }
}
