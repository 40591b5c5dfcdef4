//! A real OAuth server that others wrote: npm `oidc-provider`, certified, in a process of its own.
//!
//! | file | what is in it |
//! |---|---|
//! | `server.rs` | the process: started, asked what happened, told what to spoil, ended |
//! | `settings.rs` | what a test may spoil |
//! | `log.rs` | what happened, in order |
//! | `client.rs` | its endpoints, called as plainly as can be |
//! | `person/` | the person with a browser: logs in, consents, enters a code, or says no |
//!
//! The sandbox plays a provider as we have understood it; this one was written by people who have
//! never heard of us. It rotates refresh tokens, and one that comes back takes the whole login with
//! it. What runs is `tests/oidc-server/`, pinned by its lock file. It needs Node.js with npm, and
//! the npm registry once.
//!
//! Its tokens are fake, so they are logged in full.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops and says why"
)]

mod client;
mod log;
pub mod person;
mod server;
mod settings;

pub use client::{CLIENT_ID, Pkce, SCOPES, Tokens};
pub use log::{Entry, Kind};
pub use server::Server;
pub use settings::Settings;
