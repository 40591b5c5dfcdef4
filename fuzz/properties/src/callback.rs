//! The query with which a browser comes back. The first line of an input says to whom the login is,
//! the second is the query; `iss` says that an issuer always names itself (RFC 9207), `is` that it
//! has a name.

use pi_auth_core::error::Error;
use pi_auth_core::flow::{Effect, Event, is_answered_by};
use pi_auth_core::http::HttpResponse;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::input;
use crate::world::{STATE, VERIFIER, World, login};

/// The issuer of the provider `acme`.
const ISSUER: &str = "https://issuer.example/tenant";

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = input::text(data);
    let (who, query) = input::first_line(&text);
    let requires_iss = who == "iss";
    let issuer = (requires_iss || who == "is").then_some(ISSUER);
    let (mut came, mut body, mut stray) = (false, None, None);
    let mut world = World {
        overrides: issuer.map(|issuer| {
            json!({"acme": {"flow": "authorization_code", "client_id": "c", "issuer": issuer}})
                .to_string()
        }),
        ..World::default()
    };
    let provider = if issuer.is_some() { "acme" } else { "anthropic" };
    let end = world.run(&login(Some(provider)).to_string(), |effect, _| match effect {
        Effect::Authorize(page) if came => {
            stray = Some(page.clone());
            Some(Event::InputEnded)
        }
        Effect::Authorize(page) => {
            came = true;
            assert!(!page.url.contains(VERIFIER), "the verifier is in an address");
            assert!(page.callback && page.state.expose() == STATE);
            Some(Event::Callback { query: query.into() })
        }
        Effect::Http { .. } if !came => Some(metadata(requires_iss)),
        Effect::Http { request, .. } => {
            body = Some(request.body.expose().to_owned());
            None
        }
        _ => None,
    });
    assert!(came);
    let is_ours = is_answered_by(&STATE.into(), query);
    assert_eq!(stray.is_some(), !is_ours, "what a host lets through is what counts");
    let of = |name: &str| input::first(query, name);
    if let Some(exactly) = of("state") {
        assert_eq!(exactly.as_deref() == Some(STATE), is_ours, "only the very state counts");
    }
    if !is_ours {
        assert!(body.is_none() && matches!(end, Effect::Failed { error: Error::Cancelled }));
        return;
    }
    if let (Some(issuer), Some(iss)) = (issuer, of("iss")) {
        let is_wrong = iss.map_or(requires_iss, |iss| iss != issuer);
        assert!(!is_wrong || body.is_none(), "a code for another issuer is sent");
    }
    match (body, &end) {
        (Some(body), _) => {
            assert!(of("error").is_none_or(|error| error.is_none()), "both an error and a code");
            if let Some(code) = of("code") {
                assert_eq!(code, Some(code_in(&body)), "another code is sent");
            }
        }
        (None, Effect::Failed { error: Error::Denied { .. } }) => {
            assert!(of("error").is_none_or(|it| it.as_deref() == Some("access_denied")));
        }
        (None, Effect::Failed { error: Error::AuthorizationRefused { .. } }) => {
            let has_both = of("error") == Some(None) && matches!(of("code"), Some(Some(_)));
            assert!(!has_both, "a code without an error is refused");
        }
        (None, Effect::Failed { error: Error::WrongIssuer { .. } }) => assert!(issuer.is_some()),
        (None, end) => panic!("{end:?}"),
    }
}

fn metadata(requires_iss: bool) -> Event {
    let body = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://issuer.example/authorize",
        "token_endpoint": "https://issuer.example/token",
        "authorization_response_iss_parameter_supported": requires_iss,
    });
    Event::Response(HttpResponse { status: 200, headers: [].into(), body: body.to_string().into() })
}

/// The code in the body of an exchange, which is JSON or a form.
fn code_in(body: &str) -> String {
    if let Ok(json) = serde_json::from_str::<Value>(body) {
        return json["code"].as_str().expect("there is a code").to_owned();
    }
    let mut pairs = form_urlencoded::parse(body.as_bytes());
    let (_, code) = pairs.find(|(name, _)| name == "code").expect("there is a code");
    code.into_owned()
}
