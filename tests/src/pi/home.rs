//! A home directory for `pi` in which nothing of the person's own is seen or touched.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::watch::{self, Watch};
use super::{Ended, Running, binary, hangup, now_ms};
use crate::canary;
use crate::machine::plain_user::PlainUser;
use crate::sandbox::{Credential, Sandbox};

/// How far a stored access token is into its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Good for seven more hours.
    Fresh,
    /// Past `expires` for a minute: due for a refresh, but really valid for four minutes more.
    Due,
    /// Really expired an hour ago.
    Expired,
}

impl Age {
    /// What the file says under `expires`: epoch milliseconds, five minutes before the real expiry.
    pub fn expires(self) -> u64 {
        match self {
            Self::Fresh => now_ms() + 7 * 3_600_000,
            Self::Due => now_ms() - 60_000,
            Self::Expired => now_ms() - 300_000 - 3_600_000,
        }
    }
}

/// A temporary home directory. It goes away when it is dropped.
#[derive(Debug)]
pub struct Home {
    directory: TempDir,
}

impl Home {
    /// An empty home that knows no provider but those built in.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("pi-auth-home-").tempdir();
        let home = Self { directory: directory.expect("a temporary directory can be made") };
        fs::create_dir(home.bin()).expect("a directory can be made in it");
        home.override_providers("{}\n");
        home
    }

    /// An empty home whose built-in providers are this sandbox.
    pub fn at(sandbox: &Sandbox) -> Self {
        let home = Self::new();
        home.override_providers(&sandbox.providers_json());
        home
    }

    /// A home at this sandbox with a login in it that is this far into its life.
    pub fn logged_in(sandbox: &Sandbox, age: Age) -> (Self, Credential) {
        let (home, credential) = (Self::at(sandbox), sandbox.issue());
        home.store(&credential, age.expires());
        (home, credential)
    }

    /// The home directory itself.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The only directory in PATH; empty at first.
    pub fn bin(&self) -> PathBuf {
        self.path().join("bin")
    }

    /// Where `pi` keeps its files; not there before `pi`, or a test, writes one.
    pub fn agent_dir(&self) -> PathBuf {
        self.path().join(".pi/agent")
    }

    /// The override file.
    pub fn providers_file(&self) -> PathBuf {
        self.path().join("providers.json")
    }

    /// Writes the override file.
    pub fn override_providers(&self, json: &str) {
        fs::write(self.providers_file(), json).expect("the override file can be written");
    }

    /// The credential file: `auth.json` if there is one, else `oauth.json`.
    pub fn file(&self) -> PathBuf {
        let preferred = self.agent_dir().join("auth.json");
        if preferred.exists() { preferred } else { preferred.with_file_name("oauth.json") }
    }

    /// Writes a file of the agent directory, readable by this user alone, as pi does.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(self.agent_dir());
        made.expect("the agent directory can be made");
        let path = self.agent_dir().join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .expect("a file can be made there");
        file.write_all(contents.as_ref()).expect("it can be written");
        if let Ok(text) = std::str::from_utf8(contents.as_ref())
            && watch::may_hold_tokens(name)
        {
            canary::plant_all(text);
        }
        path
    }

    /// Stores a login in `oauth.json`, in the agent's format.
    pub fn store(&self, credential: &Credential, expires: u64) {
        self.write("oauth.json", stored(&credential.refresh, &credential.access, expires));
    }

    /// The credential file's text.
    pub fn contents(&self) -> String {
        fs::read_to_string(self.file()).expect("there is a credential file")
    }

    /// The entry of a provider; null when there is none.
    pub fn entry(&self, provider: &str) -> Value {
        let mut document: Value =
            serde_json::from_str(&self.contents()).expect("the credential file is JSON");
        document[provider].take()
    }

    /// The stored refresh token.
    pub fn refresh_token(&self) -> String {
        self.entry("anthropic")["refresh"].as_str().unwrap_or_default().to_owned()
    }

    /// Everything in the agent directory, to be compared later.
    pub fn snapshot(&self) -> Snapshot {
        let Ok(entries) = fs::read_dir(self.agent_dir()) else { return Snapshot::default() };
        let file = |path: PathBuf| -> io::Result<(String, File)> {
            let metadata = fs::symlink_metadata(&path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let contents = if metadata.is_file() { fs::read(&path)? } else { Vec::new() };
            let touched = (metadata.mtime(), metadata.mtime_nsec());
            let (mode, inode) = (metadata.mode(), metadata.ino());
            Ok((name, File { mode, inode, touched, contents }))
        };
        let all = entries.map(|entry| file(entry?.path())).collect::<io::Result<_>>();
        Snapshot(all.expect("the agent directory can be read"))
    }

    /// The names in the agent directory, in order.
    pub fn names(&self) -> Vec<String> {
        self.snapshot().0.into_keys().collect()
    }

    /// Puts a shell script in PATH, and gives its path.
    pub fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.bin().join(name);
        executable(&path, body);
        path
    }

    /// `pi ARGUMENTS`, to be run here.
    pub fn pi<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Pi<'_> {
        self.program(binary(), arguments)
    }

    /// The same as this user, who has to own what is here.
    pub fn pi_as(&self, user: &PlainUser, arguments: &[&str]) -> Pi<'_> {
        let mut words = user.words(binary(), &self.bin());
        words.extend(arguments.iter().map(OsString::from));
        let program = PathBuf::from(words.remove(0));
        self.program(&program, words)
    }

    /// Any program, to be run here as `pi` would be. Of the environment it gets only what is set
    /// here: no key, no proxy, no display, no SSH session, and no other `pi` in PATH.
    pub fn program<S: AsRef<OsStr>>(
        &self,
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Pi<'_> {
        hangup::reach_children();
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.environment()).current_dir(self.path());
        Pi { command, home: self }
    }

    /// The environment that `pi` gets here.
    pub fn environment(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("HOME", self.path().to_path_buf()),
            ("PATH", self.bin()),
            ("PI_CODING_AGENT_DIR", self.agent_dir()),
            ("PI_AUTH_PROVIDERS", self.providers_file()),
        ]
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// A credential file in the agent's format that holds one login.
pub(super) fn stored(refresh: &str, access: &str, expires: u64) -> String {
    format!(
        "{{\n  \"anthropic\": {{\n    \"type\": \"oauth\",\n    \"refresh\": \"{refresh}\",\n    \
         \"access\": \"{access}\",\n    \"expires\": {expires}\n  }}\n}}"
    )
}

