//! `auth.json` and `oauth.json` side by side: only the first is read.

use pi_auth_core::document::{Document, Entry};

use super::file::Seen;
use super::report::{Check, Finding, Report};

/// `used` is what stands in `auth.json`, and `ignored` in `oauth.json`; their paths are as they are
/// shown.
pub(super) fn judge(used: (&str, &Document), ignored: (&str, &Seen)) -> Report {
    let mut report = Report::default();
    let ((used_path, used), (path, ignored)) = (used, ignored);
    let finding = match ignored {
        Seen::Nothing => return report,
        Seen::Unusable(_) => Finding::note(
            Check::BothFiles,
            format!("{path} is not read, since there is {used_path}; it could not be anyway."),
        )
        .mend("Remove it, if you do not miss anything."),
        Seen::Document(document) => match lost(used, document).as_slice() {
            [] => Finding::note(
                Check::BothFiles,
                format!(
                    "{path} is not read, since there is {used_path}, which has all its logins."
                ),
            )
            .mend("Remove it: what tokens it still holds are of no use there."),
            lost => Finding::problem(
                Check::BothFiles,
                format!(
                    "{path} holds a login to {}, which {used_path} lacks; only the latter is read.",
                    lost.join(", ")
                ),
            )
            .mend("Log in again. After that the old file is of no use any more.")
            .by("pi login", &lost[0]),
        },
    };
    let finding = match finding.command {
        Some(_) => finding,
        None => finding.by("rm", path),
    };
    report.found(finding.at(path));
    report
}

/// The logins that are in `ignored` alone.
fn lost(used: &Document, ignored: &Document) -> Vec<String> {
    let entries = ignored.entries().into_iter();
    let logins = entries.filter(|(_, entry)| matches!(entry, Entry::OAuth(_)));
    logins.map(|(name, _)| name).filter(|name| used.get(name).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_nobody_reads_is_a_problem_and_any_other_file_a_note() {
        let parse = |text: &str| Document::parse(Some(text)).unwrap();
        let login = r#"{"anthropic":{"type":"oauth"}}"#;
        let broken = Seen::Unusable(pi_auth_core::error::Error::NoDirectory);
        for (used, ignored, words) in [
            ("{}", Seen::Nothing, &[][..]),
            ("{}", Seen::Document(parse(login)), &["problem"]),
            (login, Seen::Document(parse(login)), &["note"]),
            (r#"{"anthropic":7}"#, Seen::Document(parse(login)), &["note"]),
            ("{}", Seen::Document(parse(r#"{"x":{"type":"api_key"}}"#)), &["note"]),
            (login, broken, &["note"]),
        ] {
            let report = judge(("~/auth.json", &parse(used)), ("~/oauth.json", &ignored));
            assert_eq!(report.words(), words, "{used} {ignored:?}");
        }
    }
}
