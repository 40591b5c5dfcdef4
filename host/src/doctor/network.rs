//! Whether the providers can be reached, by the way that a refresh would take.

use std::sync::Arc;
use std::time::Duration;

use pi_auth_core::http::TransportFailure;
use pi_auth_core::http::url::Url;
use tokio::task::JoinSet;

use super::report::{Check, Finding, Report};
use crate::http::{Clients, Greeting, Unanswered};

/// How long an answer may take, in all.
const DEADLINE: Duration = Duration::from_secs(10);

/// A server that a refresh would ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// `https://HOST/`, with the port where there is one.
    pub(super) origin: String,
    /// The host alone.
    pub(super) host: String,
    /// The proxy that leads there.
    pub(super) proxy: Option<String>,
}

impl Server {
    /// The server that an endpoint is on.
    pub(super) fn of(url: &str, proxy: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let parsed = Url::parse(url)?;
        let scheme = if parsed.https { "https" } else { "http" };
        let port = parsed.port.map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("{scheme}://{}{port}/", parsed.host);
        Some(Server { origin, host: parsed.host.to_owned(), proxy: proxy(parsed.host) })
    }
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
    let mut failed: Vec<(&Unanswered, &Option<String>, Vec<&str>)> = Vec::new();
    for (server, answer) in answers {
        match answer {
            Ok(_) => report.fine(Check::Network, format!("{} answers", server.host)),
            Err(unanswered) => {
                let is_same =
                    |(other, proxy, _): &&mut (&Unanswered, &Option<String>, Vec<&str>)| {
                        *other == unanswered && **proxy == server.proxy
                    };
                match failed.iter_mut().find(is_same) {
                    Some((_, _, hosts)) => hosts.push(&server.host),
                    None => failed.push((unanswered, &server.proxy, vec![&server.host])),
                }
            }
        }
    }
    for (unanswered, proxy, hosts) in failed {
        report.found(finding(unanswered, proxy.as_deref(), &hosts));
    }
    report
}

fn finding(unanswered: &Unanswered, proxy: Option<&str>, hosts: &[&str]) -> Finding {
    let Unanswered { failure, cause } = unanswered;
    let hosts = hosts.join(" and ");
    let via = proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
    let cause = cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let message = format!("Nothing was heard from {hosts}{via}: {failure}{cause}.");
    let advice = match (failure, proxy) {
        (TransportFailure::Tls, _) => {
            "If a company's proxy or a firewall looks into connections, name its certificate by \
             SSL_CERT_FILE. A clock that is wrong makes good certificates look bad."
        }
        (_, Some(_)) => {
            "Check that the proxy runs, and lets you through to there; or do without it: unset \
             HTTPS_PROXY and ALL_PROXY, or name the host in NO_PROXY."
        }
        (TransportFailure::Connect, None) => {
            "Check your connection and its name servers. If this network needs a proxy, set \
             HTTPS_PROXY."
        }
        _ => "Check your connection, and whether a firewall is in the way; then try again.",
    };
    Finding::problem(Check::Network, message).mend(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, proxy: Option<&str>) -> Server {
        Server::of(&format!("https://{host}/x"), |_| proxy.map(str::to_owned)).unwrap()
    }

    fn unanswered(failure: TransportFailure) -> Result<Greeting, Unanswered> {
        Err(Unanswered { failure, cause: Some("the cause".into()) })
    }

    #[test]
    fn a_server_is_its_origin() {
        for (url, origin) in [
            ("https://api.github.com/copilot_internal/v2/token", "https://api.github.com/"),
            ("http://127.0.0.1:8080/t?x", "http://127.0.0.1:8080/"),
            ("https://[::1]:9", "https://[::1]:9/"),
        ] {
            assert_eq!(Server::of(url, |_| None).unwrap().origin, origin);
        }
        assert_eq!(Server::of("nonsense", |_| None), None);
    }

    #[test]
    fn what_failed_alike_is_told_once_with_the_way_that_was_tried() {
        use TransportFailure::{Broken, Connect, Timeout, Tls};
        let (a, b) = (server("a.example", None), server("b.example", None));
        let proxied = server("c.example", Some("http://p:1"));
        for (answers, words, says) in [
            (vec![(a.clone(), Ok(Greeting::default()))], &["fine"][..], "a.example answers"),
            (
                vec![(a.clone(), unanswered(Connect)), (b.clone(), unanswered(Connect))],
                &["problem"],
                "from a.example and b.example: could not connect (the cause).",
            ),
            (
                vec![(a.clone(), unanswered(Connect)), (b, unanswered(Timeout))],
                &["problem", "problem"],
                "name servers",
            ),
            (
                vec![(proxied.clone(), unanswered(Connect))],
                &["problem"],
                "through the proxy http://p:1",
            ),
            (vec![(proxied, unanswered(Tls))], &["problem"], "SSL_CERT_FILE"),
            (vec![(a, unanswered(Broken))], &["problem"], "firewall"),
        ] {
            let report = judge(&answers);
            assert_eq!(report.words(), words, "{}", report.text());
            assert!(report.text().contains(says), "{}", report.text());
        }
    }
}
