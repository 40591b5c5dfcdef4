//! What holds for all that any `pi` says, writes and hands on, whatever the test is about.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Home;
use pi_auth_properties::unseen;

use crate::canary;

/// Prefixes of tokens and keys: Anthropic's, GitHub's and Copilot's.
const TOKENS: [&str; 3] = ["sk-ant-", "ghu_", "tid="];

/// The commands whose standard output is a token, or carries one.
const PRINT_TOKENS: [&str; 2] = ["token", "headers"];

/// Returns whether these words ask for one.
pub(super) fn prints_token(words: &[impl AsRef<str>]) -> bool {
    words.iter().any(|word| PRINT_TOKENS.contains(&word.as_ref()))
}

/// Has a browser write down its arguments and its environment before it does anything else.
pub(super) const NOTES: &str = r#"{ printf '%s\n' "$@"; export -p; } > "$HOME/browser-$$.notes""#;

/// The places in which a `pi` might leave a secret: all below its home.
#[derive(Debug)]
pub(super) struct Watch {
    home: PathBuf,
    agent_dir: PathBuf,
    /// What was there when it began.
    before: BTreeSet<State>,
}

/// A file as it is now: when it is another one, or was written, this changes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    inode: u64,
    changed: (i64, i64),
    length: u64,
}

impl Watch {
    pub(super) fn over(home: &Home) -> Self {
        let before = files(home.path()).into_iter().map(|file| file.state).collect();
        Self { home: home.path().to_path_buf(), agent_dir: home.agent_dir(), before }
    }

    /// Whatever is stored there is a secret, whoever gave it.
    pub(super) fn plant_stored(&self) {
        let linked = self.linked();
        let stored = files(&self.home).into_iter().filter(|file| holds_tokens(&linked, file));
        stored.filter_map(File::text).for_each(|text| canary::plant_all(&text));
    }

    /// What is wrong there, if anything. What `pi` itself was given as a variable, its children get
    /// too, but for browsers.
    pub(super) fn problem(&self, given: &[String]) -> Option<String> {
        let inherited = |secret: &str| given.iter().any(|value| value.contains(secret));
        let linked = self.linked();
        files(&self.home).into_iter().filter(|file| !holds_tokens(&linked, file)).find_map(|file| {
            let path = file.path.clone();
            // A program that is installed may hold what tokens begin with.
            let is_installed = path.components().any(|it| it.as_os_str() == "node_modules");
            let found = if path.starts_with(&self.agent_dir) && !is_installed {
                secret(&file.text()?, |_| false)
            } else if file.name.ends_with(".notes") {
                canary::found(&file.text()?, |_| false)
            } else if !self.before.contains(&file.state) {
                canary::found(&file.text()?, inherited)
            } else {
                // What a test wrote is its own affair.
                None
            };
            found.map(|secret| format!("a secret in {}: {secret}", path.display()))
        })
    }

    /// What the credential file is called where it is a link: the name of the file that is written.
    fn linked(&self) -> Vec<String> {
        let files = ["auth.json", "oauth.json"].map(|name| self.agent_dir.join(name));
        let links = files.iter().filter(|path| path.is_symlink());
        let targets = links.filter_map(|path| fs::canonicalize(path).ok());
        targets.filter_map(|it| Some(it.file_name()?.to_string_lossy().into_owned())).collect()
    }
}

fn holds_tokens(linked: &[String], file: &File) -> bool {
    may_hold_tokens(&file.name) || linked.iter().any(|name| is_or_becomes(&file.name, name))
}

/// Returns whether a file of this name is there for tokens: the credential file, under whatever
/// name it is or was, and what is about to become it. No other may hold any.
pub(super) fn may_hold_tokens(name: &str) -> bool {
    let current = ["auth.json", "oauth.json"].iter().any(|file| is_or_becomes(name, file));
    current || name == "oauth.json.migrated"
}

/// Returns whether it is this file, or a temporary one that is renamed to it.
fn is_or_becomes(name: &str, file: &str) -> bool {
    let middle = || name.strip_prefix('.')?.strip_prefix(file)?.strip_prefix('.');
    name == file || middle().is_some_and(|middle| middle.ends_with(".tmp"))
}

/// A variable that holds a key is a secret, and so is the password of a proxy, and each part of it
/// that may be left when it is cut at what ends an address.
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
    let looks = TOKENS.iter().find(|token| begins_in(text, token)).map(|it| (*it).to_owned());
    looks.or_else(|| canary::found(text, may_be_there))
}

/// Returns whether a token with this prefix begins somewhere in the text. The middle of a random
/// base64url value does not count: one state in 400,000 has `ghu_` in it.
fn begins_in(text: &str, prefix: &str) -> bool {
    let is_random = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(prefix).any(|(at, _)| !text[..at].ends_with(is_random))
}

/// What was written to a terminal without what `pi` itself has it do: colours, the cursor, lines
/// that are cleared, brackets around pastes; and each line's end as a program writes it.
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

/// The first character that a terminal would obey, that would reorder what a person reads, or that
/// nobody sees. The end of a line is none, and neither is a tab.
pub(super) fn control(text: &str) -> Option<char> {
    unseen::first(&text.replace(['\n', '\t'], " "))
}

/// A regular file.
struct File {
    path: PathBuf,
    name: String,
    state: State,
}

impl File {
    fn text(self) -> Option<String> {
        Some(String::from_utf8_lossy(&fs::read(self.path).ok()?).into_owned())
    }
}

/// The regular files below a directory: a pipe would be waited for, and a link may lead anywhere.
fn files(directory: &Path) -> Vec<File> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let path = entry.path();
        if metadata.is_dir() {
            found.extend(files(&path));
        } else if metadata.is_file() {
            let changed = (metadata.mtime(), metadata.mtime_nsec());
            let state = State { inode: metadata.ino(), changed, length: metadata.len() };
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push(File { path, name, state });
        }
    }
    found
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
            (format!("echo {canary} > .pi/agent/auth.json.flock"), false),
            (format!("echo {canary} > .pi/agent/pi.log"), false),
            (format!("echo {canary} > .pi/agent/.pi.log.1-a.tmp"), false),
            (format!("echo {canary} > pi.log"), false),
            ("echo sk-ant- > .pi/agent/pi.log".to_owned(), false),
            ("echo sk-ant- > program".to_owned(), true),
            (format!("PATH=/bin; mkdir -p .cache/pi; echo {canary} > .cache/pi/log"), false),
            ("echo all is well > .pi/agent/pi.log".to_owned(), true),
            (format!("echo {canary} > .pi/agent/oauth.json"), true),
            (format!("echo {canary} > .pi/agent/auth.json"), true),
            (format!("echo {canary} > .pi/agent/oauth.json.migrated"), true),
            (format!("echo {canary} > .pi/agent/.oauth.json.1-a.tmp"), true),
            (
                format!("PATH=/bin; ln -s ../../mine .pi/agent/auth.json; echo {canary} > mine"),
                true,
            ),
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
    fn what_a_test_wrote_outside_the_agents_directory_is_its_own_affair_until_it_is_written_to() {
        for (script, holds) in [("", true), ("echo more >> words", false), (">words", true)] {
            let home = Home::new();
            let canary = "canary-0123456789abcdef";
            canary::plant(canary);
            fs::write(home.path().join("words"), canary).unwrap();
            let run = || home.program(Path::new("/bin/sh"), ["-c", script]).run();
            assert_eq!(catch_unwind(AssertUnwindSafe(run)).is_ok(), holds, "{script}");
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
