//! `pi token`: a fresh token costs one read of one file.

use std::path::Path;
use std::process::ExitCode;

use pi_auth::{Error, Token, TokenOptions};

use crate::person::Person;
use crate::{cli, output, session};

pub(crate) fn run(arguments: cli::Token, core: Option<&Path>) -> ExitCode {
    let (auth, stop) = match session::auth(core) {
        Ok(auth) => auth,
        Err(error) => return output::failed(&error),
    };
    let options = TokenOptions { min_validity: arguments.min_validity, ..Default::default() };
    let mut job = auth.token_job(&arguments.provider, options);
    let result = match job.run_local() {
        Some(result) => result,
        None => {
            let mut person = Person::present();
            session::run_unless_stopped(&stop, job.run(&mut person))
        }
    };
    print(result)
}

fn print(result: Result<Token, Error>) -> ExitCode {
    match result {
        Ok(token) => {
            for note in &token.notes {
                output::note(note);
            }
            output::result(&format!("{}\n", token.key.value.expose()));
            ExitCode::SUCCESS
        }
        Err(error) => output::failed(&error),
    }
}