/// Writes a shell script, from a process of its own: a file that this one had open for writing, and
/// that a test which starts a process at this moment would inherit, could not be run.
fn executable(path: &Path, body: &str) {
    let mut writer = Command::new("/bin/sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    let script = format!("#!/bin/sh\n{body}\n");
    // Dropped at the end of the statement: the input ends.
    let sent = writer.stdin.take().map(|mut stdin| stdin.write_all(script.as_bytes()));
    let written = writer.wait().expect("the shell can be waited for");
    assert!(written.success() && matches!(sent, Some(Ok(()))), "{} is not written", path.display());
}

/// The agent directory at one moment: of each file its mode, its inode, its time and its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, File>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    mode: u32,
    inode: u64,
    touched: (i64, i64),
    contents: Vec<u8>,
}

/// A command line about to be run.
#[derive(Debug)]
pub struct Pi<'a> {
    command: Command,
    home: &'a Home,
}

impl Pi<'_> {
    /// With this variable set.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        watch::plant_variable(name, &value.as_ref().to_string_lossy());
        self.command.env(name, value);
        self
    }

    /// Without this variable.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// With a browser that is this shell script; the page's address is `$1`.
    #[must_use]
    pub fn browser(self, script: &str) -> Self {
        let browser = self.home.script("browser", &format!("{}\n{script}", watch::NOTES));
        self.env("BROWSER", format!("{} %s", browser.display()))
    }

    /// With every knob that makes programs talk.
    #[must_use]
    pub fn talkative(self) -> Self {
        [("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full"), ("DEBUG", "*"), ("PI_DEBUG", "1")]
            .into_iter()
            .fold(self, |pi, (name, value)| pi.env(name, value))
    }

    /// In this directory.
    #[must_use]
    pub fn current_dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Starts it with a standard input that stays open.
    pub fn start(self) -> Running {
        Running::start(self.command, Watch::over(self.home))
    }

    /// Runs it to its end with nothing to read.
    pub fn run(self) -> Ended {
        self.start().finish()
    }

    /// Runs it to its end with this to read.
    pub fn run_with(self, input: &str) -> Ended {
        let mut running = self.start();
        running.write(input);
        running.finish()
    }
}
