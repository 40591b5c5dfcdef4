//! Whose the files are.

use pi_auth_core::store::access::Owned;

use super::report::{Check, Finding, Report};
use super::subjects::{Role, Subject};

/// What `user` should know of the owners of these.
pub(super) fn judge(subjects: &[Subject], user: u32) -> Report {
    let mut report = Report::default();
    let directory = subjects.iter().find(|subject| subject.role == Role::Directory);
    // Root works for whoever owns the directory, and must leave them what they can use.
    let expected = match (user, directory) {
        (0, Some(directory)) => directory.owned.owner,
        _ => user,
    };
    for subject in subjects.iter().filter(|subject| subject.owned.owner != expected) {
        // Overrides and the directories around may be root's: root is trusted.
        if matches!(subject.role, Role::Overrides | Role::Around) && subject.owned.owner == 0 {
            continue;
        }
        let Subject { shown, owned: Owned { owner, .. }, .. } = subject;
        let whose = if *owner == 0 { "root".to_owned() } else { format!("user {owner}") };
        let rightful = match user {
            0 => format!("user {expected}, who owns the directory"),
            _ => "you".to_owned(),
        };
        let message = format!("{shown} belongs to {whose}, not to {rightful}.");
        let finding = Finding::problem(Check::Owner, message).at(shown);
        // Of root nobody is safe anyway. What another user has made is not to be made one's own.
        report.found(match (owner, subject.role) {
            // There is nothing in it to be kept.
            (_, Role::Beside) => finding
                .mend("Look at it, and delete it if no pi of theirs uses it.")
                .by("ls -ld", shown),
            (0, _) => finding
                .mend("Give it back; it was probably made by a command run as root.")
                .by(&format!("sudo chown {expected}"), shown),
            (_, Role::Directory | Role::Around) => finding
                .mend(
                    "Look at what is in it, and use a directory of your own: that user can replace \
                     every file in it.",
                )
                .by("ls -la", shown),
            _ => finding
                .mend(
                    "Look at it, and delete it unless you know why it is there. Its owner can \
                     change it: do not make it your own.",
                )
                .by("ls -l", shown),
        });
    }
    if user == 0 && expected != 0 {
        let message = format!("You are root, and the directory belongs to user {expected}.");
        let finding = Finding::note(Check::Owner, message);
        report.found(finding.mend("What root writes there is given to that user."));
    }
    if directory.is_some() && report.findings().next().is_none() {
        report.fine(Check::Owner, "The files are your own");
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_by_table() {
        use Role::{Around, Directory, Overrides, Secrets};
        for (user, owners, words) in [
            (7, &[(Directory, 7), (Secrets, 7)][..], &["fine"][..]),
            (7, &[(Directory, 7), (Secrets, 0)], &["problem"]),
            (7, &[(Directory, 0), (Secrets, 0)], &["problem", "problem"]),
            (7, &[(Directory, 7), (Overrides, 0)], &["fine"]),
            (7, &[(Directory, 7), (Overrides, 8)], &["problem"]),
            (7, &[(Directory, 7), (Around, 0)], &["fine"]),
            (7, &[(Directory, 7), (Around, 8)], &["problem"]),
            (0, &[(Directory, 0), (Secrets, 0)], &["fine"]),
            (0, &[(Directory, 7), (Secrets, 7)], &["note"]),
            (0, &[(Directory, 7), (Secrets, 0)], &["problem", "note"]),
            (0, &[(Directory, 0), (Secrets, 7)], &["problem"]),
        ] {
            let subjects = owners.iter().map(|&(role, owner)| {
                let (path, shown) = ("/x".into(), "/x y".to_owned());
                Subject { role, path, shown, owned: Owned { owner, group: owner, mode: 0o600 } }
            });
            let report = judge(&subjects.collect::<Vec<_>>(), user);
            assert_eq!(report.words(), words, "{user} {owners:?}");
            assert!(!report.findings().any(Finding::is_fixable));
        }
    }

    #[test]
    fn a_lock_of_another_user_is_not_adopted() {
        let shown = "~/auth.json.flock".to_owned();
        let subject = Subject {
            role: Role::Beside,
            path: "/x".into(),
            shown,
            owned: Owned { owner: 8, group: 8, mode: 0o600 },
        };
        let text = judge(&[subject], 7).text();
        assert!(text.contains("belongs to user 8") && text.contains("ls -ld ~/auth.json.flock"));
        assert!(text.contains("delete it") && !text.contains("chown"), "{text}");
    }

    #[test]
    fn the_command_names_the_rightful_owner_and_can_be_pasted() {
        let shown = "~/my dir/auth.json".to_owned();
        let subject = Subject {
            role: Role::Secrets,
            path: "/x".into(),
            shown,
            owned: Owned { owner: 0, group: 0, mode: 0o600 },
        };
        let report = judge(&[subject], 7);
        assert!(report.text().contains("sudo chown 7 ~/'my dir/auth.json'"), "{}", report.text());
    }
    #[test]
    fn what_another_user_has_made_is_looked_at_and_not_adopted() {
        for (role, command) in [
            (Role::Secrets, "ls -l ~/f"),
            (Role::Overrides, "ls -l ~/f"),
            (Role::Directory, "ls -la ~/f"),
            (Role::Around, "ls -la ~/f"),
        ] {
            let (path, shown) = ("/x".into(), "~/f".to_owned());
            let subject =
                Subject { role, path, shown, owned: Owned { owner: 8, group: 8, mode: 0o600 } };
            let text = judge(&[subject], 7).text();
            assert!(text.contains(command) && !text.contains("chown"), "{text}");
        }
    }
}
