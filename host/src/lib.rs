//! The native host of pi-auth: it performs what the flows of `pi-auth-core` ask for.
//!
//! ```no_run
//! # async fn example() -> Result<(), pi_auth::Error> {
//! let auth = pi_auth::Auth::from_env()?;
//! let token = auth.token("anthropic").await?;
//! println!("{}", token.key.value.expose());
//! # Ok(())
//! # }
//! ```
//!
//! That token is fresh: if the stored one was about to expire, it has been refreshed under the same
//! locks that the agent and every other process take, and the file holds the new one.
//!
//! ```text
//!   auth         the API: token, headers, login, logout, status
//!   driver       the loop that answers effects with events
//!   engine       what decides: the core, or one in a WebAssembly module (feature `wasm-core`)
//!     engine/module, engine/instance    such a module, under limits
//!   store        the credential file: read, probe, lock, replace
//!     store/lock       the kernel's lock and the agent's lock directories
//!     store/replace    a temporary file that becomes the credential file, or vanishes
//!     store/examine    looking at all that, which keeps nothing and leaves nothing behind
//!     store/plain      opening plain files only, and making the small ones beside it
//!     store/paths      where paths lead, and making what they lead through
//!   http         requests over rustls
//!   callback     the loopback server that a browser comes back to, and its pages
//!   browser      opening one
//!   doctor       what is wrong with this machine's logins, and what mends it
//!   interaction  what a host shows to a person and asks of them
//!   directory    where the agent keeps its files
//!   clock        the system clock, as flows count time
//!   stop         a request to stop, heeded where nothing can be lost
//! ```

#![cfg(unix)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod auth;
mod browser;
mod callback;
mod clock;
mod directory;
pub mod doctor;
mod driver;
mod engine;
mod http;
mod interaction;
mod stop;
mod store;

pub use auth::{
    Auth, HeadersOptions, Job, LoggedIn, LoggedOut, LoginOptions, LogoutOptions, Token,
    TokenOptions,
};
pub use clock::now_ms;
#[cfg(feature = "wasm-core")]
pub use engine::{instance::Instance, module::WasmCore};
pub use interaction::{Answer, Interaction, Unattended};
pub use pi_auth_core::environment::Environment;
pub use pi_auth_core::error::{Code, Error, StoreFailure};
pub use pi_auth_core::flow::headers::Headers;
pub use pi_auth_core::flow::logout::{Outcome, Revocation};
pub use pi_auth_core::flow::status::{KeyState, KeyStatus, Status};
pub use pi_auth_core::flow::{Authorize, ShowCode};
pub use pi_auth_core::headers::Initiator;
pub use pi_auth_core::http::{Header, TransportFailure};
pub use pi_auth_core::json;
pub use pi_auth_core::key::{Key, KeyKind, Source};
pub use pi_auth_core::oauth::endpoint::EndpointError;
pub use pi_auth_core::oauth::paste::PasteError;
pub use pi_auth_core::provider::{BadDomain, BadOverrides, Label, Redirected};
pub use pi_auth_core::secret::Secret;
pub use pi_auth_core::store::credential::Lifetime;
pub use pi_auth_core::text::plain;
pub use stop::Stop;
