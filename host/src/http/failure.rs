//! Why there was no response, as far as the chain of causes tells.

use std::error::Error;
use std::io;

use pi_auth_core::http::TransportFailure;
use rustls::CertificateError;

/// What a failed request or a broken answer comes to.
pub(super) fn of(error: reqwest::Error) -> TransportFailure {
    let tls = causes(&error).find_map(tls);
    match tls {
        Some(problem) if error.is_connect() => handshake(problem),
        _ if error.is_timeout() && !error.is_connect() => TransportFailure::Timeout,
        _ if error.is_connect() => TransportFailure::Connect,
        _ => TransportFailure::Broken,
    }
}

/// What lies below an error, from the top down.
pub(super) fn causes<'a>(
    error: &'a reqwest::Error,
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

fn tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    // What rustls reports while reading or writing comes wrapped, sometimes twice.
    let wrapped = || tls(cause.downcast_ref::<io::Error>()?.get_ref()?);
    cause.downcast_ref().or_else(wrapped)
}

fn handshake(problem: &rustls::Error) -> TransportFailure {
    use CertificateError as Wrong;
    let rustls::Error::InvalidCertificate(wrong) = problem else { return TransportFailure::Tls };
    match wrong {
        // One that calls itself like one that is trusted is found out by its signature.
        Wrong::UnknownIssuer | Wrong::BadSignature => TransportFailure::UnknownAuthority,
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            TransportFailure::WrongName
        }
        Wrong::Expired
        | Wrong::ExpiredContext { .. }
        | Wrong::NotValidYet
        | Wrong::NotValidYetContext { .. } => TransportFailure::OutOfDate,
        _ => TransportFailure::Tls,
    }
}
