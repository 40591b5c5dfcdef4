//! The module as a whole: what both doors lead to.

use alloc::string::String;

use crate::answer::{self, Problem};
use crate::buffers::Buffers;
use crate::call;
use crate::registry::Registry;

/// The version of the raw ABI.
pub const RAW_VERSION: u32 = 1;

/// The state of one instance.
#[derive(Default)]
pub struct Module {
    /// The flows, which both doors share.
    pub registry: Registry,
    /// What the raw door has lent.
    pub buffers: Buffers,
}

/// An answer in a buffer: its address, and its length.
pub type Lent = (usize, usize);

impl Module {
    /// A module that has done nothing yet.
    pub const fn new() -> Self {
        Module { registry: Registry::new(), buffers: Buffers::new() }
    }

    /// [`Registry::start`] with a request in a buffer.
    pub fn start(&mut self, address: usize, len: usize) -> Lent {
        let answer = match self.buffers.text(address, len) {
            Some(request) => self.registry.start(request),
            None => answer::problem(&Problem::buffer()),
        };
        self.lend(answer)
    }

    /// [`Registry::step`] with an event in a buffer.
    pub fn step(&mut self, handle: u32, address: usize, len: usize, now_ms: u64) -> Lent {
        let answer = match self.buffers.text(address, len) {
            Some(event) => self.registry.step(handle, event, now_ms),
            None => answer::problem(&Problem::buffer()),
        };
        self.lend(answer)
    }

    /// [`call::call`] with a call in a buffer.
    pub fn call(&mut self, address: usize, len: usize) -> Lent {
        let answer = match self.buffers.text(address, len) {
            Some(call) => call::call(call),
            None => answer::problem(&Problem::buffer()),
        };
        self.lend(answer)
    }

    fn lend(&mut self, answer: String) -> Lent {
        let len = answer.len();
        (self.buffers.lend_text(answer), len)
    }
}
