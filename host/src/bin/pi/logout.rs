//! `pi logout`.

use std::path::Path;
use std::process::ExitCode;

use pi_auth::{Interaction, LoggedOut, LogoutOptions, Outcome, Revocation};

use crate::person::Person;
use crate::terminal::Style;
use crate::{cli, output, session};

pub(crate) fn run(arguments: cli::Logout, core: Option<&Path>) -> ExitCode {
    let mut person = Person::present();
    if arguments.provider.is_none() && !arguments.all && !person.is_present() {
        cli::usage("without a terminal, logout needs a provider: pi logout anthropic");
    }
    let options = LogoutOptions {
        provider: arguments.provider,
        all: arguments.all,
        confirmed: arguments.yes,
    };
    let (auth, stop) = match session::auth(core) {
        Ok(auth) => auth,
        Err(error) => return output::failed(&error),
    };
    match session::run(&stop, auth.logout(options, &mut person)) {
        Ok(logged_out) => {
            print(&logged_out);
            session::exit_code(&stop)
        }
        Err(error) => output::failed(&error),
    }
}

fn print(logged_out: &LoggedOut) {
    for note in &logged_out.notes {
        output::note(note);
    }
    for provider in &logged_out.providers {
        let (tick, name) = (Style::for_stdout().tick(), provider.short_name());
        output::result(&format!("{tick} Successfully logged out of {name}\n"));
    }
    output::result(&match logged_out.providers.is_empty() {
        true => "There was no login to end.\n".to_owned(),
        false => format!("  Credentials removed from {}\n", logged_out.path),
    });
    for revocation in &logged_out.revocations {
        tell(revocation);
    }
}

fn tell(revocation: &Revocation) {
    let name = revocation.provider.short_name();
    let until = "what it has given stays valid there until it expires, or until you end it in your \
                 account's settings";
    match &revocation.outcome {
        Outcome::Confirmed => {
            output::result(&format!("  {name} has confirmed that the token is revoked\n"));
        }
        Outcome::NotConfirmed { problem } => {
            output::note(&format!("{name} has not confirmed it: {problem}. So {until}."));
        }
        _ => output::say(&format!("  {name} cannot be told from here: {until}.\n")),
    }
}
