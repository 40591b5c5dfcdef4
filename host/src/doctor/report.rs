//! What a checkup has to say: what is fine, and each finding with its mend.

use pi_auth_core::error::Error;
use pi_auth_core::text::{plain, shell};

use super::mend::Remedy;

/// What was looked at. [`Check::as_str`] is its stable name for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// The agent's directory: whether it is there, and can be written.
    Directory,
    /// The credential file: whether it can be read and is a document.
    File,
    /// Its entries: whether the agent takes each of them.
    Entries,
    /// Symbolic links in the place of the file or the directory.
    Link,
    /// Who may read and write what.
    Permissions,
    /// Whose it is.
    Owner,
    /// `auth.json` and `oauth.json` side by side.
    BothFiles,
    /// The locks.
    Lock,
    /// What killed processes have left behind.
    Leftovers,
    /// The logins that are stored.
    Logins,
    /// The memory of failed refreshes.
    Backoff,
    /// Variables that hold keys, and which key wins.
    Variables,
    /// The overrides file.
    Providers,
    /// Proxy variables.
    Proxy,
    /// The certificates that are trusted.
    Certificates,
    /// The agent's own `pi` on PATH.
    Agent,
    /// Whether the providers can be reached.
    Network,
    /// This machine's clock against theirs.
    Clock,
}

impl Check {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Entries => "entries",
            Self::Link => "link",
            Self::Permissions => "permissions",
            Self::Owner => "owner",
            Self::BothFiles => "both_files",
            Self::Lock => "lock",
            Self::Leftovers => "leftovers",
            Self::Logins => "logins",
            Self::Backoff => "backoff",
            Self::Variables => "variables",
            Self::Providers => "providers",
            Self::Proxy => "proxy",
            Self::Certificates => "certificates",
            Self::Agent => "agent",
            Self::Network => "network",
            Self::Clock => "clock",
        }
    }

    /// What it belongs to.
    pub fn group(self) -> Group {
        match self {
            Self::Directory
            | Self::File
            | Self::Entries
            | Self::Link
            | Self::Permissions
            | Self::Owner
            | Self::BothFiles
            | Self::Lock
            | Self::Leftovers => Group::File,
            Self::Logins | Self::Backoff => Group::Logins,
            Self::Variables | Self::Providers | Self::Agent => Group::Settings,
            Self::Proxy | Self::Certificates | Self::Network | Self::Clock => Group::Network,
        }
    }
}

/// What belongs together, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The credential file and what stands around it.
    File,
    /// Who is logged in.
    Logins,
    /// Variables, overrides and programs.
    Settings,
    /// The way to the providers.
    Network,
}

impl Group {
    /// All of them.
    pub const ALL: [Group; 4] = [Self::File, Self::Logins, Self::Settings, Self::Network];

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::File => "Credential file",
            Self::Logins => "Logins",
            Self::Settings => "Settings",
            Self::Network => "Network",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// To be mended.
    Problem,
    /// Worth knowing.
    Note,
}

/// What came of one look, in a sentence without its full stop where nothing was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Fine(Check, String),
    /// It was not looked at, and why.
    LeftOut(Check, String),
    /// It is not, or it is worth knowing.
    Found(Finding),
}

impl Verdict {
    /// What was looked at.
    pub fn check(&self) -> Check {
        match self {
            Self::Fine(check, _) | Self::LeftOut(check, _) => *check,
            Self::Found(finding) => finding.check,
        }
    }
}

/// Something that is not as it should be, and what to do about it. No text holds a secret or a
/// control character.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How bad it is.
    pub severity: Severity,
    /// The file that it is about, as it is shown to people.
    pub path: Option<String>,
    /// What is the case; a sentence.
    pub message: String,
    /// What to do, or what is left to do where it has been mended; empty where nothing has to be
    /// done.
    pub mend: String,
    /// The command that does it, for a shell.
    pub command: Option<String>,
    /// What is left to do once `--fix` has mended it.
    after: String,
    pub(super) fix: Fix,
}

/// How a finding stands to `--fix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fix {
    /// It is left to the person.
    ByHand,
    /// It can be mended without asking.
    Offered(Remedy),
    /// It was; in these words.
    Done(String),
    /// That was tried; why it failed.
    Failed(String),
}

impl Finding {
    /// Something that has to be mended.
    pub fn problem(check: Check, message: impl AsRef<str>) -> Self {
        Self::new(check, Severity::Problem, message.as_ref())
    }

    /// Something that is worth knowing.
    pub fn note(check: Check, message: impl AsRef<str>) -> Self {
        Self::new(check, Severity::Note, message.as_ref())
    }

    /// An error as a finding: its own words, and its own advice.
    pub(super) fn of(check: Check, error: &Error) -> Self {
        Self::problem(check, error.to_string()).mend(error.advice())
    }

    fn new(check: Check, severity: Severity, message: &str) -> Self {
        let message = plain(message);
        let (mend, after, fix) = (String::new(), String::new(), Fix::ByHand);
        Finding { check, severity, path: None, message, mend, command: None, after, fix }
    }

