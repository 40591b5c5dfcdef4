//! A provider's id and its name for people.

use alloc::boxed::Box;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::text::cut;

/// A provider's id and its name for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Label {
    /// The key in the credential file and the word on the command line.
    pub id: String,
    /// The name for people, without control characters.
    pub name: String,
    /// The domain of the GitHub Enterprise that is meant.
    #[cfg_attr(test, ts(optional))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise: Option<Box<str>>,
}

impl Label {
    /// Returns the name without the part in brackets: `Anthropic` of `Anthropic (Claude Pro/Max)`.
    pub fn short_name(&self) -> &str {
        short(&self.name)
    }
}

/// Returns a name without the part in brackets.
pub(super) fn short(name: &str) -> &str {
    cut(name, " (").map_or(name, |(short, _)| short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names() {
        let label = |name: &str| Label { id: "x".into(), name: name.into(), enterprise: None };
        assert_eq!(label("Anthropic (Claude Pro/Max)").short_name(), "Anthropic");
        assert_eq!(label("Acme").short_name(), "Acme");
    }
}
