//! The command line, and which part of it is ours.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::output;

const AFTER_HELP: &str = "\
Anything else is handed to the pi agent, if one is installed further down PATH.

Exit codes: 0 done, 1 failed, 2 usage, 4 login required, 130 cancelled.";

/// Use a Claude or Copilot subscription in the pi agent and in scripts, without an API key.
#[derive(Debug, Parser)]
#[command(name = "pi", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
struct Cli {
    /// Have the core in this WebAssembly module decide, instead of the one in this program
    #[arg(long, value_name = "FILE.wasm", hide = !cfg!(feature = "wasm-core"))]
    core: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// What this program does itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log in to a provider in the browser
    Login(Login),
    /// Take a stored login out of the credential file
    Logout(Logout),
    /// Show who is logged in, and until when
    Status(Status),
    /// Print an access token that can be used now, refreshed if need be
    Token(Token),
    /// Print the headers that carry such a token on a request, and where to send it
    Headers(Headers),
    /// Find what is wrong with logins on this machine, and what mends it
    Doctor(Doctor),
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// `pi login`
#[derive(Args, Debug)]
pub(crate) struct Login {
    /// The provider, such as `anthropic`; without it, pick one from a list
    pub(crate) provider: Option<String>,
    /// Paste the code that the provider shows, even where the browser could bring it
    #[arg(long)]
    pub(crate) paste: bool,
    /// Only print the address, for a browser on another machine; implies --paste
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// The domain of a GitHub Enterprise, for `github-copilot`; without it you are asked
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) enterprise: Option<String>,
    /// Print one JSON event a line, and read answers as lines
    #[arg(long, requires = "provider")]
    pub(crate) json: bool,
}

/// `pi logout`
#[derive(Args, Debug)]
pub(crate) struct Logout {
    /// The provider, such as `anthropic`; without it, pick one from a list
    #[arg(conflicts_with = "all")]
    pub(crate) provider: Option<String>,
    /// End every login; API keys are left alone
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `pi status`
#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pi token`
#[derive(Args, Debug)]
pub(crate) struct Token {
    /// The provider, such as `anthropic`
    pub(crate) provider: String,
    /// How long the token must be valid for, such as 30m or 2h [default: 5m]
    ///
    /// Where the provider's tokens do not live that long, every call refreshes.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) min_validity: Option<Duration>,
}

/// `pi headers`
#[derive(Args, Debug)]
pub(crate) struct Headers {
    /// The provider, such as `github-copilot`
    pub(crate) provider: String,
    /// Print headers and base URL as JSON
    #[arg(long, conflicts_with = "base_url")]
    pub(crate) json: bool,
    /// Print the base URL of the API alone
    #[arg(long)]
    pub(crate) base_url: bool,
    /// Who began the request, for Copilot [default: as the body tells, else user]
    #[arg(long, value_name = "WHO")]
    pub(crate) initiator: Option<Initiator>,
    /// The request carries an image, for Copilot [default: as the body tells]
    #[arg(long)]
    pub(crate) vision: bool,
    /// The request's JSON body, to tell both from; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,
    /// How long the token must be valid for, such as 10m [default: 5m]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) min_validity: Option<Duration>,
}

/// `pi doctor`
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Mend what is safe to mend: modes that are too wide, dead locks, leftover files
    #[arg(long)]
    pub(crate) fix: bool,
    /// Ask no server
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Who began a request.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Initiator {
    /// The person
    User,
    /// The agent, after the result of a tool or its own words
    Agent,
}

/// Whose turn it is.
pub(crate) enum Invocation {
    /// One of our commands, and the module to run it with, if one is named.
    Ours(Command, Option<PathBuf>),
    /// `pi --version`: both of ours and the agent's.
    Version,
    /// Anything else, and `pi` alone.
    Agent,
}

/// Decides by the first word, before anything is parsed: the rest may be the agent's own.
///
/// Exits with a message and code 2 where the words after one of our commands are wrong.
pub(crate) fn parse(arguments: &[OsString]) -> Invocation {
    // What scripts run before every request, told without building a parser: a twentieth of it all.
    if let [command, provider] = arguments
        && command == "token"
        && let Some(provider) = provider.to_str().filter(|word| !word.starts_with('-'))
    {
        let token = Token { provider: provider.to_owned(), min_validity: None };
        return Invocation::Ours(Command::Token(token), None);
    }
    let first = arguments.first().and_then(|word| word.to_str()).unwrap_or_default();
    match first {
        "login" | "logout" | "status" | "token" | "headers" | "doctor" | "completions" => {
            ours(arguments)
        }
        word if word == "--core" || word.starts_with("--core=") => with_core(arguments),
        "--version" | "-V" if arguments.len() == 1 => Invocation::Version,
        _ => Invocation::Agent,
    }
}

fn with_core(arguments: &[OsString]) -> Invocation {
    if cfg!(feature = "wasm-core") {
        return ours(arguments);
    }
    usage(
        "this pi was built without --core; to get one that has it, run \
         `cargo install --locked --path host --features wasm-core` in a clone",
    )
}

fn ours(arguments: &[OsString]) -> Invocation {
    let name = OsString::from("pi");
    let Cli { command, core } = Cli::parse_from(std::iter::once(&name).chain(arguments));
    Invocation::Ours(command, core)
}

/// The help of `pi` alone.
pub(crate) fn help() -> String {
    Cli::command().render_help().to_string()
}

/// Ends the program over wrong words on the command line: exit code 2.
pub(crate) fn usage(message: &str) -> ! {
    Cli::command().error(clap::error::ErrorKind::ValueValidation, message).exit()
}

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pi", &mut script);
    output::result(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_is_recognized_as_ours() {
        for command in Cli::command().get_subcommands() {
            // Parsing `completions` alone would be a usage error and end the test.
            let words = match command.get_name() {
                name @ ("token" | "headers" | "completions") => {
                    vec![name.to_owned(), "bash".to_owned()]
                }
                name => vec![name.to_owned()],
            };
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            assert!(matches!(parse(&words), Invocation::Ours(_, None)), "{words:?}");
            for core in [&["--core=x.wasm"][..], &["--core", "x.wasm"]] {
                let words: Vec<OsString> =
                    core.iter().map(OsString::from).chain(words.clone()).collect();
                // Which `parse` asks in a build that has it.
                assert!(matches!(ours(&words), Invocation::Ours(_, Some(_))), "{words:?}");
            }
        }
    }

    #[test]
    fn the_rest_is_the_agents() {
        for words in [&[][..], &["-p", "login"], &["hello"], &["--help"], &["--version", "x"]] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert!(matches!(parse(&words), Invocation::Agent), "{words:?}");
        }
        assert!(matches!(parse(&["--version".into()]), Invocation::Version));
    }
}
