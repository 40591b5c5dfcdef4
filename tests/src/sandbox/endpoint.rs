//! The endpoints that can be told to misbehave, and what is in store for each.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::arrival::Arrival;
use super::fault::Fault;
use super::log::Kind;
use super::state::State;

/// How often an answer that is kept back looks whether it is let go.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// An endpoint with a queue of faults and a delay of its own. In JSON it is its name:
/// `"device_poll"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Anthropic's token endpoint.
    Token,
    /// Anthropic's messages.
    Messages,
    /// GitHub's device authorization endpoint.
    DeviceAuthorization,
    /// GitHub's token endpoint, which a device polls.
    DevicePoll,
    /// Where a GitHub token is exchanged for a Copilot token.
    CopilotToken,
    /// Copilot's list of models.
    Models,
    /// Where the policy of one model is accepted.
    Policy,
    /// Copilot's chat completions.
    Chat,
}

/// The faults that no request has met yet.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<Endpoint, VecDeque<Fault>>);

impl Faults {
    pub(super) fn queue(&mut self, endpoint: Endpoint, faults: impl IntoIterator<Item = Fault>) {
        self.0.entry(endpoint).or_default().extend(faults);
    }

    pub(super) fn pending(&self, endpoint: Endpoint) -> Vec<Fault> {
        self.0.get(&endpoint).into_iter().flatten().cloned().collect()
    }

    pub(super) fn clear(&mut self, endpoint: Endpoint) {
        self.0.remove(&endpoint);
    }

    pub(super) fn clear_all(&mut self) {
        self.0.clear();
    }

    fn next(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.0.get_mut(&endpoint)?.pop_front()
    }
}

impl State {
    /// Takes the next fault that is in store for this endpoint, and logs that this request met it.
    pub(super) fn meet_fault(&self, endpoint: Endpoint, arrival: &Arrival) -> Option<Fault> {
        let fault = self.faults.lock().next(endpoint)?;
        self.log.record(Kind::Fault { name: fault.name() }, &arrival.received);
        Some(fault)
    }

    /// Answers with the next fault in place of what `serve` would do, or spoils what it did; and
    /// keeps the answer back for as long as the settings say.
    pub(super) async fn serve(
        &self,
        endpoint: Endpoint,
        arrival: &Arrival,
        serve: impl FnOnce() -> Response,
    ) -> Response {
        let fault = self.meet_fault(endpoint, arrival);
        self.serve_into(fault, endpoint, serve).await
    }

    /// The same, for a fault that was taken already.
    pub(super) async fn serve_into(
        &self,
        fault: Option<Fault>,
        endpoint: Endpoint,
        serve: impl FnOnce() -> Response,
    ) -> Response {
        let instead = match &fault {
            Some(fault) => fault.in_place_of_answer().await,
            None => None,
        };
        // What is granted is granted at once: a client that gives up has lost the answer only.
        let response = instead.unwrap_or_else(serve);
        self.keep_back(endpoint).await;
        match fault {
            Some(fault) => fault.spoil(response).await,
            None => response,
        }
    }

    /// As long as the settings say, and they may say less meanwhile.
    async fn keep_back(&self, endpoint: Endpoint) {
        let began = Instant::now();
        let left = || {
            let delay = Duration::from_millis(self.settings().delay_ms(endpoint));
            delay.checked_sub(began.elapsed()).filter(|left| !left.is_zero())
        };
        while let Some(left) = left() {
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
    }
}
