//! A stored login as a whole, for programs that deal in credentials: reading one, and storing one that
//! they have from elsewhere.
//!
//! ```text
//!   ReadStore ─▶ Done
//!   ProbeStore ─▶ LockStore ─▶ ReadStore ─▶ WriteStore ─▶ Done
//! ```

use alloc::boxed::Box;
use alloc::string::String;

use super::read::Read;
use super::save::{Edit, Save};
use super::{Effect, Event, Output, Store, Turn};
use crate::credential::Credential;
use crate::json::{Exposed, FromJson, Json, Raw, ToJson, Wrong, members_of, object};

/// A wish to have the stored login of a provider.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename = "ReadCredentialRequest"))]
pub struct ReadRequest {
    /// The provider's id, whether this program knows it or not.
    pub provider: String,
}

object! { ReadRequest { provider } }

/// A wish to store a login. Whatever was stored for that provider is replaced whole.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename = "WriteCredentialRequest"))]
pub struct WriteRequest {
    /// The provider's id, whether this program knows it or not.
    pub provider: String,
    /// The login.
    pub credential: Login,
}

object! { WriteRequest { provider, credential: secret } }

/// A login as the file has it: an object with `refresh` and `access` (texts), `expires` (in epoch
/// milliseconds, five minutes before the access token really expires), and whatever else belongs to
/// it.
///
/// The agent takes no file in which one entry is of another shape, so none is stored.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(
    test,
    ts(
        rename = "StoredLogin",
        type = "{ type?: string, refresh: string, access: string, expires: number, [name: string]: unknown }"
    )
)]
pub struct Login(Raw);

impl FromJson for Login {
    fn read(json: Option<Json<'_>>, wrong: &mut Wrong) -> Self {
        let json = members_of(json, wrong);
        let has_text = |name| json.get(name).is_some_and(|it| it.string().is_some());
        let has_time = json.get("expires").is_some_and(|it| it.whole().is_some());
        if !(has_text("refresh") && has_text("access") && has_time) {
            wrong.note();
        }
        Login(Raw::of(json))
    }
}

impl ToJson for Exposed<'_, Login> {
    fn write(&self, json: &mut String) {
        Exposed(&self.0.0).write(json);
    }
}

impl ReadRequest {
    pub(super) fn start(self) -> Turn<State> {
        let (read, effect) = Read::start();
        Turn::Ask(State::Reading(self.provider, read), effect)
    }
}

impl WriteRequest {
    pub(super) fn start(self) -> Turn<State> {
        // It makes the directory, and finds out before anything is changed whether anything can be.
        Turn::Ask(State::Probing(self), Effect::ProbeStore)
    }

    fn edit(self) -> Edit {
        let entry = self.credential.0.json();
        let known = ["type", "refresh", "access", "expires", "enterpriseUrl"];
        let others = entry.members().filter_map(|(name, value)| {
            let name = name.filter(|name| !known.contains(&name.as_str()))?;
            Some((name, value.text().into()))
        });
        let (credential, others) = (Credential::of(entry), others.collect());
        Edit::Given { provider: self.provider, credential, others }
    }
}

#[derive(Debug)]
pub(super) enum State {
    Reading(String, Read),
    Probing(WriteRequest),
    Saving(Box<Save>),
}

impl State {
    pub(super) fn step(self, event: Event, now_ms: u64) -> Turn<State> {
        match (self, event) {
            (State::Reading(provider, read), event) => match read.step(event) {
                Turn::Ask(read, effect) => Turn::Ask(State::Reading(provider, read), effect),
                Turn::Done(Store { path, document }) => {
                    let credential = document.login(&provider);
                    Turn::Done(Output::Credential { credential, path })
                }
                Turn::Failed(error) => Turn::Failed(error),
            },
            (State::Probing(request), Event::StoreRead { path, contents }) => {
                match Store::parse(path, contents) {
                    Err(corrupt) => Turn::Failed(corrupt),
                    Ok(store) => saving(Save::start(request.edit(), store.path)),
                }
            }
            (State::Saving(save), event) => saving(save.step(event, now_ms)),
            (_, event) => Turn::unexpected(event, "write"),
        }
    }
}

fn saving(turn: Turn<Box<Save>, String>) -> Turn<State> {
    match turn {
        Turn::Ask(save, effect) => Turn::Ask(State::Saving(save), effect),
        Turn::Done(path) => Turn::Done(Output::CredentialWritten { path }),
        Turn::Failed(error) => Turn::Failed(error),
    }
}
