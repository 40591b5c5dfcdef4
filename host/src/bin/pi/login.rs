//! `pi login`.

use std::path::Path;
use std::process::ExitCode;

use pi_auth::{Interaction, LoginOptions};

use crate::json::{self, Json};
use crate::person::Person;
use crate::terminal::Style;
use crate::{cli, output, session};

pub(crate) fn run(arguments: cli::Login, core: Option<&Path>) -> ExitCode {
    let options = LoginOptions {
        provider: arguments.provider,
        paste: arguments.paste,
        no_browser: arguments.no_browser,
        enterprise: arguments.enterprise,
    };
    if arguments.json {
        return with_json(options, core);
    }
    let mut person = Person::present();
    if options.provider.is_none() && !person.is_present() {
        cli::usage("without a terminal, login needs a provider: pi login anthropic");
    }
    let (auth, stop) = match session::auth(core) {
        Ok(auth) => auth,
        Err(error) => return output::failed(&error),
    };
    match session::run(&stop, auth.login(options, &mut person)) {
        Err(error) => output::failed(&error),
        Ok(logged_in) => {
            output::result(&format!(
                "\n{} Successfully authenticated with {}\n  Tokens saved to {}\n",
                Style::for_stdout().tick(),
                logged_in.provider.short_name(),
                logged_in.path
            ));
            for note in logged_in.notes.iter().filter(|note| !person.has_seen(note)) {
                output::note(note);
            }
            session::exit_code(&stop)
        }
    }
}

/// Whatever happens is an event, and the last one tells how it ended.
fn with_json(options: LoginOptions, core: Option<&Path>) -> ExitCode {
    let result = session::auth(core).and_then(|(auth, stop)| {
        let logged_in = session::run(&stop, auth.login(options, &mut Json::default()))?;
        Ok((logged_in, stop))
    });
    match result {
        Ok((logged_in, stop)) => {
            json::logged_in(&logged_in);
            session::exit_code(&stop)
        }
        Err(error) => {
            json::failed(&error);
            output::exit_code(&error)
        }
    }
}
