//! The real `pi` at a real OAuth server that others wrote, as a provider of one's own.
//!
//! | file | what it claims |
//! |---|---|
//! | `server.rs` | the server is as strict as it is said to be, or the rest would prove nothing |
//! | `login.rs` | ways in by authorization code: callback, paste; and what must not be one |
//! | `discovery.rs` | metadata: where they are looked for, and what is not believed |
//! | `device.rs` | the way in by device code |
//! | `token.rs` | refreshes with rotation, and what becomes of a login without a lock |
//! | `logout.rs` | ways out, with the server's word for it and without |
//! | `acme.rs` | what the tests share: the provider's entry in the override file, its logins |
#![allow(clippy::unwrap_used, clippy::panic)]

mod acme;
mod device;
mod discovery;
mod login;
mod logout;
mod server;
mod token;
