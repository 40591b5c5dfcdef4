//! Inputs, as texts that can be read and written by hand.

use std::borrow::Cow;

use pi_auth_core::flow::Event;
use pi_auth_core::http::{HttpResponse, TransportFailure};
use url::form_urlencoded;

/// The line between two parts of an input.
const DIVISION: &str = "\n%%\n";

/// An input as text; bytes that are none are replaced.
pub(crate) fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// The parts of an input, divided by lines of `%%`.
pub(crate) fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(DIVISION)
}

/// The first line of a part, and the rest.
pub(crate) fn first_line(part: &str) -> (&str, &str) {
    part.split_once('\n').unwrap_or((part, ""))
}

/// What a server answers, as on the wire: the status, headers, an empty line and the body; or the
/// word for the failure that comes in its place.
pub(crate) fn answer(part: &str) -> Event {
    let (first, mut rest) = first_line(part);
    let failure = match first {
        "connect" => Some(TransportFailure::Connect),
        "tls" => Some(TransportFailure::Tls),
        "timeout" => Some(TransportFailure::Timeout),
        "broken" => Some(TransportFailure::Broken),
        "too_large" => Some(TransportFailure::TooLarge),
        _ => None,
    };
    if let Some(failure) = failure {
        return Event::TransportFailed { failure };
    }
    let mut headers = Vec::new();
    while let Some((line, behind)) = rest.split_once('\n') {
        rest = behind;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let status = first.trim().parse().unwrap_or(200);
    Event::Response(HttpResponse { status, headers, body: rest.into() })
}

/// The first value of that name, as another parser reads the query; the inner `None` stands for one
/// that is not there or empty. Nothing where that parser has put in what was not there.
pub(crate) fn first(query: &str, name: &str) -> Option<Option<String>> {
    let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    match found {
        None => Some(None),
        Some((_, value)) if value.contains(char::REPLACEMENT_CHARACTER) => None,
        Some((_, value)) => Some(Some(value.into_owned()).filter(|value| !value.is_empty())),
    }
}
