//! GitHub tokens, which last until they are revoked, and the Copilot tokens that they are exchanged
//! for. A Copilot token outlives the GitHub token that it came from: it says all of itself.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::settings::GithubSettings;
use crate::sandbox::random::{random, random_of};

const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEXADECIMAL: &[u8] = b"0123456789abcdef";

/// What is stored of a login at Copilot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopilotCredential {
    /// The GitHub token, `ghu_...`: what a refresh presents.
    pub refresh: String,
    /// The Copilot token, `tid=...`.
    pub access: String,
    /// When the Copilot token expires, in epoch seconds.
    pub expires_at: u64,
}

#[derive(Debug, Default)]
pub(in crate::sandbox) struct Tokens {
    github: HashMap<String, Github>,
    copilot: HashMap<String, Copilot>,
}

#[derive(Debug)]
struct Github {
    domain: String,
    revoked: bool,
}

#[derive(Debug)]
struct Copilot {
    domain: String,
    /// None when it lies beyond what a clock can count to.
    expires: Option<Instant>,
    revoked: bool,
}

/// A Copilot token, and what the answer says of its end in epoch seconds.
#[derive(Debug)]
pub(super) struct Exchanged {
    pub(super) token: String,
    pub(super) expires_at: u64,
}

impl Tokens {
    pub(super) fn grant(&mut self, domain: &str) -> String {
        let token = format!("ghu_{}{}", random_of(ALPHANUMERIC, 18), random_of(ALPHANUMERIC, 18));
        self.github.insert(token.clone(), Github { domain: domain.to_owned(), revoked: false });
        token
    }

    pub(super) fn exchange(
        &mut self,
        domain: &str,
        settings: &GithubSettings,
        now: Instant,
    ) -> Exchanged {
        let lifetime_s = settings.copilot_lifetime_s;
        let end_s = epoch_s().saturating_add(lifetime_s);
        let proxy_ep = match domain {
            "github.com" => &settings.proxy_ep,
            _ => &settings.enterprise_proxy_ep,
        };
        let proxy_ep = proxy_ep.as_ref().map_or(String::new(), |host| format!("proxy-ep={host};"));
        let token = format!(
            "tid={};exp={end_s};sku=monthly_subscriber;{proxy_ep}st=dotcom;chat=1;8kp=1:{}",
            random_of(HEXADECIMAL, 32),
            random(),
        );
        let expires = now.checked_add(Duration::from_secs(lifetime_s));
        let domain = domain.to_owned();
        self.copilot.insert(token.clone(), Copilot { domain, expires, revoked: false });
        Exchanged { token, expires_at: end_s.saturating_add_signed(settings.expires_at_skew_s) }
    }

    pub(in crate::sandbox) fn is_valid_github(&self, domain: &str, token: &str) -> bool {
        self.github.get(token).is_some_and(|known| known.domain == domain && !known.revoked)
    }

    pub(in crate::sandbox) fn is_valid_copilot(
        &self,
        domain: &str,
        token: &str,
        now: Instant,
    ) -> bool {
        self.copilot.get(token).is_some_and(|known| {
            known.domain == domain && !known.revoked && known.expires.is_none_or(|end| now < end)
        })
    }

    /// Revokes one token of either kind; says whether there was such a token.
    pub(in crate::sandbox) fn revoke(&mut self, token: &str) -> bool {
        let github = self.github.get_mut(token).map(|known| &mut known.revoked);
        let copilot = self.copilot.get_mut(token).map(|known| &mut known.revoked);
        github.or(copilot).map(|revoked| *revoked = true).is_some()
    }

    pub(in crate::sandbox) fn revoke_all(&mut self) {
        self.github.values_mut().for_each(|known| known.revoked = true);
        self.copilot.values_mut().for_each(|known| known.revoked = true);
    }
}

fn epoch_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
