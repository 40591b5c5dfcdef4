//! Which proxy leads to a server, as the variables have it.
//!
//! `HTTPS_PROXY`, else `ALL_PROXY`, names it, in capitals or not; an empty one names none.
//! `NO_PROXY` lists whom it does not lead to: a host with all below it, the same with a port,
//! addresses, networks (`10.0.0.0/8`), or `*`. A name that cannot be used is an error, and never
//! the way past the proxy.

use std::fmt;

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use pi_auth_core::http::url::Url;

/// What names a proxy: the first that is not empty.
pub(crate) const NAMES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// What lists whom it does not lead to: the first that is not empty.
pub(crate) const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// How requests get to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is this machine, which nobody reaches through a proxy. Plain http is for it alone: a
    /// proxy would carry its secrets over the network.
    Local,
    /// Without a proxy.
    Direct,
    /// Through this one.
    Through(Proxy),
    /// Not at all: the variable that counts names no proxy that can be used.
    NoProxy(Unusable),
}

/// A proxy to be asked for a tunnel.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// Its address, without a password.
    shown: String,
    /// The same for a client, with the password.
    client: reqwest::Proxy,
}

/// Why what a variable names cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is no address of a proxy.
    NoAddress,
    /// It is none as it stands: in front of an `@` there is what ends an address.
    Unescaped,
    /// It is one that speaks SOCKS.
    Socks,
}

/// The variables that are set, and what each says; that may hold a password.
#[derive(Clone, Default)]
pub(crate) struct Variables(Vec<(&'static str, String)>);

impl Variables {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        let set = |name: &'static str| {
            // One that is not UTF-8 is there, and no address.
            Some((name, std::env::var_os(name)?.to_string_lossy().into_owned()))
        };
        Variables(NAMES.into_iter().chain(EXCEPTIONS).filter_map(set).collect())
    }

    /// What one says, if it is set.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str())
    }

    /// The one of these that counts, and what it says.
    pub(crate) fn first(&self, names: &[&'static str]) -> Option<(&'static str, &str)> {
        let says = |name: &&'static str| Some((*name, self.value(name)?));
        names.iter().filter_map(says).find(|(_, value)| !value.is_empty())
    }

    /// What is wrong with the name that counts, whomever that proxy would lead to.
    pub(crate) fn problem(&self) -> Option<(&'static str, Unusable)> {
        let (name, named) = self.first(&NAMES)?;
        Some((name, Proxy::new(named).err()?))
    }

    /// The way to `url`.
    pub(crate) fn way_to(&self, url: &Url<'_>) -> Way {
        let exceptions = self.first(&EXCEPTIONS).map_or("", |(_, value)| value);
        match self.first(&NAMES) {
            _ if !url.https => Way::Local,
            Some((_, named)) if is_led_to(url, exceptions) => {
                Proxy::new(named).map_or_else(Way::NoProxy, Way::Through)
            }
            _ => Way::Direct,
        }
    }
}

impl Proxy {
    /// By the very rules of the client, and stricter: what ends an address early would make a host
    /// of a user, and a port of a password.
    fn new(named: &str) -> Result<Self, Unusable> {
        let (scheme, after) = named.split_once("://").unwrap_or(("http", named));
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "http" | "https" => {}
            // It would be spoken to in a language that it does not know.
            scheme if scheme.starts_with("socks") => return Err(Unusable::Socks),
            _ => return Err(Unusable::NoAddress),
        }
        let end = after.find(['/', '?', '#', '\\']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        match rest {
            "" | "/" => {}
            rest if rest.contains('@') => return Err(Unusable::Unescaped),
            _ => return Err(Unusable::NoAddress),
        }
        // The parser would leave out some of the others, and a port that is not there is a slip.
        if !authority.chars().all(|c| c.is_ascii_graphic()) || authority.ends_with(':') {
            return Err(Unusable::NoAddress);
        }
        Self::at(&format!("{scheme}://{authority}/")).ok_or(Unusable::NoAddress)
    }

    fn at(address: &str) -> Option<Self> {
        let url = reqwest::Url::parse(address).ok().filter(|url| url.port() != Some(0))?;
        // A client whose matcher cannot read the address would go past the proxy.
        matcher(url.as_str(), "").intercept(&Uri::from_static("https://anywhere.invalid/"))?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let shown = format!("{}://{}{port}", url.scheme(), url.host_str()?);
        Some(Proxy { shown, client: reqwest::Proxy::https(url).ok()? })
    }

