//! Names of the files in the agent's directory.

/// The credential file that the agent uses.
pub const CREDENTIALS: &str = "auth.json";
/// The credential file of the oldest agents, which newer ones move to [`CREDENTIALS`].
pub const OLD_CREDENTIALS: &str = "oauth.json";
/// The name that the agent gives the old credential file once it has moved its contents.
pub const MIGRATED_CREDENTIALS: &str = "oauth.json.migrated";
/// The overrides file, unless another is named.
pub const OVERRIDES: &str = "auth-providers.json";
