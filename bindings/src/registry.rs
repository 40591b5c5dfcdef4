//! The flows that are under way, by number.

use alloc::string::String;
use alloc::vec::Vec;

use pi_auth_core::flow::Flow;
use pi_auth_core::json::from_str;

use crate::answer::{self, Problem};

/// The flows of one instance of the module.
#[derive(Default)]
pub struct Registry {
    /// A handful at most: searched from end to end.
    flows: Vec<(u32, Flow)>,
    last: u32,
}

impl Registry {
    /// A registry without flows.
    pub const fn new() -> Self {
        Registry { flows: Vec::new(), last: 0 }
    }

    /// Begins a flow; `request` and the answer are JSON.
    pub fn start(&mut self, request: &str) -> String {
        let request = match from_str(request) {
            Ok(request) => request,
            Err(error) => return answer::problem(&Problem::json("a request", &error)),
        };
        let (flow, effect) = Flow::start(request);
        if effect.is_last() {
            return answer::step(None, false, &effect);
        }
        // Four billion flows are more than a process lives to see.
        self.last = self.last.saturating_add(1);
        let answer = answer::step(Some(self.last), flow.is_critical(), &effect);
        self.flows.push((self.last, flow));
        answer
    }

    /// Hands an event over; `event` and the answer are JSON. `now_ms` is in epoch milliseconds.
    pub fn step(&mut self, handle: u32, event: &str, now_ms: u64) -> String {
        let Some(at) = self.flows.iter().position(|(it, _)| *it == handle) else {
            return answer::problem(&Problem::handle(handle));
        };
        let event = match from_str(event) {
            Ok(event) => event,
            Err(error) => return answer::problem(&Problem::json("an event", &error)),
        };
        let flow = &mut self.flows[at].1;
        let effect = flow.step(event, now_ms);
        if effect.is_last() {
            self.flows.swap_remove(at);
            return answer::step(None, false, &effect);
        }
        answer::step(Some(handle), flow.is_critical(), &effect)
    }

    /// Gives a flow up, if there is such a one.
    pub fn drop(&mut self, handle: u32) {
        self.flows.retain(|(it, _)| *it != handle);
    }

    /// How many flows are under way.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Returns whether none is.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }
}
