//! A provider to try `pi login` against, and a robot to press its buttons.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Config, Sandbox, Settings};

#[derive(Parser)]
#[command(about = "A provider on this machine to try `pi login` against", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the provider until Ctrl-C
    Serve(Serve),
    /// Press Authorize on the page at this address: BROWSER='pi-auth-sandbox approve %s'
    Approve {
        /// The address of the authorize page
        url: String,
    },
    /// Press Deny on the page at this address
    Deny {
        /// The address of the authorize page
        url: String,
    },
}

#[derive(Args)]
struct Serve {
    /// The port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How long an access token is good for, in seconds
    #[arg(long, default_value_t = Settings::default().access_lifetime_s)]
    lifetime: u64,
    /// Answer a refresh with the same refresh token
    #[arg(long)]
    no_rotate: bool,
    /// Where to write the override file; without it, to a folder that goes away at the end
    #[arg(long, value_name = "PATH")]
    providers_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(options) => serve(&options),
        Command::Approve { url } => approve(&url),
        // Whatever the application makes of it, the button was pressed.
        Command::Deny { url } => robot::deny(&url).map(drop).map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When even stderr is gone, the exit code still tells.
            let _ = writeln!(io::stderr(), "pi-auth-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Serve) -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start(Config {
        port: options.port,
        settings: Settings {
            access_lifetime_s: options.lifetime,
            rotate: !options.no_rotate,
            ..Settings::default()
        },
        ..Config::default()
    })?;
    // The tokens are gone when the sandbox is, so the folder they are stored in may go too.
    let scratch = tempfile::Builder::new().prefix("pi-auth-sandbox-").tempdir()?;
    let agent_dir = scratch.path().join("agent");
    let providers_file =
        options.providers_file.clone().unwrap_or_else(|| scratch.path().join("providers.json"));
    fs::write(&providers_file, sandbox.providers_json())?;
    let providers_file = fs::canonicalize(&providers_file)?;

    introduce(sandbox.base_url(), &providers_file, &agent_dir)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            written = print_log(&sandbox) => written,
        }
    })?;
    Ok(())
}

fn introduce(
    base_url: &str,
    providers_file: &Path,
    agent_dir: &Path,
) -> Result<(), Box<dyn Error>> {
    let environment = format!(
        "PI_AUTH_PROVIDERS={} PI_CODING_AGENT_DIR={}",
        shell_word(&providers_file.to_string_lossy()),
        shell_word(&agent_dir.to_string_lossy()),
    );
    let robot = format!("{} approve %s", std::env::current_exe()?.display());
    writeln!(
        io::stdout(),
        "The sandbox is at {base_url}\n\
         The override file is {}\n\
         \n\
         To try it, paste into another terminal:\n\
         \n\
         \x20 {environment} pi login\n\
         \n\
         or let the robot press Authorize:\n\
         \n\
         \x20 BROWSER={} {environment} pi login\n\
         \n\
         Requests show here. Ctrl-C stops it.",
        providers_file.display(),
        shell_word(&robot),
    )?;
    Ok(())
}

/// Prints entries as they come, and ends only when there is nobody to print for.
async fn print_log(sandbox: &Sandbox) -> io::Result<()> {
    let mut seen = 0;
    loop {
        for entry in sandbox.log_after(seen, Duration::ZERO) {
            writeln!(io::stdout(), "{entry}")?;
            seen = entry.number;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn approve(url: &str) -> Result<(), Box<dyn Error>> {
    match robot::approve(url)? {
        Landing::Code(code) => Ok(writeln!(io::stdout(), "{code}")?),
        Landing::Callback { status: 200..=399, .. } => Ok(()),
        Landing::Callback { status, .. } => Err(format!("the callback answered {status}").into()),
        Landing::NoCode(error) => Err(format!("the page shows an error: {error}").into()),
    }
}

/// A word that a POSIX shell takes as it is.
fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
