//! Copilot's models, once the login is stored: which there are, consent to those that nobody has
//! decided on, and the list of those that may be used, kept with the login.
//!
//! ```text
//!   Http (list) ─▶ Http (consent), one after another ─▶ save::Save
//! ```
//!
//! Nothing here can fail a login: whatever goes wrong ends it with a note.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::credential::Credential;
use crate::flow::save::{Edit, Save};
use crate::flow::{Effect, Event, Turn};
use crate::http::Response;
use crate::provider::Provider;
use crate::provider::github_copilot;
use crate::provider::github_copilot::models::{self, Model, Policy};
use crate::secret::Secret;

/// What is known so far.
#[derive(Debug)]
pub(in crate::flow) struct Models {
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
    /// Consenting to the first of these.
    Enabling(Vec<String>),
    Saving(Box<Save>),
}

impl Models {
    pub(super) fn start(provider: &Provider, credential: Credential) -> Turn<Self, Vec<String>> {
        let token = credential.access.unwrap_or_default();
        let effect = Effect::Http {
            request: models::list(provider, &token),
            activity: "Looking up the models".into(),
            countdown: None,
        };
        let refresh = credential.refresh.unwrap_or_default();
        let (usable, notes) = (Vec::new(), Vec::new());
        let (until_ms, step) = (u64::MAX, Step::Listing);
        Turn::Ask(Models { refresh, token, usable, notes, until_ms, step }, effect)
    }

    /// Ends with what to tell.
    pub(super) fn step(
        self,
        provider: &Provider,
        event: Event,
        now_ms: u64,
    ) -> Turn<Self, Vec<String>> {
        let Models { refresh, token, usable, notes, until_ms, step } = self;
        let models = Models { refresh, token, usable, notes, until_ms, step: Step::Listing };
        match (step, event) {
            (Step::Saving(save), event) => models.saving(save.step(event, now_ms)),
            (Step::Listing, Event::Response(response)) => match models::listed(&response, now_ms) {
                Ok(list) => models.listed(provider, list, now_ms),
                Err(cause) => {
                    let sent = [models.token.clone(), models.refresh.clone()];
                    models.not_listed(&cause.without(&sent).to_string())
                }
            },
            (Step::Listing, Event::TransportFailed { failure }) => {
                models.not_listed(&failure.to_string())
            }
            (Step::Listing, Event::Cancelled) => models.not_listed("it was not waited for"),
            (Step::Enabling(waiting), Event::Response(response)) => {
                models.answered(provider, waiting, &response, now_ms)
            }
            (Step::Enabling(_), Event::TransportFailed { failure }) => {
                models.interrupted(provider, &failure.to_string())
            }
            // Nothing more is begun for somebody who wants to leave, not even a write.
            (Step::Enabling(_), Event::Cancelled) => models.not_listed("it was not waited for"),
            (_, event) => Turn::unexpected(event, "read"),
        }
    }

    fn listed(
        mut self,
        provider: &Provider,
        list: Vec<Model>,
        now_ms: u64,
    ) -> Turn<Self, Vec<String>> {
        self.until_ms = now_ms.saturating_add(PATIENCE_MS);
        let mut waiting = Vec::new();
        for model in list {
            match model.policy {
                Policy::Enabled => self.usable.push(model.id),
                Policy::Unconfigured => waiting.push(model.id),
                Policy::Disabled => {}
            }
        }
        self.enable(provider, waiting, now_ms)
    }

    /// One after another: many at once earn a 429, which would stop them all.
    fn enable(
        self,
        provider: &Provider,
        waiting: Vec<String>,
        now_ms: u64,
    ) -> Turn<Self, Vec<String>> {
        let Some(id) = waiting.first() else { return self.save(provider) };
        if now_ms >= self.until_ms {
            return self.interrupted(provider, "it takes too long");
        }
        let effect = Effect::Http {
            request: models::enable(provider, &self.token, id),
            activity: format!("Enabling the model {id}"),
            countdown: None,
        };
        Turn::Ask(Models { step: Step::Enabling(waiting), ..self }, effect)
    }

    fn answered(
        mut self,
        provider: &Provider,
        mut waiting: Vec<String>,
        response: &Response,
        now_ms: u64,
    ) -> Turn<Self, Vec<String>> {
        let id = waiting.remove(0);
        match github_copilot::rate_limit(response, now_ms) {
            Some(limited) => return self.interrupted(provider, &limited.to_string()),
            None if (200..=299).contains(&response.status) => self.usable.push(id),
            None => self.notes.push(format!(
                "The model {id} could not be enabled (HTTP {}); the others are not affected.",
                response.status
            )),
        }
        self.enable(provider, waiting, now_ms)
    }

    fn not_listed(mut self, why: &str) -> Turn<Self, Vec<String>> {
        self.notes.push(format!(
            "There is no list of your models: {why}. The login is stored and works; to try \
             again, log in once more."
        ));
        Turn::Done(self.notes)
    }

    /// Keeps what there is.
    fn interrupted(mut self, provider: &Provider, why: &str) -> Turn<Self, Vec<String>> {
        self.notes.push(format!(
            "Not every model could be enabled: {why}. The login is stored and works; to enable the \
             rest, log in once more later."
        ));
        self.save(provider)
    }

    fn save(self, provider: &Provider) -> Turn<Self, Vec<String>> {
        // To have no list is better than to have an empty one: the agent would offer no model.
        if self.usable.is_empty() {
            return Turn::Done(self.notes);
        }
        let edit = Edit::Models {
            provider: provider.id.clone(),
            refresh: self.refresh.clone(),
            ids: self.usable.clone(),
        };
        self.saving(Save::start(edit, String::new()))
    }

    fn saving(mut self, turn: Turn<Box<Save>, String>) -> Turn<Self, Vec<String>> {
        match turn {
            Turn::Ask(save, effect) => {
                Turn::Ask(Models { step: Step::Saving(save), ..self }, effect)
            }
            Turn::Done(_) => Turn::Done(self.notes),
            Turn::Failed(error) => {
                self.notes.push(format!("The list of models could not be stored: {error}"));
                Turn::Done(self.notes)
            }
        }
    }
}
