//! What holds for all that any `pi` says, writes and hands on, whatever the test is about.

use std::fs;
use std::path::{Path, PathBuf};

use super::Home;
use crate::canary;

/// What tokens and keys begin with: Anthropic's, GitHub's and Copilot's.
const TOKENS: [&str; 3] = ["sk-ant-", "ghu_", "tid="];

/// The commands whose standard output is a token, or carries one.
const PRINT_TOKENS: [&str; 2] = ["token", "headers"];

/// Whether these words ask for one.
pub(super) fn prints_token(words: &[impl AsRef<str>]) -> bool {
    words.iter().any(|word| PRINT_TOKENS.contains(&word.as_ref()))
}

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

    /// Whatever is stored there is a secret, whoever gave it.
    pub(super) fn plant_stored(&self) {
        let stored = files(&self.agent_dir).filter(|(name, _)| may_hold_tokens(name));
        stored.for_each(|(_, text)| canary::plant_all(&text));
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

/// A variable that holds a key is a secret, and so is the password of a proxy, and each part of it that
/// may be left when it is cut at what ends an address.
pub(super) fn plant_variable(name: &str, value: &str) {
    match name {
        "ANTHROPIC_API_KEY" | "ANTHROPIC_OAUTH_TOKEN" | "COPILOT_GITHUB_TOKEN" => {
            canary::plant(value);
        }
        name if name.to_ascii_uppercase().ends_with("_PROXY") => {
            let credentials = value.rsplit_once('@').map_or("", |(before, _)| before);
            let after_scheme = credentials.split_once("://").map_or(credentials, |(_, it)| it);
            let password = after_scheme.split_once(':').map_or(after_scheme, |(_, it)| it);
            canary::plant(password);
            password.split(['/', '?', '#', '\\', '@', ':']).for_each(canary::plant);
        }
        _ => {}
    }
}

/// The first secret in a text, known or such as tokens look.
pub(super) fn secret(text: &str, may_be_there: impl Fn(&str) -> bool) -> Option<String> {
    let looks = TOKENS.iter().find(|token| text.contains(**token)).map(|it| (*it).to_owned());
    looks.or_else(|| canary::found(text, may_be_there))
}

/// What was written to a terminal without what `pi` itself has it do: colours, the cursor, lines that
/// are cleared, brackets around pastes; and each line's end as a program writes it.
pub(super) fn without_ours(bytes: &str) -> String {
    let mut rest = String::new();
    let mut parts = bytes.split("\u{1b}[");
    rest.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| !matches!(c, '0'..='9' | ';' | '?')).unwrap_or(part.len());
        let (parameters, after) = part.split_at(end);
        match (parameters, after.chars().next()) {
            (_, Some('m' | 'A'..='D' | 'G' | 'J' | 'K')) | ("?25" | "?2004", Some('h' | 'l')) => {
                rest.push_str(&after[1..]);
            }
            _ => {
                rest.push_str("\u{1b}[");
                rest.push_str(part);
            }
        }
    }
    rest.replace("\r\n", "\n").replace('\r', "")
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// A program that is run like `pi`, and breaks a promise or does not.
    fn passes(script: &str) -> bool {
        let home = Home::new();
        home.write("oauth.json", r#"{"anthropic":{"refresh":"canary-0123456789abcdef"}}"#);
        let run = || home.program(Path::new("/bin/sh"), ["-c", script]).run();
        catch_unwind(AssertUnwindSafe(run)).is_ok()
    }

    #[test]
    fn a_promise_that_is_broken_is_found_out() {
        let canary = "canary-0123456789abcdef";
        for (script, holds) in [
            ("echo all is well; echo 'é\tü' >&2".to_owned(), true),
            (format!("echo {canary}"), false),
            (format!("echo {canary} >&2"), false),
            (format!("echo '{{\"x\":\"{canary}\"}}' > .pi/agent/auth.json.backoff"), false),
            (format!("echo {canary} > .pi/agent/oauth.json"), true),
            (format!("echo '{canary}' > browser-1.notes"), false),
            ("echo sk-ant-anything".to_owned(), false),
            (r"printf '\033[31m'".to_owned(), false),
            (r"printf '\302\233'".to_owned(), false),
            (r"printf '\342\200\256' >&2".to_owned(), false),
            (r"printf 'a\rb'".to_owned(), false),
        ] {
            assert_eq!(passes(&script), holds, "{script}");
        }
    }

    #[test]
    fn a_part_of_the_password_of_a_proxy_is_found_whatever_it_was_cut_at() {
        for (number, end) in ['/', '?', '#', '\\', '@', ':'].into_iter().enumerate() {
            let [first, second] =
                ["first", "second"].map(|it| format!("{it}-part-of-canary-{number}"));
            for scheme in ["http://", ""] {
                let value = format!("{scheme}user-of-the-proxy:{first}{end}{second}@h:1");
                plant_variable("HTTPS_PROXY", &value);
            }
            for (text, is_secret) in [
                (format!("http://user-of-the-proxy:{first}"), true),
                (format!("{second}@h:1"), true),
                ("http://user-of-the-proxy:@h:1".to_owned(), false),
            ] {
                assert_eq!(secret(&text, |_| false).is_some(), is_secret, "{end}: {text}");
            }
        }
    }

    #[test]
    fn what_pi_has_a_terminal_do_is_no_control_character_and_anything_else_is() {
        for (bytes, found) in [
            ("\u{1b}[1;31merror:\u{1b}[0m\r\n\r\u{1b}[2K\u{1b}[?25l\u{1b}[?2004h", None),
            ("\u{1b}]0;title\u{7}", Some('\u{1b}')),
            ("\u{1b}[?1049h", Some('\u{1b}')),
            ("\u{1b}[31q", Some('\u{1b}')),
            ("\u{1b}[", Some('\u{1b}')),
            ("a\u{9b}31m", Some('\u{9b}')),
            ("a\u{8}", Some('\u{8}')),
            ("a\u{2066}", Some('\u{2066}')),
        ] {
            assert_eq!(control(&without_ours(bytes)), found, "{bytes:?}");
        }
    }
}
