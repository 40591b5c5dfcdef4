//! The proxy variables, judged by the very rules by which requests go.

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::report::{Check, Finding, Report};

/// Those that matter to https. Of the first two, and of the next two, the first that is set counts,
/// even if it is empty.
const VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"];

/// What is set, and where it leads.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Name and value of those that are set. A value may hold a password.
    pub(super) variables: Vec<(&'static str, String)>,
    /// The hosts to be reached, and the proxy that leads to each.
    pub(super) routes: Vec<(String, Option<String>)>,
}

/// Looks at the variables of this process. `urls` are those to be reached.
pub(super) fn look<'a>(urls: impl Iterator<Item = &'a str>) -> Facts {
    let variables = VARIABLES.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?)));
    let matcher = Matcher::from_system();
    let route = |url: &str| {
        let url: Uri = url.parse().ok()?;
        let host = url.host()?.to_owned();
        // Plain http stays on this machine, and so goes through no proxy.
        let is_remote = url.scheme_str() == Some("https");
        is_remote.then(|| (host, through(&matcher, &url)))
    };
    Facts { variables: variables.collect(), routes: urls.filter_map(route).collect() }
}

/// The proxy that leads to `url`, without user name and password.
fn through(matcher: &Matcher, url: &Uri) -> Option<String> {
    let proxy = matcher.intercept(url)?;
    let uri = proxy.uri();
    Some(format!("{}://{}", uri.scheme_str().unwrap_or("http"), uri.authority()?))
}

/// What is to be said of them.
pub(super) fn judge(facts: &Facts) -> Report {
    let mut report = Report::default();
    let value = |name: &str| {
        let (_, value) = facts.variables.iter().find(|(it, _)| *it == name)?;
        Some(value.as_str())
    };
    let mut is_set = false;
    for [counts, other] in [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]] {
        let name = if value(counts).is_some() { counts } else { other };
        if let Some(set) = value(name).filter(|value| !value.is_empty()) {
            is_set |= usable(set).is_ok();
            report.found_if(unusable(name, set));
        }
        if let (Some(first), Some(second)) = (value(counts), value(other))
            && first != second
        {
            let message = format!("{counts} and {other} differ; {counts} counts.");
            let finding = Finding::note(Check::Proxy, message);
            report.found(finding.mend("Set both alike, or unset one of them."));
        }
    }
    let mut proxies: Vec<&String> =
        facts.routes.iter().filter_map(|(_, via)| via.as_ref()).collect();
    proxies.dedup();
    for proxy in &proxies {
        report.fine(Check::Proxy, format!("Requests go through the proxy {proxy}"));
    }
    let exempt = || facts.routes.iter().filter(|(_, via)| is_set && via.is_none());
    for (host, _) in exempt() {
        report.fine(Check::Proxy, format!("NO_PROXY exempts {host} from the proxy"));
    }
    if proxies.is_empty() && exempt().next().is_none() && report.is_ok() {
        // Nothing on this machine is asked through one.
        report.fine(Check::Proxy, if is_set { "A proxy is set" } else { "No proxy is set" });
    }
    report
}

fn unusable(name: &str, value: &str) -> Option<Finding> {
    let problem = usable(value).err()?;
    let advice = "Give it as http://HOST:PORT, or unset it.";
    Some(Finding::problem(Check::Proxy, format!("{name} {problem}")).mend(advice))
}

/// Whether requests could go through a proxy that is given so. Nothing of the value is told: it may
/// hold a password.
fn usable(value: &str) -> Result<(), &'static str> {
    let matcher = Matcher::builder().https(value.to_owned()).build();
    match matcher.intercept(&Uri::from_static("https://example.com/")) {
        None => Err("is not the URL of a proxy, and is ignored."),
        Some(proxy) if proxy.uri().scheme_str().is_some_and(|it| it.starts_with("socks")) => {
            Err("names a SOCKS proxy, which this program cannot use: no request arrives.")
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_by_table() {
        let p = "http://proxy.example:3128";
        for (variables, via, words, says) in [
            (&[][..], None, &["fine"][..], "No proxy"),
            (&[("HTTPS_PROXY", p)], Some(p), &["fine"], "proxy.example:3128"),
            (&[("HTTPS_PROXY", p), ("NO_PROXY", "*")], None, &["fine"], "NO_PROXY exempts h"),
            (&[("https_proxy", "not a url")], None, &["problem"], "https_proxy is not"),
            (&[("ALL_PROXY", "socks5://h:1")], Some("socks5://h:1"), &["problem", "fine"], "SOCKS"),
            (&[("HTTPS_PROXY", p), ("https_proxy", "x")], Some(p), &["note", "fine"], "differ"),
            (&[("HTTPS_PROXY", p), ("https_proxy", p)], Some(p), &["fine"], ""),
            (
                &[("HTTPS_PROXY", ""), ("https_proxy", p)],
                None,
                &["note", "fine"],
                "No proxy is set",
            ),
            (&[("HTTPS_PROXY", "a b"), ("ALL_PROXY", p)], Some(p), &["problem", "fine"], "ignored"),
            (&[("HTTPS_PROXY", "")], None, &["fine"], "No proxy"),
        ] {
            let owned = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
            let routes = vec![("h".to_owned(), via.map(str::to_owned))];
            let report = judge(&Facts { variables: owned.collect(), routes });
            assert_eq!(report.words(), words, "{variables:?}");
            assert!(report.text().contains(says), "{}", report.text());
        }
    }

    #[test]
    fn a_proxy_that_leads_nowhere_yet_is_not_denied() {
        let variables = vec![("ALL_PROXY", "http://h:1".to_owned())];
        assert_eq!(judge(&Facts { variables, routes: Vec::new() }).text(), "A proxy is set");
    }

    #[test]
    fn no_password_is_told_whether_or_not_the_value_can_be_used() {
        let url = Uri::from_static("https://api.example.com/");
        for value in
            ["http://me:canary@h:1", "http://me:canary@ h:1", "ftp://me:canary@h", "me:canary@h:1"]
        {
            let matcher = Matcher::builder().https(value.to_owned()).build();
            let routes = vec![("h".to_owned(), through(&matcher, &url))];
            let facts = Facts { variables: vec![("HTTPS_PROXY", value.to_owned())], routes };
            let text = judge(&facts).text();
            assert!(!text.contains("canary") && !text.contains("me:"), "{text}");
        }
    }
}
