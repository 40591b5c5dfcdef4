//! The standards, one file per act: each names its RFC and knows nothing of any provider.

pub mod authorization;
pub mod paste;
pub mod pkce;
pub mod token;
