//! Access and refresh tokens: rotation, families, revocation.
//!
//! All tokens that descend from one login are a family. A refresh token is good once when rotation
//! is on; presented again, somebody has stolen it or a client has lost its place, and nobody can
//! tell which: the whole family is revoked (RFC 9700 section 4.14.2).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::random::random;
use super::refusal::Refusal;

/// A pair of tokens, as a login would have obtained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The access token, `sk-ant-oat01-...`.
    pub access: String,
    /// The refresh token, `sk-ant-ort01-...`.
    pub refresh: String,
    /// How long the access token is good for, in seconds.
    pub expires_in: u64,
    /// What it was issued for, separated by spaces.
    pub scope: String,
}

/// All tokens that descend from one login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FamilyId(usize);

#[derive(Debug, Default)]
pub(super) struct Tokens {
    families: Vec<Family>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
}

#[derive(Debug)]
struct Family {
    scope: String,
    revoked: bool,
}

#[derive(Debug)]
struct Access {
    family: FamilyId,
    /// None when it lies beyond what a clock can count to.
    expires: Option<Instant>,
}

#[derive(Debug)]
struct Refresh {
    family: FamilyId,
    rotated_out: bool,
}

impl Tokens {
    /// Begins a family.
    pub(super) fn begin(
        &mut self,
        scope: &str,
        now: Instant,
        lifetime_s: u64,
    ) -> (FamilyId, Credential) {
        self.families.push(Family { scope: scope.to_owned(), revoked: false });
        let family = FamilyId(self.families.len() - 1);
        let refresh = self.mint_refresh(family);
        (family, self.credential(family, refresh, now, lifetime_s))
    }

    /// Grants a refresh. With `rotate` the token presented is good no more, and a new one is.
    pub(super) fn refresh(
        &mut self,
        presented: &str,
        rotate: bool,
        now: Instant,
        lifetime_s: u64,
    ) -> Result<Credential, Refusal> {
        let Some(known) = self.refresh.get_mut(presented) else {
            return Err(Refusal::invalid_grant("the refresh token is unknown"));
        };
        let family = known.family;
        if self.families[family.0].revoked {
            return Err(Refusal::invalid_grant("the refresh token was revoked"));
        }
        if known.rotated_out {
            self.revoke(family);
            let why = "a refresh token that had been rotated out was used again";
            return Err(Refusal::invalid_grant(why).and_revoked());
        }
        known.rotated_out = rotate;
        let refresh = if rotate { self.mint_refresh(family) } else { presented.to_owned() };
        Ok(self.credential(family, refresh, now, lifetime_s))
    }

    /// The family of a token, be it an access token or a refresh token.
    pub(super) fn family_of(&self, token: &str) -> Option<FamilyId> {
        let access = self.access.get(token).map(|known| known.family);
        access.or_else(|| self.refresh.get(token).map(|known| known.family))
    }

    pub(super) fn revoke(&mut self, family: FamilyId) {
        self.families[family.0].revoked = true;
    }

    pub(super) fn revoke_all(&mut self) {
        for family in &mut self.families {
            family.revoked = true;
        }
    }

    pub(super) fn is_valid_access(&self, access_token: &str, now: Instant) -> bool {
        self.access.get(access_token).is_some_and(|known| {
            known.expires.is_none_or(|end| now < end) && !self.families[known.family.0].revoked
        })
    }

    pub(super) fn is_valid_refresh(&self, refresh_token: &str) -> bool {
        self.refresh
            .get(refresh_token)
            .is_some_and(|known| !known.rotated_out && !self.families[known.family.0].revoked)
    }

    fn mint_refresh(&mut self, family: FamilyId) -> String {
        let token = format!("sk-ant-ort01-{}", random());
        self.refresh.insert(token.clone(), Refresh { family, rotated_out: false });
        token
    }

    fn credential(
        &mut self,
        family: FamilyId,
        refresh: String,
        now: Instant,
        lifetime_s: u64,
    ) -> Credential {
        let access = format!("sk-ant-oat01-{}", random());
        let expires = now.checked_add(Duration::from_secs(lifetime_s));
        self.access.insert(access.clone(), Access { family, expires });
        let scope = self.families[family.0].scope.clone();
        Credential { access, refresh, expires_in: lifetime_s, scope }
    }
}
