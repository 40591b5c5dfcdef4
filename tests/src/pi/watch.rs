//! What holds for all that any `pi` says, writes and hands on, whatever the test is about.

use std::fs;
use std::path::{Path, PathBuf};

use super::Home;
use crate::canary;

/// What tokens and keys begin with: Anthropic's, GitHub's and Copilot's.
const TOKENS: [&str; 3] = ["sk-ant-", "ghu_", "tid="];

/// Has a browser write down its arguments and its environment before it does anything else.
pub(super) const NOTES: &str = r#"{ printf '%s\n' "$@"; export -p; } > "$HOME/browser-$$.notes""#;

/// The places in which a `pi` might leave a secret.
#[derive(Debug)]
pub(super) struct Watch {
    home: PathBuf,
    agent_dir: PathBuf,
}

impl Watch {
    pub(super) fn over(home: &Home) -> Self {
        Self { home: home.path().to_path_buf(), agent_dir: home.agent_dir() }
    }

    /// What is wrong there, if anything. What `pi` itself was given as a variable, its children get too.
    pub(super) fn problem(&self, given: &[String]) -> Option<String> {
        let inherited = |secret: &str| given.iter().any(|value| value.contains(secret));
        let notes = files(&self.home).filter(|(name, _)| name.ends_with(".notes"));
        let beside = files(&self.agent_dir).filter(|(name, _)| !may_hold_tokens(name));
        let told = notes.filter_map(|(name, text)| Some((name, canary::found(&text, inherited)?)));
        let left = beside.filter_map(|(name, text)| Some((name, secret(&text, |_| false)?)));
        told.chain(left).next().map(|(name, secret)| format!("a secret in {name}: {secret}"))
    }
}

/// Whether a file of the agent's directory is there for tokens: the credential file, under whatever
/// name it is or was, and what is about to become it.
pub(super) fn may_hold_tokens(name: &str) -> bool {
    const SMALL: [&str; 3] = [".backoff", ".flock", ".lock"];
    !SMALL.iter().any(|end| name.ends_with(end))
}

/// A variable that holds a key is a secret, and so is the password of a proxy.
pub(super) fn plant_variable(name: &str, value: &str) {
    match name {
        "ANTHROPIC_API_KEY" | "ANTHROPIC_OAUTH_TOKEN" | "COPILOT_GITHUB_TOKEN" => {
            canary::plant(value);
        }
        name if name.to_ascii_uppercase().ends_with("_PROXY") => {
            let credentials = value.rsplit_once('@').map_or("", |(before, _)| before);
            canary::plant(credentials.rsplit(':').next().unwrap_or_default());
        }
        _ => {}
    }
}

/// The first secret in a text, known or such as tokens look.
pub(super) fn secret(text: &str, may_be_there: impl Fn(&str) -> bool) -> Option<String> {
    let looks = TOKENS.iter().find(|token| text.contains(**token)).map(|it| (*it).to_owned());
    looks.or_else(|| canary::found(text, may_be_there))
}

/// The first character that a terminal would obey, or that would reorder what a person reads. The end
/// of a line is none, and neither is a tab.
pub(super) fn control(text: &str) -> Option<char> {
    text.chars().find(|c| match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        c => c.is_control(),
    })
}

fn files(directory: &Path) -> impl Iterator<Item = (String, String)> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    // A pipe would be waited for.
    let regular = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    regular.filter_map(|entry| {
        let text = fs::read(entry.path()).ok()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        Some((name, String::from_utf8_lossy(&text).into_owned()))
    })
}
