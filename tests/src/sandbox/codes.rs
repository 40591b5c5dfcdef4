//! Authorization codes, from the authorize page to the one exchange (RFC 6749 section 4.1).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::random::random;
use super::refusal::Refusal;
use super::tokens::FamilyId;

/// What the client asked for when it sent the person to the authorize page. All of it is checked.
#[derive(Debug, Clone)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) state: String,
    pub(super) code_challenge: String,
}

/// What the client presents to have a code exchanged (RFC 6749 section 4.1.3, RFC 7636 section
/// 4.5, and Anthropic's own `state`).
#[derive(Debug)]
pub(super) struct Presented<'a> {
    pub(super) client_id: &'a str,
    pub(super) code: &'a str,
    pub(super) state: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) code_verifier: &'a str,
}

/// A code that will not be exchanged.
#[derive(Debug)]
pub(super) enum Rejected {
    /// It was used before. The tokens issued from it are to be revoked (RFC 6749 section 4.1.2).
    Replayed(Option<FamilyId>),
    /// Anything else.
    Refused(Refusal),
}

#[derive(Debug, Default)]
pub(super) struct Codes {
    undecided: HashMap<String, AuthorizationRequest>,
    issued: HashMap<String, Issued>,
}

#[derive(Debug)]
struct Issued {
    request: AuthorizationRequest,
    /// None when it lies beyond what a clock can count to.
    expires: Option<Instant>,
    used: Option<Used>,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    /// The tokens it was exchanged for; none when that exchange was refused.
    family: Option<FamilyId>,
}

impl Codes {
    /// Keeps a request until the person decides; gives the id for the form.
    pub(super) fn ask(&mut self, request: AuthorizationRequest) -> String {
        let id = random();
        self.undecided.insert(id.clone(), request);
        id
    }

    /// The person decided: the request is there once.
    pub(super) fn decide(&mut self, id: &str) -> Option<AuthorizationRequest> {
        self.undecided.remove(id)
    }

    /// Issues a code for a request the person approved.
    pub(super) fn issue(
        &mut self,
        request: AuthorizationRequest,
        now: Instant,
        lifetime_s: u64,
    ) -> String {
        let code = random();
        let expires = now.checked_add(Duration::from_secs(lifetime_s));
        self.issued.insert(code.clone(), Issued { request, expires, used: None });
        code
    }

    /// Takes a code for what it is worth, and gives the scope that was approved. It is spent by the
    /// attempt, right or wrong: a verifier cannot be guessed in two tries, and a client that tries
    /// again with another redirect URI is found out.
    pub(super) fn redeem(
        &mut self,
        presented: &Presented<'_>,
        now: Instant,
    ) -> Result<String, Rejected> {
        let refuse = |why: &str| Err(Rejected::Refused(Refusal::invalid_grant(why)));
        let Some(issued) = self.issued.get_mut(presented.code) else {
            return refuse("the code is unknown");
        };
        if let Some(Used { family }) = issued.used {
            return Err(Rejected::Replayed(family));
        }
        issued.used = Some(Used { family: None });
        let request = &issued.request;
        if issued.expires.is_some_and(|end| now >= end) {
            return refuse("the code has expired");
        }
        if presented.client_id != request.client_id {
            return refuse("the code was issued to another client");
        }
        if presented.redirect_uri != request.redirect_uri {
            return refuse("the redirect_uri is not the one of the authorization request");
        }
        if presented.state != request.state {
            return refuse("the state is not the one of the authorization request");
        }
        if !is_verifier(presented.code_verifier) {
            return refuse("the code_verifier is not 43 to 128 unreserved characters");
        }
        if challenge_of(presented.code_verifier) != request.code_challenge {
            return refuse("the code_verifier does not match the code_challenge");
        }
        Ok(request.scope.clone())
    }

    /// Remembers what a code was exchanged for.
    pub(super) fn exchanged(&mut self, code: &str, family: FamilyId) {
        if let Some(issued) = self.issued.get_mut(code) {
            issued.used = Some(Used { family: Some(family) });
        }
    }
}

/// RFC 7636 section 4.1.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// RFC 7636 section 4.2, method S256.
fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}
