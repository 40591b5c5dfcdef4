//! The OAuth core of pi-auth: every decision, and no I/O at all.
//!
//! This crate has no socket, no file, no clock and no random source. Every job is a [`flow::Flow`]:
//! a value that answers each [`flow::Event`] with the next [`flow::Effect`], which a host performs.
//!
//! ```text
//!   flow/          the jobs, and what they share: machine, files, open, read, save, discovery
//!     login/         authorization_code, device_code; copilot and its models
//!     token/         refresh; exchange of a variable's token    headers: the same, to be sent
//!     logout/        revocation                                 status;  credential, as a whole
//!     endpoints      where each login would be refreshed, for a host that only looks
//!     witness        where a core in a module may send what, for a host that holds it to that
//!   oauth/         the standards, over a client: pkce (RFC 7636), authorization and token
//!                  (RFC 6749), paste, device (RFC 8628), metadata (RFC 8414), revocation (RFC 7009),
//!                  endpoint
//!   provider       providers as data: anthropic, github_copilot/, and the overrides file
//!   store/         the rules of the shared files: document (the credential file as text), credential
//!                  (a login and its expiry), access (whose files are trusted), lock, migration,
//!                  backoff (failures that are remembered), names
//!   resolve        which key wins; headers  how a request carries it; environment  what is set
//!   key            a key and its source
//!   http           requests and responses as plain data;  json  JSON that others wrote
//!   secret, error, text  what must not be shown, and what is;  digest  how tokens are recognized
//!   callback       what the server lets in that a browser comes back to, and its pages
//!   browser        which programs open a page;  sensitive  what is a token by its looks
//! ```
//!
//! A host's whole loop:
//!
//! ```
//! use pi_auth_core::environment::Environment;
//! use pi_auth_core::flow::{Effect, Event, Flow, Request, status};
//!
//! let request = Request::Status(status::StatusRequest { environment: Environment::default() });
//! let (mut flow, mut effect) = Flow::start(request);
//! let output = loop {
//!     let event = match effect {
//!         Effect::Done { output } => break output,
//!         Effect::Failed { error } => panic!("{error} {}", error.advice()),
//!         // A real host would read the files here.
//!         Effect::ReadOverrides => {
//!             Event::OverridesRead { path: "o".into(), contents: None, access: None }
//!         },
//!         Effect::ReadStore => {
//!             Event::StoreRead { path: "s".into(), contents: None, access: None }
//!         },
//!         other => panic!("not needed for an empty store: {other:?}"),
//!     };
//!     effect = flow.step(event, 1_700_000_000_000);
//! };
//! # let _ = output;
//! ```

#![cfg_attr(not(test), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;

pub mod browser;
pub mod callback;
mod digest;
pub mod environment;
pub mod error;
pub mod flow;
pub mod headers;
pub mod http;
pub mod json;
pub mod key;
pub mod oauth;
pub mod provider;
pub mod resolve;
pub mod secret;
pub mod sensitive;
pub mod store;
pub mod text;
#[cfg(test)]
mod typescript;
