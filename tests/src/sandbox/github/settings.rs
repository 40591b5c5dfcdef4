//! What a test may choose about GitHub and Copilot while the sandbox runs.

use serde::{Deserialize, Serialize};

/// What GitHub and Copilot do. It holds for every domain alike, but where it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GithubSettings {
    /// True if the client may use the device flow; else `device_flow_disabled`.
    pub device_flow: bool,
    /// How far apart a new device's polls have to be, in seconds.
    pub interval_s: u64,
    /// True if a device is told that. When off, it has to know the default of five seconds (RFC
    /// 8628 section 3.2), whatever is in force.
    pub send_interval: bool,
    /// How long a device code and its user code are good for, in seconds.
    pub code_lifetime_s: u64,
    /// True if a device is told an address with the user code in it.
    pub send_verification_uri_complete: bool,
    /// How many polls in good time a device that was approved still hears
    /// `authorization_pending`.
    pub pending_after_approval: u32,
    /// True if a device that polled too early is told the interval that is now in force.
    pub slow_down_sends_interval: bool,
    /// What becomes of a good GitHub token that is to be exchanged for a Copilot token.
    pub copilot_access: CopilotAccess,
    /// How long a Copilot token is good for, in seconds.
    pub copilot_lifetime_s: u64,
    /// How many seconds later than that `expires_at` says; negative for earlier.
    pub expires_at_skew_s: i64,
    /// The host that a Copilot token from github.com names as `proxy-ep`.
    pub proxy_ep: Option<String>,
    /// The host that a Copilot token from anywhere else names as `proxy-ep`.
    pub enterprise_proxy_ep: Option<String>,
    /// Copilot's models, in order.
    pub models: Vec<Model>,
}

impl Default for GithubSettings {
    fn default() -> Self {
        let model = |id: &str, name: &str, policy| Model {
            id: id.to_owned(),
            name: name.to_owned(),
            model_picker_enabled: true,
            policy,
            tool_calls: true,
        };
        let hidden = Model {
            model_picker_enabled: false,
            tool_calls: false,
            ..model("text-embedding-3-small", "Embedding V3 small", None)
        };
        Self {
            device_flow: true,
            interval_s: 5,
            send_interval: true,
            code_lifetime_s: 900,
            send_verification_uri_complete: false,
            pending_after_approval: 0,
            slow_down_sends_interval: true,
            copilot_access: CopilotAccess::Granted,
            copilot_lifetime_s: 1800,
            expires_at_skew_s: 0,
            proxy_ep: Some("proxy.individual.githubcopilot.com".to_owned()),
            enterprise_proxy_ep: None,
            models: vec![
                model("gpt-4.1", "GPT-4.1", None),
                model("gpt-5", "GPT-5", Some(Policy::Enabled)),
                model("claude-sonnet-4.5", "Claude Sonnet 4.5", Some(Policy::Unconfigured)),
                model("gemini-2.5-pro", "Gemini 2.5 Pro", Some(Policy::Unconfigured)),
                model("grok-code-fast-1", "Grok Code Fast 1", Some(Policy::Disabled)),
                hidden,
            ],
        }
    }
}

/// What becomes of a good GitHub token that is to be exchanged for a Copilot token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopilotAccess {
    /// It is exchanged.
    Granted,
    /// 401, as for a token that is not good.
    Unauthorized,
    /// 403: this account has no Copilot.
    NoSubscription,
    /// 404: this host knows no Copilot.
    NotFound,
}

/// One of Copilot's models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What a request calls it.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// True if it is offered to people.
    pub model_picker_enabled: bool,
    /// How its policy stands; some models have none.
    pub policy: Option<Policy>,
    /// True if it can call tools.
    pub tool_calls: bool,
}

/// Whether the policy of a model was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It was.
    Enabled,
    /// Nobody has decided: the person may accept it.
    Unconfigured,
    /// An administrator has refused it.
    Disabled,
}
