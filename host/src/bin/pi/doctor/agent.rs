//! The agent's own `pi`, and which of the two a shell starts.

use std::path::Path;

use pi_auth::doctor::{Check, Finding, Report};

use crate::handoff;

/// Looks along PATH.
pub(super) fn look(report: &mut Report) {
    judge(report, handoff::in_front().as_deref(), handoff::agent().as_deref());
}

fn judge(report: &mut Report, in_front: Option<&Path>, agent: Option<&Path>) {
    if let Some(in_front) = in_front {
        let path = in_front.display().to_string();
        let message = format!("`pi` starts {path} here, not this program.");
        let advice =
            "Put the directory of this program before it on PATH, or start it by its path.";
        report.found(Finding::note(Check::Agent, message).at(&path).mend(advice));
    }
    report.fine(
        Check::Agent,
        match agent {
            Some(agent) => format!("The agent's own pi is {}", agent.display()),
            None => "No pi agent is further down PATH; logins work without one".to_owned(),
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_in_front_is_worth_knowing() {
        let agent = Path::new("/usr/bin/pi");
        for (in_front, agent, findings) in
            [(None, None, 0), (None, Some(agent), 0), (Some(agent), Some(agent), 1)]
        {
            let mut report = Report::default();
            judge(&mut report, in_front, agent);
            assert_eq!(report.findings().count(), findings);
            assert!(report.is_ok());
        }
    }
}
