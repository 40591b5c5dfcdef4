//! The sandbox is the ruler that everything else is measured with: this suite checks the ruler, over
//! real HTTP, with a client that shares no code with it.
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
