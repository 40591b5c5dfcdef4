//! Failures of the credential and overrides files, as a host reports them.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::store::access::User;

/// A reason why the credential file, or the overrides file, could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum StoreFailure {
    /// This user may not.
    PermissionDenied,
    /// The file system is mounted read-only.
    ReadOnly,
    /// No space, or no quota, is left.
    NoSpace,
    /// It is a pipe, a socket, a device: neither a file nor a directory.
    NotAFile,
    /// It is a directory.
    IsADirectory,
    /// It is larger than any credential file, 1 MiB.
    TooLarge,
    /// Its bytes are not UTF-8.
    NotUtf8,
    /// It was named, and is not there.
    NotFound,
    /// This process may open no more files.
    TooManyOpenFiles,
    /// This process may not write a file that large.
    FileSizeLimit,
    /// It belongs to the user with this id, who is neither the caller nor the directory's owner.
    OwnedBy(u32),
    /// Anything else, in the system's words.
    Other(String),
}

impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PermissionDenied => "permission denied",
            Self::ReadOnly => "the file system is read-only",
            Self::NoSpace => "no space is left",
            Self::NotAFile => "it is not a regular file",
            Self::TooLarge => "it is larger than 1 MiB",
            Self::NotUtf8 => "it is not UTF-8 text",
            Self::NotFound => "there is no such file",
            Self::IsADirectory => "it is a directory, not a file",
            Self::TooManyOpenFiles => "this process may open no more files",
            Self::FileSizeLimit => "this process may not write a file that large",
            Self::OwnedBy(owner) => return write!(f, "it belongs to {}", User(*owner)),
            Self::Other(text) => text,
        })
    }
}
