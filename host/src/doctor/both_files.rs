//! `auth.json` and `oauth.json` side by side: only the first is read.

use pi_auth_core::store::document::{Document, Entry};

use super::file::Seen;
use super::report::{Check, Finding, Report};

/// What becomes of an entry of `oauth.json` when that file is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// `auth.json` has the same, or a login that works in place of this one.
    There,
    /// It is gone, while `auth.json` has something else by its name, or nobody could use it.
    Nowhere,
    /// It is gone, and `auth.json` has nothing that could be used in its place.
    Missed,
}

/// `used` is what stands in `auth.json`, and `ignored` in `oauth.json`; their paths are as they are
/// shown. `aside` is where the latter could be moved to.
pub(super) fn judge(
    used: (&str, &Document),
    ignored: (&str, &Seen),
    aside: Option<&str>,
    now_ms: u64,
) -> Report {
    let mut report = Report::default();
    let ((used_path, used), (path, ignored)) = (used, ignored);
    let document = match ignored {
        Seen::Nothing => return report,
        Seen::Document(document) => document,
        Seen::Unusable(error) => {
            let message = format!(
                "{path} is not read, since there is {used_path}, and nobody can tell what it \
                 holds. {error}"
            );
            let finding = Finding::note(Check::BothFiles, message).at(path);
            report.found(out_of_the_way(
                finding.mend("Look into it if you miss a login."),
                path,
                aside,
            ));
            return report;
        }
    };
    let entries = document.entries();
    let those = |wanted: Kept| -> Vec<&(String, Entry)> {
        let is = |(name, entry): &&(String, Entry)| {
            kept(entry, used.get(name).as_ref(), now_ms) == wanted
        };
        entries.iter().filter(is).collect()
    };
    report.found(match (those(Kept::Missed).as_slice(), those(Kept::Nowhere).as_slice()) {
        ([], []) => Finding::note(
            Check::BothFiles,
            format!("{path} is not read, since there is {used_path}, which has all that it holds."),
        )
        .mend("Remove it: what tokens it still holds are of no use there.")
        .at(path)
        .by("rm", path),
        ([], differ) => {
            let message = format!(
                "{path} holds {}, which may stand nowhere else; only {used_path} is read.",
                listed(differ)
            );
            let advice = "Take over what you miss, in an editor.";
            let finding = Finding::note(Check::BothFiles, message).at(path).mend(advice);
            out_of_the_way(finding, path, aside)
        }
        (missed, _) => {
            let message = format!(
                "{path} holds {}, for which {used_path} has nothing that can be used; only the \
                 latter is read.",
                listed(missed)
            );
            let finding = Finding::problem(Check::BothFiles, message).at(path);
            match missed.iter().find(|(_, entry)| is_login(entry)) {
                Some((name, _)) if missed.iter().all(|(_, entry)| is_login(entry)) => finding
                    .mend("Log in again, or take it over in an editor; keep the file until then.")
                    .by("pi login", name),
                _ => finding.mend("Take it over in an editor; keep the file until then."),
            }
        }
    });
    report
}

/// With the command that moves the file, where there is a place for it.
fn out_of_the_way(finding: Finding, path: &str, aside: Option<&str>) -> Finding {
    match aside {
        Some(aside) => {
            let advice = format!("{} To keep it under another name:", finding.mend);
            finding.mend(advice).by_moving(path, aside)
        }
        None => finding,
    }
}

fn kept(entry: &Entry, used: Option<&Entry>, now_ms: u64) -> Kept {
    match (entry, used) {
        // An entry without a key may name a variable, which is not compared.
        (Entry::ApiKey(Some(_)) | Entry::OAuth(_), Some(used)) if entry == used => Kept::There,
        (Entry::OAuth(login), Some(used @ Entry::OAuth(other)))
            if is_usable(used, now_ms) && login.enterprise == other.enterprise =>
        {
            Kept::There
        }
        (Entry::Unknown, _) => Kept::Nowhere,
        (_, Some(used)) if is_usable(used, now_ms) => Kept::Nowhere,
        _ => Kept::Missed,
    }
}

