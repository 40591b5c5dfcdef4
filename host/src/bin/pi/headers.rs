//! `pi headers`: what a request to a provider's API carries, and where it goes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use pi_auth::json::Json;
use pi_auth::{Header, Headers, HeadersOptions, Initiator, Secret, TokenOptions, plain};
use serde_json::{Map, Value, json};

use crate::person::Person;
use crate::{cli, output, session};

/// The largest body that is looked at, in bytes (64 MiB): images are large.
const MAX_BODY_BYTES: u64 = 64 << 20;

pub(crate) fn run(arguments: cli::Headers, core: Option<&Path>) -> ExitCode {
    let body = match arguments.body.as_deref().map(read).transpose() {
        Ok(body) => body,
        Err(problem) => {
            output::error(&problem, "Give the JSON body of the request as a file, or - for it.");
            return ExitCode::FAILURE;
        }
    };
    let options = HeadersOptions {
        body,
        initiator: arguments.initiator.map(|initiator| match initiator {
            cli::Initiator::User => Initiator::User,
            cli::Initiator::Agent => Initiator::Agent,
        }),
        vision: arguments.vision.then_some(true),
        token: TokenOptions { min_validity: arguments.min_validity, ..Default::default() },
    };
    let (auth, stop) = match session::auth(core) {
        Ok(auth) => auth,
        Err(error) => return output::failed(&error),
    };
    let mut job = auth.headers_job(&arguments.provider, options);
    let result = match job.run_local() {
        Some(result) => result,
        None => {
            let mut person = Person::present();
            session::run_unless_stopped(&stop, job.run(&mut person))
        }
    };
    match result {
        Ok(headers) => print(&headers, &arguments),
        Err(error) => output::failed(&error),
    }
}

/// Takes nothing that is not whole and JSON: it would seem to come from the person, which is what
/// they pay for.
fn read(path: &Path) -> Result<Secret, String> {
    let shown = plain(&path.display().to_string());
    let mut text = String::new();
    let opened: io::Result<Box<dyn Read>> = match path.as_os_str() == "-" {
        true => Ok(Box::new(io::stdin().lock())),
        false => File::open(path).map(|file| Box::new(file) as Box<dyn Read>),
    };
    let read = opened.and_then(|file| file.take(MAX_BODY_BYTES + 1).read_to_string(&mut text));
    match read {
        Err(problem) => Err(format!("Could not read {shown}: {problem}.")),
        Ok(bytes) if bytes as u64 > MAX_BODY_BYTES => Err(format!("{shown} is over 64 MiB.")),
        Ok(_) => match Json::parse(&text) {
            Ok(_) => Ok(Secret::new(text)),
            Err(problem) => Err(format!("{shown} is not JSON: {problem}.")),
        },
    }
}

/// Lines fit for `curl -H @FILE`; so what is no header goes to standard error.
fn print(headers: &Headers, arguments: &cli::Headers) -> ExitCode {
    for note in &headers.notes {
        output::note(note);
    }
    if arguments.json {
        output::json(&object(headers));
    } else if arguments.base_url {
        let Some(url) = &headers.base_url else {
            let key = format!("{}.api_base_url", plain(&arguments.provider));
            let advice = format!("Set {key} in auth-providers.json.");
            output::error("Nobody has told where this provider's API is.", &advice);
            return ExitCode::FAILURE;
        };
        output::result(&format!("{url}\n"));
    } else {
        let line = |header: &Header| format!("{}: {}\n", header.name, header.value.expose());
        output::result(&headers.headers.iter().map(line).collect::<String>());
        if let Some(url) = &headers.base_url {
            output::say(&format!("Base URL: {url}\n"));
        }
    }
    ExitCode::SUCCESS
}

fn object(headers: &Headers) -> Value {
    let pair = |header: &Header| (header.name.clone(), Value::from(header.value.expose()));
    let pairs: Map<String, Value> = headers.headers.iter().map(pair).collect();
    json!({
        "headers": pairs,
        "base_url": headers.base_url,
        "origins": headers.origins,
        "expires_ms": headers.expires_ms,
    })
}
