//! A provider to try `pi login` against, and a robot to press its buttons.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use pi_auth_tests::internet::Internet;
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Config, Sandbox, Settings, stand_in};

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
    ///
    /// A page that asks for the code of a device gets the newest one that waits there.
    Approve(Page),
    /// Press Deny on the page at this address
    Deny(Page),
}

#[derive(Args)]
struct Page {
    /// The port of the sandbox that plays an https address of the real world
    // Not its address: BROWSER is a list that is separated by colons.
    #[arg(long)]
    port: Option<u16>,
    /// The address of the authorize page, or of the page that asks for a code
    url: String,
}

impl Page {
    /// The address as a browser on this machine reaches it.
    fn here(&self) -> String {
        let base_url = self.port.map(|port| format!("http://127.0.0.1:{port}"));
        let here = base_url.and_then(|base_url| stand_in(&base_url, &self.url));
        here.unwrap_or_else(|| self.url.clone())
    }
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
    /// Stand in for the real addresses, behind a proxy, in place of an override file
    #[arg(long, conflicts_with = "providers_file")]
    internet: bool,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(options) => serve(&options),
        Command::Approve(page) => approve(&page.here()),
        Command::Deny(page) => deny(&page.here()),
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
    let internet = if options.internet { Some(Internet::start(&sandbox)?) } else { None };
    let mut environment = match &internet {
        Some(internet) => vec![
            ("HTTPS_PROXY", internet.proxy_url()),
            ("SSL_CERT_FILE", internet.ca_pem_path().to_string_lossy().into_owned()),
        ],
        None => vec![("PI_AUTH_PROVIDERS", write_providers(options, &sandbox, scratch.path())?)],
    };
    environment.push(("PI_CODING_AGENT_DIR", agent_dir.to_string_lossy().into_owned()));

    introduce(sandbox.base_url(), &environment)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            written = print_log(&sandbox) => written,
        }
    })?;
    Ok(())
}

/// Gives the path of the override file.
fn write_providers(
    options: &Serve,
    sandbox: &Sandbox,
    scratch: &Path,
) -> Result<String, Box<dyn Error>> {
    let file = options.providers_file.clone().unwrap_or_else(|| scratch.join("providers.json"));
    fs::write(&file, sandbox.providers_json())?;
    let file = fs::canonicalize(&file)?.to_string_lossy().into_owned();
    writeln!(io::stdout(), "The override file is {file}")?;
    Ok(file)
}

fn introduce(base_url: &str, environment: &[(&str, String)]) -> Result<(), Box<dyn Error>> {
    let word = |(name, value): &(&str, String)| format!("{name}={}", shell_word(value));
    let environment = environment.iter().map(word).collect::<Vec<_>>().join(" ");
    let port = base_url.rsplit(':').next().unwrap_or_default();
    let robot = format!("{} approve --port {port} %s", std::env::current_exe()?.display());
    writeln!(
        io::stdout(),
        "The sandbox is at {base_url}\n\
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
    if robot::is_device_page(url) {
        return Ok(robot::approve_device(url, &robot::pending_user_code(url)?)?);
    }
    match robot::approve(url)? {
        Landing::Code(code) => Ok(writeln!(io::stdout(), "{code}")?),
        Landing::Callback { status: 200..=399, .. } => Ok(()),
        Landing::Callback { status, .. } => Err(format!("the callback answered {status}").into()),
        Landing::NoCode(error) => Err(format!("the page shows an error: {error}").into()),
    }
}

fn deny(url: &str) -> Result<(), Box<dyn Error>> {
    if robot::is_device_page(url) {
        return Ok(robot::deny_device(url, &robot::pending_user_code(url)?)?);
    }
    // Whatever the application makes of it, the button was pressed.
    Ok(robot::deny(url).map(drop)?)
}

/// A word that a POSIX shell takes as it is.
fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