/// Returns whether a token or a key could still come of it.
fn is_usable(entry: &Entry, now_ms: u64) -> bool {
    match entry {
        Entry::OAuth(login) => login.refresh.is_some() || login.access_for(0, now_ms).is_some(),
        Entry::ApiKey(key) => key.is_some(),
        Entry::Unknown => false,
    }
}

fn is_login(entry: &Entry) -> bool {
    matches!(entry, Entry::OAuth(_))
}

fn listed(entries: &[&(String, Entry)]) -> String {
    let words = entries.iter().map(|(name, entry)| match entry {
        Entry::OAuth(_) => format!("a login to {name}"),
        Entry::ApiKey(_) => format!("an API key for {name}"),
        Entry::Unknown => format!("the entry `{name}`"),
    });
    words.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn said(used: &str, ignored: &Seen) -> Report {
        let used = Document::parse(Some(used)).unwrap();
        let aside = Some("~/oauth.json.bad");
        judge(("~/auth.json", &used), ("~/oauth.json", ignored), aside, NOW_MS)
    }

    #[test]
    fn only_a_file_of_which_nothing_would_be_lost_is_to_be_removed() {
        let login = r#"{"anthropic":{"type":"oauth","refresh":"r"}}"#;
        let newer = r#"{"anthropic":{"type":"oauth","refresh":"s"}}"#;
        let expired = r#"{"anthropic":{"type":"oauth","access":"a","expires":1}}"#;
        let valid = r#"{"anthropic":{"type":"oauth","access":"a","expires":1800000000000}}"#;
        let key = r#"{"anthropic":{"type":"api_key","key":"k"}}"#;
        let other_key = r#"{"anthropic":{"type":"api_key","key":"l"}}"#;
        let variable = r#"{"anthropic":{"type":"api_key","env":"K"}}"#;
        let at_work = r#"{"anthropic":{"type":"oauth","refresh":"r","enterpriseUrl":"a.b"}}"#;
        let of_no_kind = r#"{"anthropic":7}"#;
        let two = r#"{"a":{"type":"api_key","key":"k"},"b":{"type":"oauth"}}"#;
        let option = r#"{"--help":{"type":"oauth","refresh":"r"}}"#;
        let (remove, again, aside) =
            ("rm ~/oauth.json", "pi login anthropic", "mv -n ~/oauth.json ~/oauth.json.bad");
        for (used, ignored, word, command) in [
            (login, login, "note", Some(remove)),
            (login, newer, "note", Some(remove)),
            (login, expired, "note", Some(remove)),
            (valid, login, "note", Some(remove)),
            (expired, expired, "note", Some(remove)),
            (key, key, "note", Some(remove)),
            (login, "{}", "note", Some(remove)),
            ("{}", login, "problem", Some(again)),
            (expired, login, "problem", Some(again)),
            (of_no_kind, login, "problem", Some(again)),
            (variable, login, "problem", Some(again)),
            ("{}", key, "problem", None),
            ("{}", option, "problem", None),
            (expired, key, "problem", None),
            (login, two, "problem", None),
            (login, key, "note", Some(aside)),
            (key, login, "note", Some(aside)),
            (other_key, key, "note", Some(aside)),
            (at_work, login, "note", Some(aside)),
            (login, of_no_kind, "note", Some(aside)),
            ("{}", of_no_kind, "note", Some(aside)),
            (of_no_kind, of_no_kind, "note", Some(aside)),
        ] {
            let seen = Seen::Document(Document::parse(Some(ignored)).unwrap());
            let report = said(used, &seen);
            assert_eq!(report.words(), [word], "{used} {ignored}");
            let given = report.findings().next().unwrap().command.as_deref();
            assert_eq!(given, command, "{used} {ignored}");
        }
        assert_eq!(said("{}", &Seen::Nothing).words(), [""; 0]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_only_ever_moved() {
        let broken = Seen::Unusable(pi_auth_core::error::Error::NoDirectory);
        let report = said("{}", &broken);
        assert_eq!(report.words(), ["note"]);
        assert!(report.text().ends_with("\nmv -n ~/oauth.json ~/oauth.json.bad"), "{report:?}");
        let used = Document::parse(None).unwrap();
        let report = judge(("~/auth.json", &used), ("~/oauth.json", &broken), None, NOW_MS);
        assert_eq!(report.findings().next().unwrap().command, None, "there is no place for it");
    }
}
