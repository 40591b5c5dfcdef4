//! Requests on their way, and their answers: they go on when whoever sent them is gone.

use crate::agent;
use crate::clock::{Clock, Ms};
use crate::disk::Pid;
use crate::mind::Mind;
use crate::odd::ODDITIES;
use crate::provider::{Answer, Ask, TROUBLES, Trouble};
use crate::world::World;

/// A request on its way, or its answer.
#[derive(Clone, Hash)]
pub(crate) struct Message {
    pub(crate) id: u32,
    pub(crate) from: Pid,
    pub(crate) ask: Ask,
    pub(crate) arrives: Ms,
    /// The answer, and when it is there.
    pub(crate) answer: Option<(Answer, Ms)>,
}

impl<M: Mind> World<M> {
    pub(crate) fn message(&self, id: u32) -> Option<&Message> {
        self.network.iter().find(|message| message.id == id)
    }

    /// Returns the troubles that a request can meet. An odd answer to the agent is its own affair.
    pub(crate) fn troubles(&self, id: u32) -> Vec<Trouble> {
        let is_ours = self.message(id).is_some_and(|message| message.from < agent::FIRST);
        let (mut troubles, budget) = (Vec::new(), self.budget);
        if budget.troubles > 0 {
            troubles.extend(TROUBLES);
        }
        if budget.odd > 0 && is_ours {
            troubles.extend(ODDITIES.map(Trouble::Odd));
        }
        troubles
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, from: Pid, ask: Ask) -> u32 {
        let id = self.messages;
        self.messages += 1;
        let arrives = self.now + self.setup.latency;
        self.network.push(Message { id, from, ask, arrives, answer: None });
        self.check_send(id, from, ask);
        id
    }

    /// A request arrives at the provider, or does not.
    pub(crate) fn arrive(&mut self, id: u32, trouble: Option<Trouble>) {
        let Some(at) = self.network.iter().position(|message| message.id == id) else { return };
        let Message { from, ask, arrives, .. } = self.network[at];
        self.now = self.now.max(arrives);
        let late = if let Some(Trouble::Late(ms)) = trouble { ms } else { 0 };
        let clock = Clock { off_by: self.jumped };
        let (answer, granted) = self.provider.handle(ask, trouble, self.now, clock);
        self.note(|| format!("the provider says {answer:?} to {ask:?} of {from}"));
        self.ledger.arrived(id, granted, &self.provider);
        self.network[at].answer = Some((answer, self.now + self.setup.latency + late));
    }

    /// The answer to a message, if it came in time.
    pub(crate) fn receive(&mut self, id: u32) -> Option<Answer> {
        let at = self.network.iter().position(|message| message.id == id)?;
        let is_there = self.network[at].answer.as_ref().is_some_and(|(_, at)| *at <= self.now);
        let answer = match is_there {
            true => self.network.swap_remove(at).answer.map(|(answer, _)| answer),
            false => None,
        };
        self.ledger.delivered(id, answer.as_ref(), self.now);
        answer
    }
}
