//! The hosts of the real world that a sandbox can stand in for, and where each leads.
//!
//! | host | path | what it is here |
//! |---|---|---|
//! | `claude.ai` | `/oauth/authorize` | the same path |
//! | `platform.claude.com` | `/oauth/code/callback`, `/v1/oauth/token` | the same path |
//! | `api.anthropic.com` | `/v1/messages` | the same path |
//! | DOMAIN | `/login/...` | `/DOMAIN/login/...` |
//! | `api.`DOMAIN | `/copilot_internal/...` | `/DOMAIN/copilot_internal/...` |
//! | `api.individual.githubcopilot.com` | `/...` | `/github.com/copilot/...` |
//! | `copilot-api.`DOMAIN | `/...` | `/DOMAIN/copilot/...` |
//!
//! where DOMAIN is `github.com`, or [`ENTERPRISE_DOMAIN`], which alone has a `copilot-api`. In the
//! place of `individual` there may be `business` or `enterprise`.

use axum::http::Uri;
use hyper::Request;
use url::Url;

use super::arrival::Site;

/// The one Enterprise host of the real world that a sandbox stands in for.
pub const ENTERPRISE_DOMAIN: &str = "ghe.example.com";

/// Where on loopback the real world begins: `/_internet/github.com/login/device`.
const INTERNET: &str = "/_internet/";

/// Where on loopback a sandbox plays an `https` address of the real world, for a browser that gets
/// no further than this machine. None when it does not play that host.
pub fn stand_in(base_url: &str, url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    if url.scheme() != "https" || url.port().is_some() || !is_known(host) {
        return None;
    }
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    Some(format!("{base_url}{INTERNET}{host}{target}"))
}

/// Returns whether there is such a host.
pub(crate) fn is_known(host: &str) -> bool {
    places(host).is_some()
}

/// A request that was sent to this host, as the sandbox understands it.
pub(crate) fn from_host<B>(host: &str, request: Request<B>) -> Request<B> {
    let path = request.uri().path();
    match places(host).into_iter().flatten().find(|place| path.starts_with(place.serves)) {
        Some(place) => sent_to(host, &format!("{}{}", place.leads_to, target(&request)), request),
        None => nowhere(host, request),
    }
}

/// A request for what the host does not serve: it leads nowhere, and is logged there.
pub(crate) fn nowhere<B>(host: &str, request: Request<B>) -> Request<B> {
    sent_to(host, &format!("/nowhere/{host}{}", target(&request)), request)
}

/// A request that was sent to the sandbox itself: as it is, or as [`stand_in`] has made it.
pub(super) fn from_loopback<B>(request: Request<B>) -> Request<B> {
    let target = target(&request).to_owned();
    match target.strip_prefix(INTERNET).and_then(|rest| rest.split_once('/')) {
        Some((host, rest)) if is_known(host) => {
            from_host(host, sent_to(host, &format!("/{rest}"), request))
        }
        _ => request,
    }
}

/// The path and the query.
fn target<B>(request: &Request<B>) -> &str {
    request.uri().path_and_query().map_or("/", |target| target.as_str())
}

fn sent_to<B>(host: &str, target: &str, mut request: Request<B>) -> Request<B> {
    if let Ok(uri) = target.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(Site(format!("https://{host}")));
    request
}

/// What a host serves, and where that is in the sandbox.
struct Place {
    serves: &'static str,
    leads_to: &'static str,
}

/// None when there is no such host.
fn places(host: &str) -> Option<&'static [Place]> {
    const fn place(serves: &'static str, leads_to: &'static str) -> Place {
        Place { serves, leads_to }
    }
    Some(match host {
        "claude.ai" => const { &[place("/oauth/authorize", "")] },
        "platform.claude.com" => {
            const { &[place("/oauth/code/callback", ""), place("/v1/oauth/token", "")] }
        }
        "api.anthropic.com" => const { &[place("/v1/messages", "")] },
        "github.com" => const { &[place("/login/", "/github.com")] },
        "api.github.com" => const { &[place("/copilot_internal/", "/github.com")] },
        "api.individual.githubcopilot.com"
        | "api.business.githubcopilot.com"
        | "api.enterprise.githubcopilot.com" => const { &[place("/", "/github.com/copilot")] },
        "ghe.example.com" => const { &[place("/login/", "/ghe.example.com")] },
        "api.ghe.example.com" => const { &[place("/copilot_internal/", "/ghe.example.com")] },
        "copilot-api.ghe.example.com" => const { &[place("/", "/ghe.example.com/copilot")] },
        _ => return None,
    })
}
