//! What spans crates: the sandbox provider, and what a black-box test of the real binary needs.
//!
//! | module | what it plays |
//! |---|---|
//! | [`sandbox`] | the provider: a real HTTP server on loopback that can be told to misbehave |
//! | [`oidc`] | a provider that others wrote: a certified OAuth server in a process of its own |
//! | [`internet`] | the way there: a proxy and certificates, so that the real addresses lead to a sandbox |
//! | [`robot`] | the person with a browser who presses Authorize or Deny |
//! | [`loopback`] | the wire between them: one HTTP exchange with this machine, nothing in between |
//! | [`pi`] | the black box: the real binary, in a home directory of its own, with a deadline |
//!
//! Nothing here is shipped, and nothing here talks to another machine, but for the npm registry, from
//! which [`oidc`] is installed once.

pub mod internet;
pub mod loopback;
pub mod oidc;
pub mod pi;
pub mod robot;
pub mod sandbox;
