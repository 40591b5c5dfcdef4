//! `pi login`.

use std::process::ExitCode;

use pi_auth::{Interaction, LoginOptions};

use crate::json::{self, Json};
use crate::person::Person;
use crate::terminal::Style;
use crate::{cli, output, session};

pub(crate) fn run(arguments: cli::Login) -> ExitCode {
    let options = LoginOptions {
        provider: arguments.provider,
        paste: arguments.paste,
        no_browser: arguments.no_browser,
        enterprise: arguments.enterprise,
    };
    if arguments.json {
        return with_json(options);
    }
    let mut person = Person::present();
    if options.provider.is_none() && !person.is_present() {
        cli::usage("without a terminal, login needs a provider: pi login anthropic");
    }
    match log_in(options, &mut person) {
        Err(code) => code,
        Ok(Err(error)) => output::failed(&error),
        Ok(Ok(logged_in)) => {
            output::result(&format!(
                "\n{} Successfully authenticated with {}\n  Tokens saved to {}\n",
                Style::for_stdout().tick(),
                logged_in.provider.short_name(),
                logged_in.path
            ));
            for note in &logged_in.notes {
                output::note(note);
            }
            ExitCode::SUCCESS
        }
    }
}

fn with_json(options: LoginOptions) -> ExitCode {
    match log_in(options, &mut Json::default()) {
        Err(code) => code,
        Ok(Ok(logged_in)) => {
            json::logged_in(&logged_in);
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            json::failed(&error);
            output::exit_code(&error)
        }
    }
}

fn log_in(
    options: LoginOptions,
    interaction: &mut impl Interaction,
) -> Result<Result<pi_auth::LoggedIn, pi_auth::Error>, ExitCode> {
    let (auth, stop) = session::auth()?;
    Ok(session::run(&stop, auth.login(options, interaction)))
}
