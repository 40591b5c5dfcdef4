//! The credential file: whether it can be read, and is a document.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use pi_auth_core::error::{Error, StoreFailure};
use pi_auth_core::flow::Event;
use pi_auth_core::store::document::Document;
use rustix::fs::OFlags;

use super::report::{Check, Finding, Report};
use crate::store::plain::open_plain;
use crate::store::{MAX_BYTES, Store};

/// How often, and how long apart, a file is read again that is no document: the agent writes in
/// place, and half a file can be seen.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// What was read.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// There is no file.
    Nothing,
    /// A document.
    Document(Document),
    /// What is wrong with it.
    Unusable(Error),
}

impl Seen {
    /// Returns whether it is there and may not be read.
    pub(super) fn is_closed(&self) -> bool {
        let denied = StoreFailure::PermissionDenied;
        matches!(self, Self::Unusable(Error::Store { failure, .. }) if *failure == denied)
    }
}

/// Reads the file at `path`, as a flow would.
pub(super) async fn look(store: &Store, path: &Path) -> Seen {
    let mut seen = read(store, path);
    for _ in 1..LOOKS {
        if !matches!(seen, Seen::Unusable(Error::StoreCorrupt { .. })) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        seen = read(store, path);
    }
    seen
}

fn read(store: &Store, path: &Path) -> Seen {
    match store.read_at(path) {
        Event::StoreRead { contents: None, .. } => Seen::Nothing,
        Event::StoreRead { path, contents: Some(text), .. } => {
            match Document::parse(Some(text.expose())) {
                Ok(document) => Seen::Document(document),
                Err(corrupt) => {
                    Seen::Unusable(Error::StoreCorrupt { path, reason: corrupt.reason })
                }
            }
        }
        // As the flows do, which ask a person to mend it like any that does not parse.
        Event::StoreFailed { path: shown, failure: failure @ StoreFailure::NotUtf8 } => {
            let reason = bytes(path).map_or(failure.to_string(), |bytes| not_text(&bytes));
            Seen::Unusable(Error::StoreCorrupt { path: shown, reason })
        }
        Event::StoreFailed { path, failure } => {
            Seen::Unusable(Error::Store { path, attempt: "read", failure })
        }
        _ => Seen::Nothing,
    }
}

/// With the guards of the read before it: something else may stand there by now.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open_plain(OpenOptions::new().read(true), path, OFlags::empty())?;
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_text(bytes: &[u8]) -> String {
    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let line = valid.matches('\n').count() + 1;
    let column = valid.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("it is not UTF-8 text from line {line}, column {column} on")
}

/// What is to be said of the file in use. `aside` is where it could be moved to, and `is_shut`
/// whether its owner, this user, has shut it.
pub(super) fn judge(shown: &str, seen: &Seen, aside: Option<&str>, is_shut: bool) -> Report {
    let mut report = Report::default();
    match seen {
        Seen::Nothing => report.fine(Check::File, "Nothing is stored yet: `pi login`"),
        Seen::Document(document) => {
            let entries = match document.entries().len() {
                1 => "1 entry".to_owned(),
                entries => format!("{entries} entries"),
            };
            report.fine(Check::File, format!("{shown} is sound ({entries})"));
        }
        Seen::Unusable(error @ Error::StoreCorrupt { .. }) => {
            let finding = Finding::problem(Check::File, error.to_string()).at(shown);
            let advice = "Mend it in an editor, or move it away and log in again.";
            let finding = finding.mend(advice);
            report.found(match aside {
                Some(aside) => finding.by_moving(shown, aside),
                None => finding,
            });
        }
        Seen::Unusable(error) if is_shut => report.found(
            Finding::of(Check::File, error)
                .at(shown)
                .mend("Its mode keeps you from reading it; it is your own.")
                .by("chmod 600", shown),
        ),
        Seen::Unusable(error) => report.found(Finding::of(Check::File, error).at(shown)),
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_by_table() {
        let document = |text: &str| Seen::Document(Document::parse(Some(text)).unwrap());
        let path = || "~/a".to_owned();
        let failed =
            |failure| Seen::Unusable(Error::Store { path: path(), attempt: "read", failure });
        let corrupt = |text: &str| {
            let reason = Document::parse(Some(text)).unwrap_err().reason;
            Seen::Unusable(Error::StoreCorrupt { path: path(), reason })
        };
        for (seen, words, says) in [
            (Seen::Nothing, &["fine"], "pi login"),
            (document("{}"), &["fine"], "0 entries"),
            (document(r#"{"a":{}}"#), &["fine"], "1 entry)"),
            (corrupt("{\n  \"a\": }"), &["problem"], "line 2, column 8"),
            (document(""), &["fine"], "0 entries"),
            (document("\u{feff}\n"), &["fine"], "0 entries"),
            (corrupt("x"), &["problem"], "mv -n ~/a ~/a.bad2"),
            (failed(StoreFailure::NotAFile), &["problem"], "not a regular file"),
            (failed(StoreFailure::TooLarge), &["problem"], "1 MiB"),
            (failed(StoreFailure::PermissionDenied), &["problem"], "ls -ld"),
        ] {
            let report = judge("~/a", &seen, Some("~/a.bad2"), false);
            assert_eq!(report.words(), words, "{seen:?}");
            assert!(report.text().contains(says), "{}", report.text());
        }
        let report = judge("~/a", &failed(StoreFailure::PermissionDenied), None, true);
        assert_eq!(report.words(), ["problem"]);
        assert!(report.text().ends_with("\nchmod 600 ~/a"), "{}", report.text());
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_place() {
        assert!(not_text(b"\xff").ends_with("line 1, column 1 on"));
        assert!(not_text("{\n \"é".as_bytes()).contains("line 2, column 4"));
        assert!(not_text(b"{\n \"\xc3\xa9\xff").ends_with("line 2, column 4 on"));
    }
}
