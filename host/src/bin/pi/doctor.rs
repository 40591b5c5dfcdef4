//! `pi doctor`: what is wrong with logins on this machine, and what mends it.
//!
//! With `--json` one object:
//!
//! ```json
//! {
//!   "ok": false,
//!   "findings": [{
//!     "check": "permissions",
//!     "severity": "problem",
//!     "path": "~/.pi/agent/auth.json",
//!     "message": "...",
//!     "mend": "...",
//!     "command": "chmod 600 ~/.pi/agent/auth.json",
//!     "fixable": true
//!   }],
//!   "checked": [{ "check": "lock", "message": "Nobody holds a lock" }],
//!   "left_out": [{ "check": "network", "message": "..." }]
//! }
//! ```
//!
//! `severity` is `problem` or `note`; `path` and `command` are there where there is one. `fixable`
//! says whether `--fix` would mend it; after that, one of `fixed` (what was done) and `not_fixed`
//! (why that failed) is there, too; `mend` is what is left to do then. `ok` is whether no problem
//! is left, as the exit code is.

mod agent;
mod text;

use std::path::Path;
use std::process::ExitCode;

use pi_auth::Error;
use pi_auth::doctor::{Finding, Options, Report, Severity, Verdict, examine};
use serde_json::{Map, Value, json};

use crate::person::Person;
use crate::{cli, output, session};

/// 0 where no problem is left, else 1. What is found is judged by this program's own core,
/// whichever decides otherwise.
pub(crate) fn run(arguments: &cli::Doctor, core: Option<&Path>) -> ExitCode {
    let (auth, stop) = match session::auth(core) {
        Ok((auth, stop)) => (Some(auth), stop),
        // That is what a doctor is for.
        Err(Error::NoDirectory) => (None, Default::default()),
        Err(error) => return output::failed(&error),
    };
    let options = Options { fix: arguments.fix, offline: arguments.offline };
    let mut person = Person::present();
    let job = examine(auth.as_ref(), options, &stop, &mut person);
    let mut report = match session::run_unless_stopped(&stop, job) {
        Ok(report) => report,
        Err(error) => return output::failed(&error),
    };
    agent::look(&mut report);
    if arguments.json {
        output::json(&object(&report));
    } else {
        output::result(&text::of(&report));
    }
    ExitCode::from(if report.is_ok() { 0 } else { 1 })
}

fn object(report: &Report) -> Value {
    let (mut checked, mut left_out) = (Vec::new(), Vec::new());
    for verdict in report.verdicts() {
        match verdict {
            Verdict::Fine(check, message) => {
                checked.push(json!({ "check": check.as_str(), "message": message }));
            }
            Verdict::LeftOut(check, message) => {
                left_out.push(json!({ "check": check.as_str(), "message": message }));
            }
            Verdict::Found(_) => {}
        }
    }
    let findings: Vec<Value> = report.findings().map(finding).collect();
    json!({ "ok": report.is_ok(), "findings": findings, "checked": checked, "left_out": left_out })
}

fn finding(finding: &Finding) -> Value {
    let severity = match finding.severity {
        Severity::Problem => "problem",
        Severity::Note => "note",
    };
    let mut object = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        object.extend(value.map(|value| (name.to_owned(), value)));
    };
    put("check", Some(finding.check.as_str().into()));
    put("severity", Some(severity.into()));
    put("path", finding.path.as_deref().map(Value::from));
    put("message", Some(finding.message.as_str().into()));
    put("mend", Some(finding.mend.as_str().into()));
    put("command", finding.command.as_deref().map(Value::from));
    put("fixable", Some(finding.is_fixable().into()));
    put("fixed", finding.fixed().map(Value::from));
    put("not_fixed", finding.not_fixed().map(Value::from));
    Value::Object(object)
}