    /// Its address, without a password.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The same for a client.
    pub(super) fn client(&self) -> reqwest::Proxy {
        self.client.clone()
    }
}

/// One variable counts for all of a process: what is shown alike is the same.
impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown
    }
}

impl Eq for Proxy {}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn is_led_to(url: &Url<'_>, exceptions: &str) -> bool {
    let port = url.port.unwrap_or(443);
    // The matcher knows no ports: those of other servers are taken out, and that of this one is cut
    // off.
    let without_port = |entry: &str| match entry.rsplit_once(':') {
        Some((host, digits)) if !host.contains(':') || host.ends_with(']') => {
            let is_its = !digits.starts_with('+') && digits.parse() == Ok(port);
            is_its.then(|| host.to_owned())
        }
        _ => Some(entry.to_owned()),
    };
    let bare = |entry: String| entry.trim_matches(['[', ']']).to_owned();
    let entries = exceptions.split(',').map(str::trim).filter_map(without_port).map(bare);
    let entries: Vec<String> = entries.collect();
    // To the matcher that would be all names, but no address.
    if entries.iter().any(|entry| entry == "*") {
        return false;
    }
    let entries = entries.join(",");
    // What no matcher can read is not exempt.
    let Ok(uri) = format!("https://{}/", url.host).parse() else { return true };
    matcher("http://proxy.invalid", &entries).intercept(&uri).is_some()
}

fn matcher(named: &str, exceptions: &str) -> Matcher {
    Matcher::builder().https(named).no(exceptions).build()
}

#[cfg(test)]
impl Variables {
    pub(crate) fn of(set: &[(&'static str, &str)]) -> Self {
        Variables(set.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    /// What the Node host is held to as well.
    #[derive(Deserialize)]
    struct Table {
        #[serde(rename = "the first that is not empty counts")]
        counts: Vec<(BTreeMap<String, String>, Option<String>)>,
        #[serde(rename = "shown without a password")]
        shown: Vec<(String, String)>,
        unusable: BTreeMap<String, Vec<String>>,
        #[serde(rename = "whom NO_PROXY lists is reached directly")]
        exceptions: Vec<(String, String, bool)>,
    }

    fn table() -> Table {
        serde_json::from_str(include_str!("../../../tests/proxies.json")).unwrap()
    }

    fn way(named: &str, exceptions: &str, url: &str) -> Way {
        let variables = Variables::of(&[("HTTPS_PROXY", named), ("NO_PROXY", exceptions)]);
        variables.way_to(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        for (named, address) in table().shown {
            let Way::Through(proxy) = way(&named, "", "https://h/") else { panic!("{named}") };
            assert_eq!(proxy.shown(), address, "{named}");
            assert_eq!(format!("{proxy:?}"), address, "{named}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_never_the_way_past_it() {
        for (why, all) in table().unusable {
            let why = match why.as_str() {
                "no address" => Unusable::NoAddress,
                "unescaped" => Unusable::Unescaped,
                "socks" => Unusable::Socks,
                _ => panic!("{why}"),
            };
            for named in all {
                assert_eq!(way(&named, "", "https://h/"), Way::NoProxy(why), "{named}");
                assert_eq!(way(&named, "h", "https://h/"), Way::Direct, "nobody asks it: {named}");
                assert_eq!(way(&named, "", "http://127.0.0.1/"), Way::Local, "nor here: {named}");
            }
        }
    }

    #[test]
    fn the_first_that_is_not_empty_counts() {
        for (set, proxy) in table().counts {
            let known = NAMES.into_iter().chain(EXCEPTIONS);
            let set: Vec<_> =
                known.filter_map(|name| Some((name, set.get(name)?.as_str()))).collect();
            let way = Variables::of(&set).way_to(&Url::parse("https://h/").unwrap());
            let through = proxy.map(|named| Way::Through(Proxy::new(&named).unwrap()));
            assert_eq!(way, through.unwrap_or(Way::Direct), "{set:?}");
        }
    }

    #[test]
    fn exceptions_are_hosts_with_all_below_them_ports_networks_and_all() {
        for (exceptions, url, is_direct) in table().exceptions {
            let way = way("http://p:1", &exceptions, &url);
            assert_eq!(way == Way::Direct, is_direct, "{exceptions} {url}");
        }
    }
}
