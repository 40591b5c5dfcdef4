//! Properties that must hold of any input: a function for each fuzz target, which panics where it
//! does not.
//!
//! | target | what is made up | what must hold |
//! |---|---|---|
//! | [`paste`] | what a person pastes | it is a code of this login or is told why not, and spaces change nothing |
//! | [`callback`] | the query of a callback | only the right state counts, an error or a code, and the issuer is checked |
//! | [`request`] | requests to the callback server | what is let in is a GET of a known path under our name |
//! | [`token`] | the answer to a refresh, and the memory of failed ones | no login is lost, nobody storms, no secret is shown |
//! | [`device`] | every answer of a login by code | no poll comes too early, what is opened is where it says, it ends |
//! | [`backoff`] | the memory of failed refreshes | it puts no word on a screen, shuts nobody out for long, and fails no login |
//! | [`document`] | the credential file, and edits of it | an edit changes what it means to, and no other byte |
//! | [`overrides`] | the overrides file, and an issuer's metadata | every URL is https or this machine's, errors name the key, another issuer's ends it |
//! | [`abi`] | calls of the module | every call is answered, in JSON, and flows and buffers stay what they are |
//!
//! They go through flows, as hosts do: `world` plays the host, with files in memory and a clock
//! that only jumps, and `shown` looks at every word for people, by the table in `unseen`. An
//! `input` is a text that can be read and written by hand. The inputs are in `fuzz/`: `corpus/`
//! holds a folder for each target, `crashers/` those that once failed. `tests/replay.rs` runs all
//! of them, and `cargo xtask fuzz` looks for more.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "what does not hold is told by a panic, as fuzzers have it"
)]

pub mod abi;
pub mod backoff;
pub mod callback;
pub mod device;
pub mod document;
mod input;
pub mod overrides;
pub mod paste;
pub mod request;
mod shown;
pub mod token;
pub mod unseen;
mod world;

/// Checks one input.
pub type Check = fn(&[u8]);

/// Every target, by its name.
pub const TARGETS: [(&str, Check); 9] = [
    ("abi", abi::check),
    ("backoff", backoff::check),
    ("callback", callback::check),
    ("device", device::check),
    ("document", document::check),
    ("overrides", overrides::check),
    ("paste", paste::check),
    ("request", request::check),
    ("token", token::check),
];
