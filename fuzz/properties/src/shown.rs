//! What a flow shows to people: every word of it has to be fit for that.

use pi_auth_core::error::Error;
use pi_auth_core::flow::{Countdown, Effect, Output};
use pi_auth_core::secret::Secret;
use url::{Host, ParseError, Url};

use crate::unseen;

/// The texts in an effect that a person sees.
pub(crate) fn texts(effect: &Effect) -> Vec<String> {
    match effect {
        Effect::Http { activity, countdown, .. } => {
            with_countdown(vec![activity.clone()], countdown)
        }
        Effect::WaitUntil { countdown, .. } => with_countdown(Vec::new(), countdown),
        Effect::Authorize(page) => {
            let mut texts = vec![page.url.clone(), page.message.clone(), page.prompt.clone()];
            texts.extend(page.problem.clone());
            texts
        }
        Effect::ShowCode(code) => vec![
            code.user_code.clone(),
            code.verification_uri.clone(),
            code.url.clone(),
            code.message.clone(),
            code.warning.clone(),
        ],
        Effect::Select { message, options, .. } => {
            let names = options.iter().map(|label| label.name.clone());
            names.chain([message.clone()]).collect()
        }
        Effect::Confirm { message } => vec![message.clone()],
        Effect::Prompt { message, problem } => problem.iter().chain([message]).cloned().collect(),
        Effect::Failed { error } => of_error(error),
        Effect::Done { output } => of_output(output),
        _ => Vec::new(),
    }
}

/// What an error says.
pub(crate) fn of_error(error: &Error) -> Vec<String> {
    vec![error.to_string(), error.advice()]
}

fn of_output(output: &Output) -> Vec<String> {
    match output {
        Output::LoggedIn { provider, notes, .. } => {
            notes.iter().chain([&provider.name]).cloned().collect()
        }
        Output::Token { notes, .. } => notes.clone(),
        Output::Headers(headers) => headers.notes.clone(),
        // The outcome of a revocation has words of the server in it.
        Output::LoggedOut { notes, revocations, .. } => {
            let told = revocations.iter().map(|it| format!("{:?}", it.outcome));
            notes.iter().cloned().chain(told).collect()
        }
        _ => Vec::new(),
    }
}

fn with_countdown(mut texts: Vec<String>, countdown: &Option<Countdown>) -> Vec<String> {
    texts.extend(countdown.as_ref().map(|countdown| countdown.message.clone()));
    texts
}

/// Asserts that an effect shows nothing that a terminal would obey, and no secret.
pub(crate) fn check(effect: &Effect, secrets: &[Secret]) {
    for text in texts(effect) {
        let unseen = unseen::first(&text);
        assert_eq!(unseen, None, "a terminal would obey it, or nobody sees it: {text:?}");
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            assert!(!text.contains(secret.expose()), "a secret is shown: {text}");
        }
        assert!(text.len() < 32 << 10, "nobody reads {} bytes", text.len());
    }
}

/// Returns whether a header can carry it.
pub(crate) fn is_sendable(value: &str) -> bool {
    value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}

/// Asserts that a secret may be sent there: https, or this machine, as another parser of URLs has
/// it. `None` where to that one there is no such host, so that nothing can be sent there at all.
pub(crate) fn check_address(address: &str) -> Option<Url> {
    use ParseError::{IdnaError, InvalidIpv4Address, InvalidIpv6Address};
    let url = match Url::parse(address) {
        Ok(url) => url,
        Err(IdnaError | InvalidIpv4Address | InvalidIpv6Address) => return None,
        Err(error) => panic!("{address:?}: {error}"),
    };
    let is_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_this_machine;
    assert!(is_safe, "{address:?} is not safe");
    assert!(url.username().is_empty() && url.password().is_none(), "{address:?} names a user");
    Some(url)
}

/// Asserts that a request goes to an origin that it carries, as another parser of URLs has it.
pub(crate) fn check_origin(url: &Url, origins: &[String]) {
    let origin = url.origin().ascii_serialization();
    let is_named = |allowed: &String| match allowed.split_once("://*.") {
        Some((scheme, domain)) => {
            origin.strip_prefix(scheme).is_some_and(|rest| rest.ends_with(&format!(".{domain}")))
        }
        None => Url::parse(allowed).is_ok_and(|it| it.origin() == url.origin()),
    };
    assert!(origins.iter().any(is_named), "{origin} is none of {origins:?}");
}
