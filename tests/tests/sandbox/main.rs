//! The sandbox is the ruler that everything else is measured with: this suite checks the ruler,
//! over real HTTP, with a client that shares no code with it.
//!
//! | file | what it claims |
//! |---|---|
//! | `authorize.rs` | the authorize page, the code page, and the robot that uses them |
//! | `tokens.rs` | the token endpoint: PKCE, single use, rotation, revocation |
//! | `device.rs`, `polls.rs` | the device grant, and the interval that is in force |
//! | `copilot.rs`, `chat.rs`, `messages.rs` | what a token is for: the exchange, models, chat, messages |
//! | `faults.rs` | each fault does what its name says, once, and nothing else |
//! | `internet.rs` | real addresses, a proxy, TLS, and a sandbox at the end of it |
//! | `control.rs` | the handle and the control plane, on which other tests stand |
//!
//! `client.rs` and `device_client.rs` are the clients.
#![allow(clippy::unwrap_used, clippy::panic)]

mod authorize;
mod chat;
mod client;
mod control;
mod copilot;
mod device;
mod device_client;
mod faults;
mod internet;
mod messages;
mod polls;
mod tokens;
