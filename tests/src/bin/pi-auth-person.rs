//! A person with a browser at a real OAuth server: `BROWSER='pi-auth-person approve %s'`.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use pi_auth_tests::oidc::person::{End, Person};

#[derive(Parser)]
#[command(about = "A person with a browser at the OAuth server of the tests", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Log in and consent: BROWSER='pi-auth-person approve %s'
    Approve(Visit),
    /// Take the first way out that a page offers
    Deny(Visit),
}

#[derive(Args)]
struct Visit {
    /// The address of the page
    url: String,
    /// What to enter where the page asks for a code
    #[arg(long)]
    code: Option<String>,
    /// Print the address that it leads to instead of going there
    #[arg(long)]
    stay: bool,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Approve(visit) => make(Person::approves(), &visit),
        Command::Deny(visit) => make(Person::denies(), &visit),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When even stderr is gone, the exit code still tells.
            let _ = writeln!(io::stderr(), "pi-auth-person: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whatever the application makes of it at its callback, the person has done their part.
fn make(person: Person, visit: &Visit) -> Result<(), Box<dyn Error>> {
    let person = match &visit.code {
        Some(code) => person.with_code(code),
        None => person,
    };
    match person.opens(&visit.url)? {
        End::Callback(url) if visit.stay => Ok(writeln!(io::stdout(), "{url}")?),
        end @ End::Callback(_) => Ok(end.follow().map(drop)?),
        End::Page(_) => Ok(()),
    }
}