    /// About this file.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.path = Some(plain(path));
        self
    }

    /// With this advice.
    #[must_use]
    pub fn mend(mut self, advice: impl AsRef<str>) -> Self {
        self.mend = plain(advice.as_ref());
        self
    }

    /// Done by these words of a command, which end in a path or a name. There is no command where
    /// it would act on another, or be taken for an option.
    #[must_use]
    pub fn by(mut self, words: &str, path: &str) -> Self {
        self.command = is_exact(path).then(|| format!("{words} {}", shell(path)));
        self
    }

    /// Done by moving a file to a name at which there is nothing; nothing is overwritten if that
    /// has changed by then.
    #[must_use]
    pub(super) fn by_moving(self, from: &str, to: &str) -> Self {
        match is_exact(from) {
            true => self.by(&format!("mv -n {}", shell(from)), to),
            false => self,
        }
    }

    /// With this advice that is still to be followed once it is mended.
    #[must_use]
    pub(super) fn then(mut self, advice: &str) -> Self {
        self.after = plain(advice);
        self
    }

    pub(super) fn offer(mut self, remedy: Option<Remedy>) -> Self {
        if let Some(remedy) = remedy {
            self.fix = Fix::Offered(remedy);
        }
        self
    }

    /// It has been mended, in these words: what it advises is what is left to do.
    pub(super) fn done(&mut self, what: String) {
        self.mend = std::mem::take(&mut self.after);
        self.command = None;
        self.fix = Fix::Done(what);
    }

    /// Returns whether it can be mended without asking, and has not been yet.
    pub fn is_fixable(&self) -> bool {
        matches!(self.fix, Fix::Offered(_))
    }

    /// What was done, where it has been mended.
    pub fn fixed(&self) -> Option<&str> {
        match &self.fix {
            Fix::Done(what) => Some(what),
            _ => None,
        }
    }

    /// Why it could not be mended, where that was tried.
    pub fn not_fixed(&self) -> Option<&str> {
        match &self.fix {
            Fix::Failed(why) => Some(why),
            _ => None,
        }
    }

    /// Returns whether it is a problem that is still there.
    pub fn is_open_problem(&self) -> bool {
        self.severity == Severity::Problem && self.fixed().is_none()
    }
}

/// Returns whether a command can name it in plain text: it has no control characters, which are not
/// shown, nor bytes that are no text, in whose place another character stands.
fn is_exact(path: &str) -> bool {
    plain(path) == path && !path.contains(char::REPLACEMENT_CHARACTER) && !path.starts_with('-')
}

/// All of it, in the order in which it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(Vec<Verdict>);

impl Report {
    /// Adds a finding.
    pub fn found(&mut self, finding: Finding) {
        self.0.push(Verdict::Found(finding));
    }

    pub(super) fn found_if(&mut self, finding: Option<Finding>) {
        self.0.extend(finding.map(Verdict::Found));
    }

    /// Adds something that is as it should be.
    pub fn fine(&mut self, check: Check, message: impl AsRef<str>) {
        self.0.push(Verdict::Fine(check, plain(message.as_ref())));
    }

    /// Adds something that was not looked at.
    pub fn left_out(&mut self, check: Check, why: impl AsRef<str>) {
        self.0.push(Verdict::LeftOut(check, plain(why.as_ref())));
    }

    pub(super) fn add(&mut self, more: Report) {
        self.0.extend(more.0);
    }

    /// Everything.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.0
    }

    /// The findings alone.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter_map(|verdict| match verdict {
            Verdict::Found(finding) => Some(finding),
            _ => None,
        })
    }

    pub(super) fn findings_mut(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.0.iter_mut().filter_map(|verdict| match verdict {
            Verdict::Found(finding) => Some(finding),
            _ => None,
        })
    }

    /// Returns whether no problem is left.
    pub fn is_ok(&self) -> bool {
        !self.findings().any(Finding::is_open_problem)
    }
}

#[cfg(test)]
impl Report {
    /// Each verdict in a word, for tables: `problem`, `note`, `fine` or `left out`.
    pub(super) fn words(&self) -> Vec<&'static str> {
        let word = |verdict: &Verdict| match verdict {
            Verdict::Fine(..) => "fine",
            Verdict::LeftOut(..) => "left out",
            Verdict::Found(Finding { severity: Severity::Problem, .. }) => "problem",
            Verdict::Found(_) => "note",
        };
        self.0.iter().map(word).collect()
    }

    /// All that it says.
    pub(super) fn text(&self) -> String {
        let text = |verdict: &Verdict| match verdict {
            Verdict::Fine(_, text) | Verdict::LeftOut(_, text) => text.clone(),
            Verdict::Found(it) => {
                format!("{}\n{}\n{}", it.message, it.mend, it.command.as_deref().unwrap_or(""))
            }
        };
        self.0.iter().map(text).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_would_act_on_something_else_is_not_given() {
        for (path, command) in [
            ("~/a", Some("rm ~/a")),
            ("~/a b", Some("rm ~/'a b'")),
            ("~/é", Some("rm ~/'é'")),
            ("~/a\u{1b}b", None),
            ("~/a\nb", None),
            ("~/a\u{202e}b", None),
            ("~/a\u{fffd}b", None),
            ("--help", None),
        ] {
            let finding = || Finding::problem(Check::File, "P.");
            assert_eq!(finding().by("rm", path).command.as_deref(), command, "{path:?}");
            let moved = finding().by_moving(path, "~/free").command;
            assert_eq!(moved.is_some(), command.is_some(), "{path:?}");
            let moved = finding().by_moving("~/here", path).command;
            assert_eq!(moved.is_some(), command.is_some(), "{path:?}");
        }
    }
}
