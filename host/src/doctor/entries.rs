//! What the file holds that the agent would stumble over.

use pi_auth_core::store::document::{Document, Entry};

use super::report::{Check, Finding, Report};

/// The agent refuses a whole file for one entry that is of no kind it knows.
pub(super) fn judge(shown: &str, document: &Document) -> Report {
    let mut report = Report::default();
    for (name, entry) in document.entries() {
        if entry == Entry::Unknown {
            let message = format!(
                "The entry `{name}` of {shown} is neither a login nor an API key, for which the \
                 agent refuses the whole file."
            );
            report.found(
                Finding::problem(Check::Entries, message)
                    .at(shown)
                    .mend("Take it out of the file, or correct its `type`: `oauth` or `api_key`."),
            );
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_no_kind_is_named() {
        for (file, names) in [
            ("{}", &[][..]),
            (r#"{"a":{"type":"oauth"},"b":{"type":"api_key","key":"k"}}"#, &[]),
            // The agent takes the variable of such an entry.
            (r#"{"b":{"type":"api_key","env":"K"}}"#, &[]),
            (r#"{"a":{"type":"oauth"},"b":7,"c":{"type":"later"}}"#, &["`b`", "`c`"]),
            (r#"{"a":7,"a":{"type":"oauth"}}"#, &[]),
        ] {
            let report = judge("~/a", &Document::parse(Some(file)).unwrap());
            assert_eq!(report.words().len(), names.len(), "{file}");
            assert!(names.iter().all(|name| report.text().contains(name)), "{}", report.text());
        }
    }
}
