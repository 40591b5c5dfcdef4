//! `pi --version`: which `pi` this is, and which the agent's.

use std::env;
use std::process::{Command, ExitCode, Stdio};

use pi_auth::plain;

use crate::{handoff, output};

/// Set for the agent that is asked, in case it is another copy of this program.
const ASKED: &str = "PI_AUTH_ASKED_FOR_VERSION";

/// Prints one line each.
pub(crate) fn run() -> ExitCode {
    let own = env::current_exe().map(|path| format!(" ({})", path.display())).unwrap_or_default();
    output::result(&format!("pi-auth {}{own}\n", env!("CARGO_PKG_VERSION")));
    if env::var_os(ASKED).is_some() {
        return ExitCode::SUCCESS;
    }
    let Some(agent) = handoff::agent() else {
        output::result("pi agent: none further down PATH\n");
        return ExitCode::SUCCESS;
    };
    let asked = Command::new(&agent).arg("--version").env(ASKED, "1").stdin(Stdio::null()).output();
    let version = match &asked {
        // Some releases of the agent tell it on standard error.
        Ok(told) if told.status.success() => first_line(&told.stdout)
            .or_else(|| first_line(&told.stderr))
            .unwrap_or_else(|| "tells no version".into()),
        _ => "does not start".into(),
    };
    output::result(&format!("pi agent {version} ({})\n", agent.display()));
    ExitCode::SUCCESS
}

fn first_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().map(plain).find(|line| !line.trim().is_empty())
}
