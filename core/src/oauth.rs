//! The standards, one file per RFC, over `client::Client`. Nothing here knows a provider.

pub mod authorization;
mod body;
pub(crate) mod client;
pub(crate) mod device;
pub mod endpoint;
pub(crate) mod metadata;
pub mod paste;
pub mod pkce;
pub(crate) mod revocation;
pub mod token;
