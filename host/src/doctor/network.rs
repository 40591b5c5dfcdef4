//! Whether the providers can be reached, by the way that a refresh would take.

use std::sync::Arc;
use std::time::Duration;

use pi_auth_core::http::TransportFailure;
use pi_auth_core::http::url::Url;
use tokio::task::JoinSet;

use super::report::{Check, Finding, Report};
use crate::http::Clients;
use crate::http::greeting::{Greeting, Unanswered};
use crate::http::proxy::{Variables, Way};

/// How long an answer may take, in all.
const DEADLINE: Duration = Duration::from_secs(10);

/// A server that a refresh would ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// `https://HOST/`, with the port where there is one.
    pub(super) origin: String,
    /// The host, with the port where there is one: what tells it from another on the same machine.
    pub(super) authority: String,
    /// How requests get there.
    pub(super) way: Way,
}

impl Server {
    /// The server that an endpoint is on.
    pub(super) fn of(url: &str, variables: &Variables) -> Option<Self> {
        let parsed = Url::parse(url)?;
        let scheme = if parsed.https { "https" } else { "http" };
        let port = parsed.port.map(|port| format!(":{port}")).unwrap_or_default();
        let authority = format!("{}{port}", parsed.host);
        let origin = format!("{scheme}://{authority}/");
        let way = variables.way_to(&parsed);
        Some(Server { origin, authority, way })
    }
}

/// Who they are, in one text.
pub(super) fn named(servers: &[Server]) -> String {
    let names: Vec<&str> = servers.iter().map(|server| server.authority.as_str()).collect();
    names.join(" and ")
}

/// What one said.
pub(super) type Answer = (Server, Result<Greeting, Unanswered>);

/// Asks all of them at once, without anything that is secret. Takes ten seconds at most.
pub(super) async fn ask(clients: Arc<Clients>, servers: Vec<Server>) -> Vec<Answer> {
    let mut asked = JoinSet::new();
    for (number, server) in servers.into_iter().enumerate() {
        let clients = Arc::clone(&clients);
        asked.spawn(async move {
            let answer = tokio::time::timeout(DEADLINE, clients.greet(&server.origin)).await;
            let late = Unanswered { failure: TransportFailure::Timeout, cause: None };
            (number, (server, answer.unwrap_or(Err(late))))
        });
    }
    let mut answers: Vec<(usize, Answer)> = Vec::new();
    while let Some(answer) = asked.join_next().await {
        answers.extend(answer);
    }
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// What is to be said of that. What has failed in the same way is told once.
pub(super) fn judge(answers: &[Answer]) -> Report {
    let mut report = Report::default();
    let mut failed: Vec<(&Unanswered, &Way, Vec<&str>)> = Vec::new();
    for (server, answer) in answers {
        match answer {
            Ok(_) => report.fine(Check::Network, format!("{} answers", server.authority)),
            Err(unanswered) => {
                let mut same = failed.iter_mut();
                match same.find(|(other, way, _)| (*other, *way) == (unanswered, &server.way)) {
                    Some((_, _, hosts)) => hosts.push(&server.authority),
                    None => failed.push((unanswered, &server.way, vec![&server.authority])),
                }
            }
        }
    }
    for (unanswered, way, names) in failed {
        report.found(finding(unanswered, way, &names));
    }
    report
}

fn finding(unanswered: &Unanswered, way: &Way, names: &[&str]) -> Finding {
    use TransportFailure::{Broken, Connect, Proxy, Timeout, TooLarge};
    let Unanswered { failure, cause } = unanswered;
    let names = names.join(" and ");
    let nothing = match (way, failure) {
        (Way::Through(proxy), failure) if !matches!(failure, Proxy(_)) => {
            let proxy = proxy.shown();
            format!("Through the proxy {proxy} nothing was heard from {names}")
        }
        _ => format!("Nothing was heard from {names}"),
    };
    let cause = cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let message = format!("{nothing}: {failure}{cause}.");
    let advice = match (failure, way) {
        (Connect, _) => {
            "Check your connection and its name servers. If this network needs a proxy, set \
             HTTPS_PROXY."
        }
        (Timeout | Broken | TooLarge, Way::Through(_)) => {
            "Check whether the proxy lets you through to there; or do without it: unset the \
             variable that names it, or name the host in NO_PROXY."
        }
        (Timeout | Broken | TooLarge, _) => {
            "Check your connection, and whether a firewall is in the way; then try again."
        }
        _ => failure.mend().trim_end(),
    };
    Finding::problem(Check::Network, message).mend(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, set: &[(&'static str, &str)]) -> Server {
        Server::of(&format!("https://{host}/x"), &Variables::of(set)).unwrap()
    }

    fn unanswered(failure: TransportFailure) -> Result<Greeting, Unanswered> {
        Err(Unanswered { failure, cause: Some("the cause".into()) })
    }

    #[test]
    fn a_server_is_its_origin() {
        for (url, scheme, authority) in [
            ("https://api.github.com/copilot_internal/v2/token", "https", "api.github.com"),
            ("http://127.0.0.1:8080/t?x", "http", "127.0.0.1:8080"),
            ("https://[::1]:9", "https", "[::1]:9"),
        ] {
            let server = Server::of(url, &Variables::default()).unwrap();
            assert_eq!(server.authority, authority);
            assert_eq!(server.origin, format!("{scheme}://{authority}/"));
        }
        assert_eq!(Server::of("nonsense", &Variables::default()), None);
    }

    #[test]
    fn what_failed_alike_is_told_once_with_the_way_that_was_tried() {
        use TransportFailure::{Broken, Connect, OutOfDate, Proxy, Timeout, UnknownAuthority};
        let (a, b) = (server("a.example", &[]), server("b.example", &[]));
        let other_port = server("a.example:8443", &[]);
        let proxied = server("c.example", &[("HTTPS_PROXY", "http://me:canary@p:1")]);
        for (answers, words, says) in [
            (vec![(a.clone(), Ok(Greeting::default()))], &["fine"][..], "a.example answers"),
            (
                vec![(a.clone(), unanswered(Connect)), (b.clone(), unanswered(Connect))],
                &["problem"],
                "from a.example and b.example: could not connect (the cause).",
            ),
            (
                vec![(a.clone(), unanswered(Connect)), (other_port, unanswered(Connect))],
                &["problem"],
                "from a.example and a.example:8443: could not connect",
            ),
            (
                vec![(a.clone(), unanswered(Connect)), (b, unanswered(Timeout))],
                &["problem", "problem"],
                "name servers",
            ),
            (
                vec![(proxied.clone(), unanswered(Proxy("http://p:1".into())))],
                &["problem"],
                "heard from c.example: the proxy http://p:1 did not open a way to it (the cause).",
            ),
            (
                vec![(proxied.clone(), unanswered(UnknownAuthority))],
                &["problem"],
                "Through the proxy http://p:1 nothing was heard from c.example: its certificate",
            ),
            (vec![(proxied.clone(), unanswered(UnknownAuthority))], &["problem"], "SSL_CERT_FILE"),
            (vec![(proxied, unanswered(Timeout))], &["problem"], "lets you through"),
            (vec![(a.clone(), unanswered(OutOfDate))], &["problem"], "this machine's clock"),
            (vec![(a, unanswered(Broken))], &["problem"], "firewall"),
        ] {
            let report = judge(&answers);
            assert_eq!(report.words(), words, "{}", report.text());
            assert!(report.text().contains(says), "{}", report.text());
        }
    }
}
