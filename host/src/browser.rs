//! Opening a browser, without a shell, without our secrets, and without waiting for it.
//!
//! Which programs are tried, and which variables they inherit, the core decides. Libraries for this
//! cannot set the environment of what they start, and wait for text browsers (docs/decisions/0001).

use std::process::Stdio;
use std::time::Duration;

use pi_auth_core::browser::{System, commands};
use pi_auth_core::sensitive::is_secret_variable;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

/// How long a program is watched before it counts as one that works.
const WATCHED: Duration = Duration::from_secs(1);

/// A browser that was started, and is not yet known to work.
pub(crate) struct Opening {
    /// Commands to try if this one fails.
    others: std::vec::IntoIter<Vec<String>>,
    child: Child,
    /// When the program counts as one that works, since those that fail do so at once.
    works_at: Instant,
}

impl Opening {
    /// Starts a program that should show `url`; `None` where there is none that starts. Needs a
    /// tokio runtime.
    pub(crate) fn start(url: &str) -> Option<Self> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let is_wsl = !variable("WSL_DISTRO_NAME").is_empty();
        let system = if cfg!(target_os = "macos") { System::Mac } else { System::Freedesktop };
        let commands = commands(url, &variable("BROWSER"), is_wsl, system);
        Self::first(commands.into_iter())
    }

    fn first(mut commands: std::vec::IntoIter<Vec<String>>) -> Option<Self> {
        let child = commands.find_map(|words| spawn(&words))?;
        Some(Opening { others: commands, child, works_at: Instant::now() + WATCHED })
    }

    /// Completes once no program could show the page, and never where one does. May be dropped
    /// and called again.
    pub(crate) async fn failed(&mut self) {
        loop {
            match timeout_at(self.works_at, self.child.wait()).await {
                Ok(Ok(status)) if !status.success() => {}
                // It has ended well, or stays: it is the browser itself.
                _ => return std::future::pending().await,
            }
            match Self::first(std::mem::take(&mut self.others)) {
                Some(next) => *self = next,
                None => return,
            }
        }
    }
}

fn spawn(words: &[String]) -> Option<Child> {
    let (program, arguments) = words.split_first()?;
    let shown = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let secret = std::env::vars_os()
        .map(|(name, value)| (name.clone(), shown(name), shown(value)))
        .filter(|(_, name, value)| is_secret_variable(name, value));
    let mut command = Command::new(program);
    for (name, ..) in secret {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // In the background a program cannot take keys from the terminal, nor change its modes.
        .process_group(0)
        .spawn()
        .ok()
}
