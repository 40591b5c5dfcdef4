//! What a step stands on: the provider, the home of `pi`, and claims with their printing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use pi_auth_tests::sandbox::{Config, Sandbox};
use serde_json::Value;

use super::running::{Running, Said};
use crate::home::Home;
use crate::{Result, paint};

/// The provider on this machine, and a home directory for `pi`.
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) home: Home,
    claims: usize,
}

impl Stage {
    /// Starts a provider and points an empty home at it. `robot` is put into that home's PATH.
    pub(super) fn set(pi: PathBuf, robot: &Path) -> Result<Self> {
        let sandbox = Sandbox::start(Config::default())?;
        // GitHub asks for five seconds between polls.
        sandbox.change(|settings| settings.github.interval_s = 1);
        let home = Home::new(pi)?;
        home.override_providers(&sandbox.providers_json())?;
        symlink(robot, home.bin().join("robot"))?;
        Ok(Self { sandbox, home, claims: 0 })
    }

    /// How many claims were made, all of them true.
    pub(super) fn claims(&self) -> usize {
        self.claims
    }

    /// Runs `pi WORDS` to its end, and shows what it says.
    pub(super) fn pi(&self, words: &str) -> Result<Said> {
        self.show(&format!("pi {words}"), Running::start(self.command(words))?)
    }

    /// Waits for a `pi` that was typed like this, and shows what it says.
    pub(super) fn show(&self, typed: &str, running: Running) -> Result<Said> {
        self.typed(typed);
        let said = running.finish()?;
        self.print(&said.stderr);
        self.print(&said.stdout);
        Ok(said)
    }

    /// `pi WORDS`, to be run.
    pub(super) fn command(&self, words: &str) -> Command {
        self.home.pi(&words.split(' ').collect::<Vec<_>>())
    }

    /// Shows what a person would type.
    pub(super) fn typed(&self, line: &str) {
        println!("   {}", paint::bold(&format!("$ {line}")));
    }

    /// Shows text, shortened and indented.
    pub(super) fn print(&self, text: &str) {
        let home = self.home.path().to_string_lossy();
        for line in text.trim_matches('\n').lines() {
            println!("{}", format!("     {}", shorten(&line.replace(&*home, "~"))).trim_end());
        }
    }

    /// Shows what the demo itself does to make a step possible.
    pub(super) fn meanwhile(&self, what: &str) {
        println!("   {}", paint::dim(&format!("({what})")));
    }

    /// Shows what a step has proved, or ends the demo.
    pub(super) fn claim(&mut self, claim: &str, holds: bool) -> Result {
        if !holds {
            println!("   {}", paint::red(&format!("✗ {claim}")));
            return Err(format!("this is not true: {claim}").into());
        }
        self.claims += 1;
        println!("   {}", paint::green(&format!("✓ {claim}")));
        Ok(())
    }

    /// [`Stage::claim`] about an exit code.
    pub(super) fn claim_code(&mut self, said: &Said, code: i32, meaning: &str) -> Result {
        if said.code != code {
            println!("   {}", paint::red(&format!("the exit code was {}", said.code)));
        }
        self.claim(&format!("exit code {code}: {meaning}"), said.code == code)
    }

    /// The text of the credential file.
    pub(super) fn credentials(&self) -> Result<String> {
        Ok(fs::read_to_string(self.home.credential_file())?)
    }

    /// One field of the stored login of `provider`.
    pub(super) fn stored(&self, provider: &str, field: &str) -> Result<Value> {
        let file: Value = serde_json::from_str(&self.credentials()?)?;
        Ok(file[provider][field].clone())
    }

    /// A token of the stored login of `provider`.
    pub(super) fn stored_token(&self, provider: &str, field: &str) -> Result<String> {
        let token = self.stored(provider, field)?;
        Ok(token.as_str().ok_or_else(|| format!("no {field} token is stored"))?.to_owned())
    }

    /// Changes the stored `expires`, which lies 5 minutes before the token really expires.
    pub(super) fn store_expiry(&self, provider: &str, expires_ms: u64) -> Result {
        let mut file: Value = serde_json::from_str(&self.credentials()?)?;
        file[provider]["expires"] = expires_ms.into();
        Ok(fs::write(self.home.credential_file(), format!("{file:#}\n"))?)
    }
}

/// Cuts every long word of letters, digits, `-` and `_`: tokens, codes, challenges.
fn shorten(line: &str) -> String {
    const KEPT: usize = 20;
    let secret = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut short = String::new();
    for word in line.split_inclusive(|c| !secret(c)) {
        let length = word.trim_end_matches(|c| !secret(c)).len();
        let (run, end) = word.split_at(length);
        match run.get(..KEPT) {
            Some(kept) if length > 30 => short.extend([kept, "...", end]),
            _ => short.push_str(word),
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn only_what_is_long_is_shortened() {
        let (token, dots) =
            ("sk-ant-oat01-0123456789012345678901234567890", "sk-ant-oat01-0123456...");
        for (line, shown) in [
            ("", ""),
            ("an ordinary line, with words.", "an ordinary line, with words."),
            (token, dots),
            (&format!("{{\"access\": \"{token}\"}}"), &format!("{{\"access\": \"{dots}\"}}")),
            (&format!("?code={token}&state={token}"), &format!("?code={dots}&state={dots}")),
        ] {
            assert_eq!(shorten(line), shown);
        }
    }
}
