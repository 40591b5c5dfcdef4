//! What spans crates: the sandbox provider, and what a black-box test of the real binary needs.
//!
//! | module | what it plays |
//! |---|---|
//! | [`sandbox`] | the provider: a real HTTP server on loopback that can be told to misbehave |
//! | [`oidc`] | a provider that others wrote: a certified OAuth server in a process of its own |
//! | [`internet`] | the way there: a proxy and certificates, so that the real addresses lead to a sandbox |
//! | [`wire`] | the same without manners: bytes that no HTTP library would send, and when |
//! | [`robot`] | the person with a browser who presses Authorize or Deny |
//! | [`loopback`] | the wire between them: one HTTP exchange with this machine, nothing in between |
//! | [`vectors`] | the flows as scripts, to which every engine that runs the core is held |
//! | [`pi`] | the black box: the real binary, in a home directory of its own, with a deadline |
//! | [`canary`] | every secret of this process, which no `pi` may tell |
//! | [`npm`] | what comes from npm, and the package of this checkout, which goes there |
//! | [`agent`] | the real agent, which others wrote, beside it or with our extension in it |
//! | [`machine`] | what is under them all: a disk that fills up, calls that fail, a clock that is wrong |
//!
//! Nothing here is shipped, and nothing here talks to another machine, but for the npm registry,
//! from which [`oidc`] and what [`npm`] installs come once.

pub mod agent;
pub mod canary;
pub mod internet;
pub mod loopback;
pub mod machine;
pub mod npm;
pub mod oidc;
pub mod pi;
pub mod robot;
pub mod sandbox;
pub mod vectors;
pub mod wire;
