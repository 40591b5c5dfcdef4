//! Who may read and write the files.

use super::mend::Remedy;
use super::report::{Check, Finding, Report};
use super::subjects::{Role, Subject};

/// Reports the modes that `user`, whose group is `group`, should know of.
pub(super) fn judge(subjects: &[Subject], user: u32, group: u32) -> Report {
    let mut report = Report::default();
    for subject in subjects {
        if let Some(finding) = finding(subject, user, group) {
            let narrowed = narrowed(subject);
            // What belongs to somebody else is theirs to narrow, even for root; and a directory
            // around the agent's may be shared for other reasons.
            let is_own = subject.owned.owner == user && subject.role != Role::Around;
            let remedy = is_own.then(|| Remedy::Narrow {
                path: subject.path.clone(),
                from: subject.owned.mode,
                to: narrowed,
            });
            let command = match subject.role {
                Role::Around => "chmod go-w".to_owned(),
                _ => format!("chmod {narrowed:o}"),
            };
            let finding = finding.at(&subject.shown).by(&command, &subject.shown);
            report.found(finding.offer(remedy));
        }
    }
    let holds_secrets = subjects.iter().any(|subject| subject.role == Role::Secrets);
    if holds_secrets && report.findings().next().is_none() {
        report.fine(Check::Permissions, "Nobody else can read or write the files");
    }
    report
}

fn finding(subject: &Subject, user: u32, group: u32) -> Option<Finding> {
    let Subject { role, shown, owned, .. } = subject;
    let mode = owned.mode;
    let others = format!("others on this machine (mode {mode:o})");
    let (problem, note) = (
        |message: String| Finding::problem(Check::Permissions, message),
        |message: String| Finding::note(Check::Permissions, message),
    );
    let open = owned.open_bits(user, group);
    let (readable, writable) = (open & 0o044 != 0, open & 0o022 != 0);
    Some(match role {
        Role::Secrets if readable || writable => {
            let (act, done) = match (readable, writable) {
                (true, true) => ("read and written", "read or changed"),
                (true, false) => ("read", "read"),
                (false, _) => ("written", "changed"),
            };
            problem(format!("{shown}, which holds tokens, can be {act} by {others}."))
                .mend(format!(
                    "Make it yours alone; if somebody may have {done} it, log in anew after that."
                ))
                .then(&format!("If somebody may have {done} it, log in anew."))
        }
        Role::Directory if owned.is_open_directory(user, group) => {
            problem(format!("{shown} can be written by {others}, who could replace your logins."))
                .mend("Make it yours alone.")
                .then("If somebody may have replaced your logins, log in anew.")
        }
        // The agent itself makes it so on some ways in; the files in it are still closed.
        // A sticky one is shared on purpose, as /tmp is: files in it are their owners' to replace.
        Role::Directory if open & 0o055 != 0 && mode & 0o1000 == 0 => {
            note(format!("{shown} can be looked into by {others}."))
                .mend("Make it yours alone, if nothing of others needs it.")
        }
        Role::Beside if readable || writable => {
            note(format!("{shown} is open to {others}. It holds no secret, but could be blocked."))
                .mend("Make it yours alone.")
        }
        Role::Overrides if writable => problem(format!(
            "{shown} can be written by {others}, who could send your tokens to other servers."
        ))
        .mend("Take the right to write it away from them.")
        .then("Look at what is in it, if somebody may have changed it."),
        Role::Around if owned.is_open_directory(user, group) => problem(format!(
            "{shown} can be written by {others}, who could replace the file that is in use there."
        ))
        .mend("Look at what is in it, then take the right to write it away from them."),
        _ => return None,
    })
}

/// The mode without what others may; never one that allows more.
fn narrowed(subject: &Subject) -> u32 {
    match subject.role {
        Role::Overrides | Role::Around => subject.owned.mode & !0o022,
        Role::Directory => subject.owned.mode & !0o7077,
        _ => subject.owned.mode & !0o7177,
    }
}

