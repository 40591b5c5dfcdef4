//! The certificates that are trusted: the system's, or those that variables name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};

use super::report::{Check, Finding, Report};
use crate::store::plain::open_plain;

/// What a variable names.
#[derive(Clone, Debug)]
pub(super) struct Named {
    variable: &'static str,
    path: String,
    holds: Holds,
}

/// What is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holds {
    /// Certificates, by the look of them. They are not counted: whoever loads them takes each once,
    /// and passes over what it cannot use.
    Certificates,
    /// None.
    Nothing,
    /// Nobody can tell; why.
    Unreadable(String),
    /// It is a pipe, say: whoever loads it may wait for ever.
    Blocks,
}

/// Looks at what the variables of this process name; at nothing where the system's certificates
/// count.
pub(super) fn look() -> Vec<Named> {
    // Apple's systems ask their own keychain, whatever the variables say.
    let variable = |name: &str| std::env::var_os(name).filter(|_| !cfg!(target_vendor = "apple"));
    let file = variable("SSL_CERT_FILE").map(PathBuf::from);
    let directories = variable("SSL_CERT_DIR");
    let directories = directories.iter().flat_map(std::env::split_paths);
    let directories = directories.filter(|path| !path.as_os_str().is_empty());
    let file = file.map(|path| named("SSL_CERT_FILE", &path, in_file(&path)));
    let directories = directories.map(|path| named("SSL_CERT_DIR", &path, in_directory(&path)));
    file.into_iter().chain(directories).collect()
}

/// The variable that names what may not be waited for, if there is one: then nothing may be loaded.
pub(super) fn blocking(named: &[Named]) -> Option<&'static str> {
    named.iter().find(|named| named.holds == Holds::Blocks).map(|named| named.variable)
}

fn named(variable: &'static str, path: &Path, holds: Holds) -> Named {
    Named { variable, path: path.display().to_string(), holds }
}

fn in_file(path: &Path) -> Holds {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(metadata) if metadata.is_dir() => {
            return Holds::Unreadable("it is a directory".to_owned());
        }
        Ok(_) => return Holds::Blocks,
        Err(error) => return Holds::Unreadable(error.to_string()),
    }
    match has_certificates(path) {
        Ok(true) => Holds::Certificates,
        Ok(false) => Holds::Nothing,
        Err(error) => Holds::Unreadable(error.to_string()),
    }
}

fn has_certificates(path: &Path) -> io::Result<bool> {
    for certificate in CertificateDer::pem_reader_iter(BufReader::new(open(path)?)) {
        match certificate {
            Ok(_) => return Ok(true),
            Err(PemError::Io(error)) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(false)
}

/// Looked at again: a pipe may have come since.
fn open(path: &Path) -> io::Result<File> {
    open_plain(OpenOptions::new().read(true), path, OFlags::empty())
}

/// What else than a file is in a directory is passed over by whoever loads it.
fn in_directory(path: &Path) -> Holds {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return Holds::Unreadable(error.to_string()),
    };
    match entries.flatten().any(|entry| in_file(&entry.path()) == Holds::Certificates) {
        true => Holds::Certificates,
        false => Holds::Nothing,
    }
}

/// What is to be said of them. `any` is whether one of all the certificates that count can be used.
pub(super) fn judge(named: &[Named], any: bool) -> Report {
    let mut report = Report::default();
    for Named { variable, path, holds } in named {
        let problem = match holds {
            Holds::Certificates if any => {
                report.fine(
                    Check::Certificates,
                    format!("The certificates of {path} count, not the system's ({variable})"),
                );
                continue;
            }
            Holds::Certificates => "of which no certificate can be used.".to_owned(),
            Holds::Nothing => "in which there is no certificate (PEM).".to_owned(),
            Holds::Unreadable(problem) => format!("which cannot be read: {problem}."),
            Holds::Blocks => {
                "which is not a regular file: every request would wait for it.".to_owned()
            }
        };
        let message = match path.as_str() {
            "" => format!("{variable} is set, but empty."),
            path => format!("{variable} names {path}, {problem}"),
        };
        let correct =
            format!("Correct {variable}, or unset it: then the system's certificates count.");
        let finding = match (holds, any) {
            (Holds::Blocks, _) => Finding::problem(Check::Certificates, message).mend(correct),
            (_, true) => Finding::note(Check::Certificates, message)
                .mend("Others are trusted. Correct the variable, or unset it."),
            (_, false) => Finding::problem(
                Check::Certificates,
                format!("{message} So no server is trusted, and no request is made."),
            )
            .mend(correct),
        };
        report.found(match path.as_str() {
            "" => finding,
            path => finding.at(path),
        });
    }
    if named.is_empty() {
        match any {
            true => report.fine(Check::Certificates, "The system's certificates are trusted"),
            false => report.found(
                Finding::problem(
                    Check::Certificates,
                    "This system has no certificates, so no server is trusted.",
                )
                .mend("Install them (the package is mostly called ca-certificates), or name some by SSL_CERT_FILE."),
            ),
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_trusted_by_table() {
        use Holds::{Blocks, Certificates, Nothing};
        let at = |path: &str, holds| Named { variable: "SSL_CERT_FILE", path: path.into(), holds };
        let file = |holds| at("/c", holds);
        let failed = || Holds::Unreadable("No such file".to_owned());
        for (named, any, words, says) in [
            (vec![], true, &["fine"][..], "system"),
            (vec![], false, &["problem"], "ca-certificates"),
            (vec![file(Certificates)], true, &["fine"], "The certificates of /c"),
            (vec![file(Certificates)], false, &["problem"], "no certificate can be used"),
            (vec![file(Nothing)], false, &["problem"], "no certificate (PEM)"),
            (vec![file(failed())], false, &["problem"], "No such file"),
            (vec![file(failed()), file(Certificates)], true, &["note", "fine"], "Others"),
            (vec![file(Blocks)], false, &["problem"], "not a regular file"),
            (vec![at("", failed())], false, &["problem"], "SSL_CERT_FILE is set, but empty."),
        ] {
            let report = judge(&named, any);
            assert_eq!(report.words(), words, "{}", report.text());
            assert!(report.text().contains(says), "{}", report.text());
        }
    }

    #[test]
    fn certificates_are_found_and_anything_else_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        for (text, holds) in [
            ("", Holds::Nothing),
            ("{}", Holds::Nothing),
            (key, Holds::Nothing),
            (certificate, Holds::Certificates),
            (&format!("# last\n{key}{certificate}"), Holds::Certificates),
            ("-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n", Holds::Nothing),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(in_file(&path), holds, "{text}");
            assert_eq!(in_directory(directory.path()), holds, "{text}");
        }
        let unreadable = |holds| matches!(holds, Holds::Unreadable(_));
        assert!(unreadable(in_file(&directory.path().join("none"))));
        assert!(unreadable(in_file(directory.path())));
        assert!(unreadable(in_directory(&path)));
    }

    #[test]
    fn a_pipe_is_never_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let (pipe, link) = (directory.path().join("pipe"), directory.path().join("link"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        symlink(&pipe, &link).unwrap();
        assert_eq!(in_file(&pipe), Holds::Blocks);
        assert_eq!(in_file(&link), Holds::Blocks);
        assert_eq!(in_directory(directory.path()), Holds::Nothing);
        assert!(open(&pipe).is_err(), "it may have come in the meantime");
        let named = |holds| [named("SSL_CERT_FILE", &pipe, holds)];
        assert_eq!(blocking(&named(Holds::Blocks)), Some("SSL_CERT_FILE"));
        assert_eq!(blocking(&named(Holds::Nothing)), None);
    }
}
