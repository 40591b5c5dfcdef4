//! Where the agent keeps its files.

use std::path::PathBuf;

/// The agent's directory: `PI_CODING_AGENT_DIR`, else `~/.pi/agent`.
pub(crate) fn agent_directory() -> Option<PathBuf> {
    let set = std::env::var_os("PI_CODING_AGENT_DIR").filter(|value| !value.is_empty());
    let home = dirs::home_dir();
    match set {
        None => Some(home?.join(".pi").join("agent")),
        Some(set) => {
            let set = PathBuf::from(set);
            // As the agent does: a variable that no shell has expanded may hold a tilde.
            match (set.strip_prefix("~"), home) {
                (Ok(rest), Some(home)) => Some(home.join(rest)),
                _ => Some(set),
            }
        }
    }
}
