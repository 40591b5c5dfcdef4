//! What runs a flow: the core that is linked in, or one in a module.
//!
//! ```text
//!   driver ─▶ engine ─┬─▶ pi_auth_core::flow::Flow
//!                     └─▶ engine/module ─▶ engine/instance     with the feature `wasm-core`
//! ```

#[cfg(feature = "wasm-core")]
pub(crate) mod instance;
#[cfg(feature = "wasm-core")]
pub(crate) mod module;

use pi_auth_core::flow::{Effect, Event, Flow, Request};

#[cfg(feature = "wasm-core")]
use self::module::ModuleFlow;
#[cfg(feature = "wasm-core")]
use self::module::WasmCore;

/// Where the decisions are made.
#[derive(Clone, Debug, Default)]
pub(crate) enum Core {
    /// In this program.
    #[default]
    Native,
    /// In a module.
    #[cfg(feature = "wasm-core")]
    Wasm(WasmCore),
}

/// One job under way, wherever it is decided; used as a [`Flow`] is.
pub(crate) enum Engine {
    Native(Flow),
    #[cfg(feature = "wasm-core")]
    Wasm(ModuleFlow),
}

impl Engine {
    /// Begins a job.
    pub(crate) fn start(core: &Core, request: Request) -> (Self, Effect) {
        match core {
            Core::Native => {
                let (flow, effect) = Flow::start(request);
                (Self::Native(flow), effect)
            }
            #[cfg(feature = "wasm-core")]
            Core::Wasm(core) => {
                let (flow, effect) = core.start(&request);
                (Self::Wasm(flow), effect)
            }
        }
    }

    /// [`Flow::step`]. A module that fails ends the job like anything else: with
    /// [`Effect::Failed`].
    pub(crate) fn step(&mut self, event: Event, now_ms: u64) -> Effect {
        match self {
            Self::Native(flow) => flow.step(event, now_ms),
            #[cfg(feature = "wasm-core")]
            Self::Wasm(flow) => flow.step(&event, now_ms),
        }
    }

    /// [`Flow::is_critical`].
    pub(crate) fn is_critical(&self) -> bool {
        match self {
            Self::Native(flow) => flow.is_critical(),
            #[cfg(feature = "wasm-core")]
            Self::Wasm(flow) => flow.is_critical(),
        }
    }
}
