//! The proxy variables, judged by the very rules by which requests go.

use super::network::Server;
use super::report::{Check, Finding, Report};
use crate::http::proxy::{EXCEPTIONS, NAMES, Unusable, Variables, Way};

/// What is to be said of the variables, and of the ways to the servers that are to be reached.
pub(super) fn judge(variables: &Variables, servers: &[Server]) -> Report {
    let mut report = Report::default();
    let named = variables.first(&NAMES);
    report.found_if(variables.problem().map(|(name, problem)| unusable(name, problem)));
    for pair in [&NAMES[..2], &NAMES[2..], &EXCEPTIONS] {
        report.found_if(differing(variables, pair, named.map(|(name, _)| name)));
    }
    let mut proxies: Vec<&str> = Vec::new();
    for server in servers {
        match &server.way {
            Way::Through(proxy) if !proxies.contains(&proxy.shown()) => proxies.push(proxy.shown()),
            _ => {}
        }
    }
    for proxy in &proxies {
        report.fine(Check::Proxy, format!("Requests go through the proxy {proxy}"));
    }
    let exempt = || servers.iter().filter(|server| named.is_some() && server.way == Way::Direct);
    for Server { authority, .. } in exempt() {
        report.fine(Check::Proxy, format!("NO_PROXY exempts {authority} from the proxy"));
    }
    if proxies.is_empty() && exempt().next().is_none() && report.is_ok() {
        // Nothing on this machine is asked through one.
        let is_set = if named.is_some() { "A proxy is set" } else { "No proxy is set" };
        report.fine(Check::Proxy, is_set);
    }
    report
}

/// Nothing of the value is told: it may hold a password.
fn unusable(name: &str, problem: Unusable) -> Finding {
    let message = match problem {
        Unusable::NoAddress | Unusable::Unescaped => {
            format!(
                "{name} is not the URL of a proxy, so no request is made that would go through it."
            )
        }
        Unusable::Socks => {
            format!(
                "{name} names a SOCKS proxy, which this program cannot use: no request is made."
            )
        }
    };
    let advice = match problem {
        Unusable::Unescaped => {
            "In its user and password write / as %2F, ? as %3F, # as %23 and \\ as %5C, and put \
             nothing behind the port."
        }
        Unusable::NoAddress | Unusable::Socks => "Give it as http://HOST:PORT, or unset it.",
    };
    Finding::problem(Check::Proxy, message).mend(advice)
}

/// One of two spellings that say different things; of the second the other programs may think more.
/// `named` is the variable that names the proxy: of those that it outdoes, nothing is told.
fn differing(
    variables: &Variables,
    pair: &[&'static str],
    named: Option<&'static str>,
) -> Option<Finding> {
    let [first, second] = pair else { return None };
    let (counts, _) = variables.first(pair)?;
    let is_outdone = !EXCEPTIONS.contains(&counts) && named != Some(counts);
    if is_outdone || variables.value(first)? == variables.value(second)? {
        return None;
    }
    let message = format!("{first} and {second} differ; {counts} counts.");
    Some(Finding::note(Check::Proxy, message).mend("Set both alike, or unset one of them."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(set: &[(&'static str, &str)], urls: &[&str]) -> Report {
        let variables = Variables::of(set);
        let servers: Vec<_> = urls.iter().map(|url| Server::of(url, &variables).unwrap()).collect();
        judge(&variables, &servers)
    }

    #[test]
    fn variables_by_table() {
        let p = "http://proxy.example:3128";
        for (set, words, says) in [
            (&[][..], &["fine"][..], "No proxy is set"),
            (&[("HTTPS_PROXY", "")], &["fine"], "No proxy is set"),
            (&[("HTTPS_PROXY", p)], &["fine"], "go through the proxy http://proxy.example:3128"),
            (&[("HTTPS_PROXY", p), ("NO_PROXY", "*")], &["fine"], "NO_PROXY exempts h"),
            (&[("HTTPS_PROXY", p), ("NO_PROXY", "h:443")], &["fine"], "NO_PROXY exempts h"),
            (&[("HTTPS_PROXY", p), ("NO_PROXY", "h:444")], &["fine"], "through the proxy"),
            (&[("https_proxy", "not a url")], &["problem"], "https_proxy is not"),
            (&[("HTTPS_PROXY", "http://:3128")], &["problem"], "Give it as http://HOST:PORT"),
            (&[("HTTPS_PROXY", "http://h:99999")], &["problem"], "HTTPS_PROXY is not"),
            (&[("HTTPS_PROXY", "http://me:a/b@h:1")], &["problem"], "write / as %2F"),
            (&[("ALL_PROXY", "socks5://h:1")], &["problem"], "ALL_PROXY names a SOCKS"),
            (&[("ALL_PROXY", "SOCKS5://h:1")], &["problem"], "ALL_PROXY names a SOCKS"),
            (&[("ALL_PROXY", "socks5://h:1"), ("HTTPS_PROXY", p)], &["fine"], "through"),
            (&[("ALL_PROXY", p), ("HTTPS_PROXY", "a b")], &["problem"], "HTTPS_PROXY is not"),
            (&[("HTTPS_PROXY", "a b"), ("NO_PROXY", "h")], &["problem", "fine"], "exempts h"),
            (&[("HTTPS_PROXY", p), ("https_proxy", p)], &["fine"], "through"),
            (
                &[("HTTPS_PROXY", p), ("https_proxy", "x")],
                &["note", "fine"],
                "differ; HTTPS_PROXY counts",
            ),
            (
                &[("HTTPS_PROXY", ""), ("https_proxy", p)],
                &["note", "fine"],
                "differ; https_proxy counts",
            ),
            (&[("HTTPS_PROXY", p), ("ALL_PROXY", "x"), ("all_proxy", "y")], &["fine"], "through"),
            (&[("NO_PROXY", "a"), ("no_proxy", "b")], &["note", "fine"], "NO_PROXY counts"),
        ] {
            let report = judged(set, &["https://h/"]);
            assert_eq!(report.words(), words, "{set:?}: {}", report.text());
            assert!(report.text().contains(says), "{set:?}: {}", report.text());
        }
    }

    #[test]
    fn a_proxy_that_leads_nowhere_yet_is_not_denied() {
        for urls in [&[][..], &["http://127.0.0.1:9/"]] {
            assert_eq!(judged(&[("ALL_PROXY", "http://h:1")], urls).text(), "A proxy is set");
        }
    }

    #[test]
    fn no_password_is_told_whether_or_not_the_value_can_be_used() {
        for value in [
            "http://me:canary@h:1",
            "http://me:canary@ h:1",
            "ftp://me:canary@h",
            "me:canary@h:1",
            "http://me:canary/x@h:1",
            "http://me:canary#x@h:1",
            "http://me:canary?x@h:1",
            "http://me:canary\\x@h:1",
            "http://me:1234/canary@127.0.0.1:3128",
            "me:canary/x@h:1",
            "SOCKS5://me:canary/x@h:1",
            "http://me:canary@:1",
            "http://me:canary@h:0",
        ] {
            let text = judged(&[("HTTPS_PROXY", value)], &["https://api.example.com/"]).text();
            assert!(!text.contains("canary") && !text.contains("me:"), "{text}");
            assert!(!text.contains("1234"), "{text}");
        }
    }
}