#[cfg(test)]
mod tests {
    use pi_auth_core::store::access::Owned;

    use super::*;

    #[test]
    fn modes_by_table() {
        use Role::{Around, Beside, Directory, Overrides, Secrets};
        for (role, mode, words, command) in [
            (Secrets, 0o600, &["fine"][..], ""),
            (Secrets, 0o400, &["fine"], ""),
            (Secrets, 0o644, &["problem"], "chmod 600 "),
            (Secrets, 0o640, &["problem"], "chmod 600 "),
            (Secrets, 0o602, &["problem"], "chmod 600 "),
            (Secrets, 0o777, &["problem"], "chmod 600 "),
            (Secrets, 0o666, &["problem"], "can be read and written by"),
            (Secrets, 0o622, &["problem"], "can be written by"),
            (Secrets, 0o444, &["problem"], "chmod 400 "),
            (Directory, 0o700, &[], ""),
            (Directory, 0o755, &["note"], "chmod 700 "),
            (Directory, 0o711, &["note"], "chmod 700 "),
            (Directory, 0o775, &["problem"], "chmod 700 "),
            (Directory, 0o777, &["problem"], "chmod 700 "),
            (Directory, 0o1777, &[], ""),
            (Directory, 0o1775, &[], ""),
            (Directory, 0o577, &["problem"], "chmod 500 "),
            (Beside, 0o600, &[], ""),
            (Beside, 0o644, &["note"], "chmod 600 "),
            (Overrides, 0o644, &[], ""),
            (Overrides, 0o664, &["problem"], "chmod 644 "),
            (Around, 0o755, &[], ""),
            (Around, 0o1777, &[], ""),
            (Around, 0o777, &["problem"], "chmod go-w ~/x"),
            (Around, 0o775, &["problem"], "chmod go-w ~/x"),
        ] {
            let (path, shown) = ("/x".into(), "~/x".to_owned());
            let subject =
                Subject { role, path, shown, owned: Owned { owner: 7, group: 100, mode } };
            let report = judge(std::slice::from_ref(&subject), 7, 100);
            assert_eq!(report.words(), words, "{role:?} {mode:o}");
            assert!(report.text().contains(command), "{role:?} {mode:o}: {}", report.text());
            assert!(report.findings().all(|it| it.is_fixable() == (role != Around)));
            assert_eq!(narrowed(&subject) & !mode, 0, "only ever narrower");
            let theirs = judge(&[subject], 8, 8);
            assert!(!theirs.findings().any(Finding::is_fixable), "it is somebody else's");
        }
    }

    #[test]
    fn a_private_group_is_nobody_else() {
        use Role::{Around, Beside, Directory, Overrides, Secrets};
        for (role, mode, words) in [
            (Secrets, 0o660, &["fine"][..]),
            (Secrets, 0o664, &["problem"]),
            (Directory, 0o770, &[]),
            (Directory, 0o775, &["note"]),
            (Beside, 0o660, &[]),
            (Overrides, 0o664, &[]),
            (Overrides, 0o666, &["problem"]),
            (Around, 0o775, &[]),
            (Around, 0o777, &["problem"]),
        ] {
            let (path, shown) = ("/x".into(), "~/x".to_owned());
            let subject = Subject { role, path, shown, owned: Owned { owner: 7, group: 7, mode } };
            let report = judge(std::slice::from_ref(&subject), 7, 7);
            assert_eq!(report.words(), words, "{role:?} {mode:o}");
            // Root works for its owner; to a user of another primary group it is not private.
            assert_eq!(judge(std::slice::from_ref(&subject), 0, 0).words(), words);
            assert_eq!(judge(&[subject], 7, 100).words().last(), Some(&other(role)));
        }
    }

    /// Reports a mode that lets a group write which has other members.
    fn other(role: Role) -> &'static str {
        if role == Role::Beside { "note" } else { "problem" }
    }
}
