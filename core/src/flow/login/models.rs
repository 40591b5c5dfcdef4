//! Copilot's models, once the login is stored: which there are, consent to those that nobody has
//! decided on, and the list of those that may be used, kept with the login.
//!
//! ```text
//!   Http (list) ─▶ Http (consent), one after another ─▶ save::Save
//! ```
//!
//! Nothing here can fail a login: whatever goes wrong ends it with a note.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use crate::flow::machine::{StepResult, Yield, ask, unexpected};
use crate::flow::save::{Edit, Save};
use crate::flow::{Effect, Event};
use crate::http::HttpResponse;
use crate::oauth::endpoint;
use crate::provider::Provider;
use crate::provider::github_copilot::models;
use crate::secret::Secret;
use crate::store::credential::Credential;

/// What is known so far.
#[derive(Debug)]
pub(in crate::flow) struct Models {
    provider: Arc<Provider>,
    /// The GitHub token, by which the login is found again in the file.
    refresh: Secret,
    token: Secret,
    /// The models that may be used.
    usable: Vec<String>,
    notes: Vec<String>,
    /// When patience ends, in epoch milliseconds; known with the first answer.
    until_ms: u64,
    step: Step,
}

/// How long consent to models may take, in milliseconds: there may be many, and slow ones.
const PATIENCE_MS: u64 = 60_000;

#[derive(Debug)]
enum Step {
    Listing,
    /// Consenting to the last of these.
    Enabling(Vec<String>),
    Saving(Save),
}

impl Models {
    pub(super) fn new(provider: Arc<Provider>, credential: Credential) -> Self {
        Models {
            provider,
            refresh: credential.refresh.unwrap_or_default(),
            token: credential.access.unwrap_or_default(),
            usable: Vec::new(),
            notes: Vec::new(),
            until_ms: u64::MAX,
            step: Step::Listing,
        }
    }

    pub(super) fn start(&self) -> Effect {
        let request = models::list(&self.provider, &self.token);
        Effect::http(request, "Looking up the models".into())
    }

    /// Ends with what to tell.
    pub(super) fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<Vec<String>> {
        match (&mut self.step, event) {
            (Step::Saving(save), event) => match save.step(event, now_ms) {
                Ok(_path) => self.done(),
                Err(Yield::Failed(error)) => {
                    self.note(format!("The list of models could not be stored: {error}"))
                }
                Err(ask) => Err(ask),
            },
            (Step::Listing, Event::Response(response)) => match models::listed(response, now_ms) {
                Ok(list) => self.listed(list, now_ms),
                Err(cause) => {
                    let sent = [self.token.clone(), self.refresh.clone()];
                    self.not_listed(&cause.without(&sent).to_string())
                }
            },
            (Step::Listing, Event::TransportFailed { failure }) => {
                self.not_listed(&failure.to_string())
            }
            (Step::Enabling(waiting), Event::Response(response)) => {
                let id = waiting.pop().unwrap_or_default();
                self.answered(id, response, now_ms)
            }
            (Step::Enabling(_), Event::TransportFailed { failure }) => {
                self.interrupted(&failure.to_string())
            }
            // Nothing more is begun for somebody who wants to leave, not even a write.
            (_, Event::Cancelled) => self.not_listed("it was not waited for"),
            (_, event) => Err(unexpected(event, "read").into()),
        }
    }

    fn listed(&mut self, mut list: models::Models, now_ms: u64) -> StepResult<Vec<String>> {
        self.until_ms = now_ms.saturating_add(PATIENCE_MS);
        self.usable = list.enabled;
        list.unconfigured.reverse();
        self.step = Step::Enabling(list.unconfigured);
        self.enable(now_ms)
    }

    /// One after another: many at once earn a 429, which would stop them all.
    fn enable(&mut self, now_ms: u64) -> StepResult<Vec<String>> {
        let Step::Enabling(waiting) = &self.step else { return self.save() };
        let Some(id) = waiting.last() else { return self.save() };
        if now_ms >= self.until_ms {
            return self.interrupted("it takes too long");
        }
        let request = models::enable(&self.provider, &self.token, id);
        ask(Effect::http(request, format!("Enabling the model {id}")))
    }

    fn answered(
        &mut self,
        id: String,
        response: &HttpResponse,
        now_ms: u64,
    ) -> StepResult<Vec<String>> {
        match endpoint::rate_limit(response, now_ms) {
            Some(limited) => return self.interrupted(&limited.to_string()),
            None if (200..=299).contains(&response.status) => self.usable.push(id),
            None => self.notes.push(format!(
                "The model {id} could not be enabled (HTTP {}); the others are not affected.",
                response.status
            )),
        }
        self.enable(now_ms)
    }

    fn not_listed(&mut self, why: &str) -> StepResult<Vec<String>> {
        self.note(format!(
            "There is no list of your models: {why}. The login is stored and works; to try \
             again, log in once more."
        ))
    }

    /// Keeps what there is.
    fn interrupted(&mut self, why: &str) -> StepResult<Vec<String>> {
        self.notes.push(format!(
            "Not every model could be enabled: {why}. The login is stored and works; to enable the \
             rest, log in once more later."
        ));
        self.save()
    }

    fn save(&mut self) -> StepResult<Vec<String>> {
        // To have no list is better than to have an empty one: the agent would offer no model.
        if self.usable.is_empty() {
            return self.done();
        }
        let edit = Edit::Models {
            provider: self.provider.id.clone(),
            refresh: self.refresh.clone(),
            ids: mem::take(&mut self.usable),
        };
        self.step = Step::Saving(Save::new(edit, String::new()));
        ask(Effect::LockStore)
    }

    /// Ends with one more note.
    fn note(&mut self, note: String) -> StepResult<Vec<String>> {
        self.notes.push(note);
        self.done()
    }

    fn done(&mut self) -> StepResult<Vec<String>> {
        Ok(mem::take(&mut self.notes))
    }
}
