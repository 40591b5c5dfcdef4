//! A home directory for `pi` in which nothing of the person's own is seen or touched.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tempfile::TempDir;

use crate::Result;

/// Overrides under which nobody is ever asked: nothing listens on this port.
const NOWHERE: &str = r#"{ "anthropic": { "token_url": "http://127.0.0.1:1/token" } }"#;

/// A temporary home directory. It goes away when it is dropped.
pub(crate) struct Home {
    directory: TempDir,
    pi: PathBuf,
}

impl Home {
    /// An empty home for this `pi`.
    pub(crate) fn new(pi: PathBuf) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("pi-auth-").tempdir()?;
        let home = Self { directory, pi };
        fs::create_dir(home.bin())?;
        home.override_providers(NOWHERE)?;
        Ok(home)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The only directory in PATH.
    pub(crate) fn bin(&self) -> PathBuf {
        self.path().join("bin")
    }

    /// Where `pi` keeps its files; not there before `pi` or [`Home::store_fresh_login`] makes it.
    pub(crate) fn agent_directory(&self) -> PathBuf {
        self.path().join(".pi/agent")
    }

    /// Writes the override file.
    pub(crate) fn override_providers(&self, json: &str) -> Result {
        Ok(fs::write(self.providers_file(), json)?)
    }

    fn providers_file(&self) -> PathBuf {
        self.path().join("providers.json")
    }

    /// The credential file: `auth.json` if there is one, else `oauth.json`.
    pub(crate) fn credential_file(&self) -> PathBuf {
        let preferred = self.agent_directory().join("auth.json");
        if preferred.exists() { preferred } else { preferred.with_file_name("oauth.json") }
    }

    /// `pi ARGUMENTS`, run here.
    pub(crate) fn pi(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.pi);
        command.args(arguments);
        command
    }

    /// A program, run here. Of the environment it gets only what is set below: no key, no proxy, no
    /// display, no SSH session, and no other `pi` in PATH.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", self.bin())
            .env("PI_CODING_AGENT_DIR", self.agent_directory())
            .env("PI_AUTH_PROVIDERS", self.providers_file())
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// The binary itself.
    pub(crate) fn pi_binary(&self) -> &Path {
        &self.pi
    }

    /// Stores a login whose access token is good for another eight hours; gives that token.
    pub(crate) fn store_fresh_login(&self) -> Result<String> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.agent_directory())?;
        // As long as real ones are.
        let (access, refresh) = ("a".repeat(95), "r".repeat(95));
        let (access, refresh) =
            (format!("sk-ant-oat01-{access}"), format!("sk-ant-ort01-{refresh}"));
        let expires = now_ms()? + 8 * 3_600_000;
        let login =
            json!({ "type": "oauth", "refresh": refresh, "access": access, "expires": expires });
        let file = self.agent_directory().join("auth.json");
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        write!(file, "{:#}", json!({ "anthropic": login }))?;
        Ok(access)
    }
}

/// Now, in epoch milliseconds.
pub(crate) fn now_ms() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}
