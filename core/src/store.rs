//! The rules of the shared files: what their text means, who may have changed them, and when a
//! process may write them. The hosts read, lock and write.

pub mod access;
pub(crate) mod backoff;
pub mod credential;
pub mod document;
pub mod lock;
pub mod migration;
pub mod names;
