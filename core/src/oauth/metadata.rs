//! RFC 8414: where an issuer has its endpoints, as it says itself.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::endpoint::{self, EndpointError};
use crate::http::origin;
use crate::http::url::{self, Url};
use crate::http::{HttpRequest, HttpResponse};
use crate::json::Json;
use crate::text::truncate;

/// Where the metadata of `issuer` may be, in the order in which to ask: RFC 8414's path, which
/// stands between host and path (3.1), then OpenID Connect Discovery's, which stands behind both.
pub(crate) fn requests(issuer: &str) -> [HttpRequest; 2] {
    let issuer = issuer.trim_end_matches('/');
    let path_at = Url::parse(issuer).map_or(issuer.len(), |url| issuer.len() - url.rest.len());
    let (origin, path) = issuer.split_at_checked(path_at).unwrap_or((issuer, ""));
    [
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{issuer}/.well-known/openid-configuration"),
    ]
    .map(|url| HttpRequest::get(&url, origin::of(issuer).into_iter().collect()))
}

/// What is used of the metadata (2). What is of the wrong type is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    issuer: String,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) device_authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) revocation_endpoint: Option<String>,
    /// RFC 9207, 3: whether every authorization response names its issuer.
    pub(crate) authorization_response_iss_parameter_supported: bool,
    /// True if the server says that it does PKCE, but not with S256. Many say nothing.
    pub(crate) lacks_s256: bool,
}

/// Reads the metadata of `issuer` as of `now_ms`.
///
/// It must be that issuer's own, to the letter (3.3): otherwise one server could speak for another.
/// Every endpoint must be https, or on a loopback host.
pub(crate) fn answer(
    response: &HttpResponse,
    issuer: &str,
    now_ms: u64,
) -> Result<Metadata, Box<EndpointError>> {
    let metadata = endpoint::parse_whole(response, now_ms, Metadata::read)?;
    match metadata.problem(issuer) {
        Some(problem) => Err(EndpointError::Metadata { problem }.into()),
        None => Ok(metadata),
    }
}

impl Metadata {
    fn read(body: Json<'_>) -> Option<Self> {
        let text = |name: &str| body.get(name).and_then(Json::string);
        let yes = |name: &str| body.get(name).and_then(Json::read).unwrap_or(false);
        let methods = body.get("code_challenge_methods_supported").and_then(Json::array);
        let is_other = |method: Json<'_>| method.string().is_none_or(|method| method != "S256");
        Some(Metadata {
            issuer: text("issuer")?,
            authorization_endpoint: text("authorization_endpoint"),
            device_authorization_endpoint: text("device_authorization_endpoint"),
            token_endpoint: text("token_endpoint"),
            revocation_endpoint: text("revocation_endpoint"),
            authorization_response_iss_parameter_supported: yes(
                "authorization_response_iss_parameter_supported",
            ),
            lacks_s256: methods.is_some_and(|mut methods| methods.all(is_other)),
        })
    }

    fn problem(&self, issuer: &str) -> Option<String> {
        if self.issuer != issuer {
            return Some(format!(
                "the metadata of {issuer} names another issuer, {}",
                truncate(&self.issuer)
            ));
        }
        for (name, endpoint) in [
            ("authorization_endpoint", &self.authorization_endpoint),
            ("device_authorization_endpoint", &self.device_authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("revocation_endpoint", &self.revocation_endpoint),
        ] {
            if let Some(problem) = endpoint.as_deref().and_then(url::problem) {
                return Some(format!("in the metadata of {issuer}, {name} {problem}"));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn where_it_may_be() {
        for (issuer, rfc_8414, openid) in [
            (
                "https://h",
                "https://h/.well-known/oauth-authorization-server",
                "https://h/.well-known/openid-configuration",
            ),
            (
                "https://h:8443/a/b",
                "https://h:8443/.well-known/oauth-authorization-server/a/b",
                "https://h:8443/a/b/.well-known/openid-configuration",
            ),
            (
                "https://h/a/",
                "https://h/.well-known/oauth-authorization-server/a",
                "https://h/a/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(requests(issuer).map(|request| request.url), [rfc_8414, openid]);
        }
    }

    fn of(body: &str) -> Result<Metadata, Box<EndpointError>> {
        let response = HttpResponse { status: 200, headers: [].into(), body: body.into() };
        answer(&response, "https://h", 0)
    }

    #[test]
    fn what_it_says() {
        let metadata = of(r#"{"issuer":"https://h","authorization_endpoint":"https://h/a",
            "token_endpoint":"https://elsewhere/t","code_challenge_methods_supported":["S256"],
            "authorization_response_iss_parameter_supported":true,"more":[]}"#)
        .unwrap();
        assert_eq!(metadata.authorization_endpoint.as_deref(), Some("https://h/a"));
        assert_eq!(metadata.token_endpoint.as_deref(), Some("https://elsewhere/t"));
        assert_eq!(metadata.revocation_endpoint, None);
        assert!(metadata.authorization_response_iss_parameter_supported);
        assert!(!metadata.lacks_s256);
        let plain = r#"{"issuer":"https://h","code_challenge_methods_supported":["plain"]}"#;
        assert!(of(plain).unwrap().lacks_s256);
        assert!(!of(r#"{"issuer":"https://h"}"#).unwrap().lacks_s256);
        let odd = of(r#"{"issuer":"https://h","token_endpoint":1,
            "authorization_response_iss_parameter_supported":null}"#);
        assert_eq!(odd.unwrap().token_endpoint, None);
    }

    #[test]
    fn what_cannot_be_used() {
        for (body, problem) in [
            (r#"{"issuer":"https://evil"}"#, "names another issuer, https://evil"),
            (r#"{"issuer":"https://h/"}"#, "names another issuer"),
            (r#"{"issuer":"https://h","token_endpoint":"http://h/t"}"#, "token_endpoint is plain"),
            ("<html>", "is not what was asked for"),
            ("{}", "is not what was asked for"),
            (r#"{"issuer":1}"#, "is not what was asked for"),
        ] {
            let error = of(body).unwrap_err().to_string();
            assert!(error.contains(problem), "{body}: {error}");
        }
    }
}
