//! The certificates that are trusted: the system's, or those that variables name.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};

use super::report::{Check, Finding, Report};

/// What a variable names.
#[derive(Clone, Debug)]
pub(super) struct Named {
    variable: &'static str,
    path: String,
    /// How many certificates it holds, or why it cannot be read.
    holds: Result<usize, String>,
}

/// What is trusted.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// What variables name; nothing where the system's certificates count.
    named: Vec<Named>,
    /// Whether there are any to trust at all.
    any: bool,
}

/// Looks at what the variables of this process name. `any` is whether there are any to trust at all.
pub(super) fn look(any: bool) -> Facts {
    // Apple's systems ask their own keychain, whatever the variables say.
    let variable = |name: &str| std::env::var_os(name).filter(|_| !cfg!(target_vendor = "apple"));
    let file = variable("SSL_CERT_FILE").map(PathBuf::from);
    let directories = variable("SSL_CERT_DIR");
    let directories = directories.iter().flat_map(std::env::split_paths);
    let directories = directories.filter(|path| !path.as_os_str().is_empty());
    let file = file.map(|path| named("SSL_CERT_FILE", &path, in_file(&path)));
    let directories = directories.map(|path| named("SSL_CERT_DIR", &path, in_directory(&path)));
    Facts { named: file.into_iter().chain(directories).collect(), any }
}

fn named(variable: &'static str, path: &Path, holds: Result<usize, String>) -> Named {
    Named { variable, path: path.display().to_string(), holds }
}

fn in_file(path: &Path) -> Result<usize, String> {
    let read = |error| match error {
        PemError::Io(error) => error.to_string(),
        error => error.to_string(),
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(read)?;
    let mut count = 0;
    for certificate in certificates {
        match certificate {
            Ok(_) => count += 1,
            Err(PemError::Io(error)) => return Err(error.to_string()),
            Err(_) => {}
        }
    }
    Ok(count)
}

fn in_directory(path: &Path) -> Result<usize, String> {
    let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
    Ok(entries.flatten().map(|entry| in_file(&entry.path()).unwrap_or_default()).sum())
}

/// What is to be said of them.
pub(super) fn judge(facts: &Facts) -> Report {
    let mut report = Report::default();
    for Named { variable, path, holds } in &facts.named {
        let problem = match holds {
            Ok(0) => "in which there is no certificate (PEM).".to_owned(),
            Ok(count) => {
                let what = if *count == 1 { "certificate" } else { "certificates" };
                report.fine(
                    Check::Certificates,
                    format!("{count} {what} of {path} count, not the system's ({variable})"),
                );
                continue;
            }
            Err(problem) => format!("which cannot be read: {problem}."),
        };
        let message = format!("{variable} names {path}, {problem}");
        let finding = match facts.any {
            true => Finding::note(Check::Certificates, message)
                .mend("Others are trusted. Correct the variable, or unset it."),
            false => Finding::problem(
                Check::Certificates,
                format!("{message} So no server is trusted, and no request is made."),
            )
            .mend(format!(
                "Correct {variable}, or unset it: then the system's certificates count."
            )),
        };
        report.found(finding.at(path));
    }
    if facts.named.is_empty() {
        match facts.any {
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
    use super::*;

    #[test]
    fn what_is_trusted_by_table() {
        let file = |holds| Named { variable: "SSL_CERT_FILE", path: "/c".into(), holds };
        let failed = || Err("No such file".to_owned());
        for (named, any, words, says) in [
            (vec![], true, &["fine"][..], "system"),
            (vec![], false, &["problem"], "ca-certificates"),
            (vec![file(Ok(1))], true, &["fine"], "1 certificate of /c"),
            (vec![file(Ok(0))], false, &["problem"], "no certificate"),
            (vec![file(failed())], false, &["problem"], "No such file"),
            (vec![file(failed()), file(Ok(3))], true, &["note", "fine"], "3 certificates"),
        ] {
            let report = judge(&Facts { named, any });
            assert_eq!(report.words(), words, "{}", report.text());
            assert!(report.text().contains(says), "{}", report.text());
        }
    }

    #[test]
    fn certificates_are_counted_and_anything_else_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        for (text, count) in [
            ("", 0),
            ("{}", 0),
            (key, 0),
            (certificate, 1),
            (&format!("# two\n{certificate}{key}{certificate}"), 2),
            ("-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n", 0),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(in_file(&path), Ok(count), "{text}");
            assert_eq!(in_directory(directory.path()), Ok(count), "{text}");
        }
        assert!(in_file(&directory.path().join("none")).is_err());
        assert!(in_file(directory.path()).is_err());
        assert!(in_directory(&path).is_err());
    }
}
