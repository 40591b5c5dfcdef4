//! The standards, one file per act: each names its RFC and knows nothing of any provider.

pub mod authorization;
mod body;
pub(crate) mod device;
pub mod endpoint;
pub(crate) mod metadata;
pub mod paste;
pub mod pkce;
pub(crate) mod revocation;
pub mod token;
