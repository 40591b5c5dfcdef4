//! A stored login as a whole, for programs that deal in credentials: reading one, and storing one
//! that they have from elsewhere.
//!
//! ```text
//!   ReadStore ─▶ Done
//!   ProbeStore ─▶ LockStore ─▶ ReadStore ─▶ WriteStore ─▶ Done
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::files::Store;
use super::machine::{Machine, StepResult, ask};
use super::read::Read;
use super::save::{Edit, Save};
use super::{Effect, Event, Output};
use crate::json::{Json, Raw};
use crate::secret::{Exposed, exposed};
use crate::store::credential::{Credential, REAL_EXPIRY};

/// Parameters of a request to read the stored login of a provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReadCredentialRequest {
    /// The provider's id, whether this program knows it or not.
    pub provider: String,
}

/// Parameters of a request to store a login. Whatever was stored for that provider is replaced whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WriteCredentialRequest {
    /// The provider's id, whether this program knows it or not.
    pub provider: String,
    /// The login.
    #[serde(serialize_with = "exposed")]
    pub credential: StoredLogin,
}

/// A login as the file has it: an object with `refresh` and `access` (texts), `expires` (in epoch
/// milliseconds, five minutes before the access token really expires), and whatever else belongs to
/// it.
///
/// The agent takes no file in which one entry is of another shape, so none is stored: a text that
/// is none, a time with a sign or a fraction, a domain that is no text.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(
    test,
    ts(
        type = "{ type?: string, refresh: string, access: string, expires: number, [name: string]: unknown }"
    )
)]
pub struct StoredLogin(Raw);

impl<'de> Deserialize<'de> for StoredLogin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::deserialize(deserializer)?;
        match is_whole(raw.json()) && is_exact(raw.json()) {
            true => Ok(StoredLogin(raw)),
            false => Err(D::Error::custom("not a login as the file has it")),
        }
    }
}

/// Returns whether an entry has all that a login has.
fn is_whole(json: Json<'_>) -> bool {
    let is_text = |name| json.get(name).and_then(Json::string).is_some();
    is_text("refresh") && is_text("access") && json.get("expires").is_some_and(Json::is_number)
}

/// Returns whether it comes back as it was given.
fn is_exact(json: Json<'_>) -> bool {
    let is_time = json.get("expires").is_some_and(|it| it.read::<u64>().is_some());
    let is_known_domain = json.get("enterpriseUrl").is_none_or(|it| it.string().is_some());
    is_time && is_known_domain && json.members().all(|(name, _)| name.is_some())
}

impl Exposed for StoredLogin {
    fn serialize_exposed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_exposed(serializer)
    }
}

/// Either of the two under way.
#[derive(Debug)]
pub(super) enum State {
    Reading(String, Read),
    /// It makes the directory, and finds out before anything is changed whether anything can be.
    Probing(WriteCredentialRequest),
    /// With what the person should know of the file.
    Saving(Save, Vec<String>),
}

impl From<ReadCredentialRequest> for State {
    fn from(request: ReadCredentialRequest) -> Self {
        State::Reading(request.provider, Read::default())
    }
}

impl From<WriteCredentialRequest> for State {
    fn from(request: WriteCredentialRequest) -> Self {
        State::Probing(request)
    }
}

/// None of it is critical: who gives a credential still has it.
impl Machine for State {
    fn start(&mut self) -> StepResult {
        ask(match self {
            State::Reading(..) => Effect::ReadStore,
            State::Probing(_) | State::Saving(..) => Effect::ProbeStore,
        })
    }

    fn step(&mut self, event: &Event, now_ms: u64) -> StepResult {
        match self {
            State::Reading(provider, read) => {
                let Store { path, document, .. } = read.step(event)?;
                let notes = Vec::from_iter(event.warning());
                let login = document.login(provider);
                let credential = login.filter(|login| is_whole(login.json()));
                Ok(Output::Credential { credential, path, notes })
            }
            State::Probing(request) => {
                let store = Store::of(event, "write")?;
                let notes = Vec::from_iter(event.warning());
                *self = State::Saving(Save::new(request.edit(), store.path), notes);
                ask(Effect::LockStore)
            }
            State::Saving(save, notes) => {
                let path = save.step(event, now_ms)?;
                Ok(Output::CredentialWritten { path, notes: mem::take(notes) })
            }
        }
    }
}

impl WriteCredentialRequest {
    fn edit(&self) -> Edit {
        let entry = self.credential.0.json();
        let known = ["type", "refresh", "access", "expires", "enterpriseUrl", REAL_EXPIRY];
        let others = entry.members().filter_map(|(name, value)| {
            let name = name.filter(|name| !known.contains(&name.as_str()))?;
            Some((name, value.text().into()))
        });
        let (credential, others) = (Credential::of(entry), others.collect());
        Edit::Given { provider: self.provider.clone(), credential, others }
    }
}
