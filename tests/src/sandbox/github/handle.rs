//! What a test can do to GitHub and Copilot through its [`Sandbox`].

use std::time::Instant;

use super::devices::PendingUserCode;
use super::tokens::CopilotCredential;
use crate::sandbox::Sandbox;
use crate::sandbox::log::{Kind, Poll};
use crate::sandbox::state::State;

impl Sandbox {
    /// Mints a GitHub token, `ghu_...`, without a login.
    pub fn issue_github(&self, domain: &str) -> String {
        self.state.issue_github(domain)
    }

    /// Mints what a login at Copilot stores, without a login.
    pub fn issue_copilot(&self, domain: &str) -> CopilotCredential {
        self.state.issue_copilot(domain)
    }

    /// Returns whether this GitHub token would be accepted at this domain now.
    pub fn is_valid_github(&self, domain: &str, token: &str) -> bool {
        self.state.ledger.lock().github.tokens.is_valid_github(domain, token)
    }

    /// Returns whether this Copilot token would be accepted at this domain now.
    pub fn is_valid_copilot(&self, domain: &str, token: &str) -> bool {
        self.state.ledger.lock().github.tokens.is_valid_copilot(domain, token, Instant::now())
    }

    /// The user codes that nobody has decided on, the newest last.
    pub fn pending_user_codes(&self) -> Vec<PendingUserCode> {
        self.state.pending_user_codes()
    }

    /// How often a GitHub token was exchanged for a Copilot token, answered or not.
    pub fn exchanges(&self) -> usize {
        self.state.log.count(&Kind::CopilotExchanged)
    }

    /// Every poll of every device, in order: those that met a fault, and those that were refused,
    /// too. That a device code is unknown at the domain is no poll.
    pub fn polls(&self) -> Vec<Poll> {
        let poll = |kind: &Kind| match kind {
            Kind::Polled(poll) => Some(*poll),
            _ => None,
        };
        self.log().iter().filter_map(|entry| poll(&entry.kind)).collect()
    }
}

impl State {
    pub(in crate::sandbox) fn issue_github(&self, domain: &str) -> String {
        self.ledger.lock().github.tokens.grant(domain)
    }

    pub(in crate::sandbox) fn issue_copilot(&self, domain: &str) -> CopilotCredential {
        let settings = self.settings().github;
        let tokens = &mut self.ledger.lock().github.tokens;
        let refresh = tokens.grant(domain);
        let exchanged = tokens.exchange(domain, &settings, Instant::now());
        CopilotCredential { refresh, access: exchanged.token, expires_at: exchanged.expires_at }
    }

    pub(in crate::sandbox) fn pending_user_codes(&self) -> Vec<PendingUserCode> {
        self.ledger.lock().github.devices.pending(Instant::now())
    }
}
