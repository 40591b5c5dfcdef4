//! The server alone, called with plain requests: it is as strict as it is said to be, and a person
//! gets through its pages. Without this the other tests would prove nothing.

use std::thread;

use pi_auth_tests::loopback::Request;
use pi_auth_tests::oidc::person::{End, Error, Person};
use pi_auth_tests::oidc::{Kind, Pkce, Server, Tokens};
use serde_json::{Value, json};

/// The error of an answer, with its status.
fn refusal(reply: &pi_auth_tests::loopback::Reply) -> (u16, String) {
    (reply.status, reply.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn refused(error: &str) -> (u16, String) {
    (400, error.to_owned())
}

#[test]
fn a_code_is_exchanged_once_and_for_its_verifier_only() {
    let server = Server::start();
    let pkce = Pkce::new();
    let code = || {
        let url = server.authorize_url(&pkce.challenge, &[]);
        let end = Person::approves().opens(&url).unwrap();
        assert_eq!(end.parameter("state").as_deref(), Some("a state"));
        assert_eq!(end.parameter("iss").as_deref(), Some(server.url()), "RFC 9207");
        end.parameter("code").unwrap()
    };
    let stolen = server.exchange(&code(), &Pkce::new().verifier);
    assert_eq!(refusal(&stolen), refused("invalid_grant"));

    let code = code();
    let answer = server.exchange(&code, &pkce.verifier);
    let tokens = Tokens::of(&answer);
    assert_eq!(
        (&answer.json()["token_type"], &answer.json()["expires_in"]),
        (&"Bearer".into(), &600.into())
    );
    assert!(server.accepts(&tokens.access));
    assert!(!server.accepts("nonsense"));

    let again = server.exchange(&code, &pkce.verifier);
    assert_eq!(refusal(&again), refused("invalid_grant"));
    assert!(!server.accepts(&tokens.access), "a code that is used twice revokes what it gave");
    assert_eq!(server.families_revoked(), ["token"]);
}

#[test]
fn a_login_without_pkce_or_to_another_address_is_refused() {
    let server = Server::start();
    let challenge = Pkce::new().challenge;
    for replaced in [
        ("code_challenge", ""),
        ("code_challenge_method", "plain"),
        ("scope", "openid nonsense\u{7f}"),
    ] {
        let url = server.authorize_url(&challenge, &[replaced]);
        let end = Person::approves().opens(&url).unwrap();
        assert!(end.parameter("error").is_some(), "{replaced:?}: {end:?}");
        assert_eq!(end.parameter("code"), None);
    }
    for redirect_uri in ["http://localhost/callback/acme", "http://127.0.0.1/elsewhere"] {
        let url = server.authorize_url(&challenge, &[("redirect_uri", redirect_uri)]);
        let end = Person::approves().opens(&url);
        assert!(matches!(end, Err(Error::Refused { status: 400, .. })), "{end:?}");
    }
    let any_port = [("redirect_uri", "http://127.0.0.1:50505/callback/acme")];
    let end = Person::approves().opens(&server.authorize_url(&challenge, &any_port)).unwrap();
    assert!(matches!(&end, End::Callback(url) if url.starts_with(any_port[0].1)), "{end:?}");
}

#[test]
fn a_person_who_denies_is_sent_back_without_a_code() {
    let server = Server::start();
    let url = server.authorize_url(&Pkce::new().challenge, &[]);
    let end = Person::denies().opens(&url).unwrap();
    assert_eq!(end.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(end.parameter("code"), None);
}

#[test]
fn without_offline_access_and_consent_there_is_no_refresh_token() {
    let server = Server::start();
    for replaced in [("scope", "openid"), ("prompt", "")] {
        let pkce = Pkce::new();
        let url = server.authorize_url(&pkce.challenge, &[replaced]);
        let code = Person::approves().opens(&url).unwrap().parameter("code").unwrap();
        let answer = server.exchange(&code, &pkce.verifier);
        assert_eq!((answer.status, &answer.json()["refresh_token"]), (200, &Value::Null));
    }
}

#[test]
fn a_refresh_token_is_rotated_and_its_reuse_revokes_the_login() {
    let server = Server::start();
    let first = server.log_in();
    let second = Tokens::of(&server.refresh(&first.refresh));
    assert_ne!(second, first);
    assert!(server.accepts(&second.access));
    let third = Tokens::of(&server.refresh(&second.refresh));
    assert_eq!((server.refreshes(), server.families_revoked().len()), (2, 0));

    assert_eq!(refusal(&server.refresh(&first.refresh)), refused("invalid_grant"));
    assert_eq!(server.families_revoked(), ["token"]);
    assert!(!server.accepts(&third.access));
    assert_eq!(refusal(&server.refresh(&third.refresh)), refused("invalid_grant"));
}

#[test]
fn fifty_refreshes_that_do_not_know_of_each_other_lose_the_login() {
    let server = Server::start();
    let tokens = server.log_in();
    let answers = thread::scope(|scope| {
        let refresh = || server.refresh(&tokens.refresh);
        let all: Vec<_> = (0..50).map(|_| scope.spawn(refresh)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let granted: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert!(granted.len() < 50, "somebody came second");
    assert!(!server.families_revoked().is_empty());
    for winner in granted.into_iter().map(Tokens::of) {
        assert!(!server.accepts(&winner.access), "even who was first is logged out");
        assert_eq!(refusal(&server.refresh(&winner.refresh)), refused("invalid_grant"));
    }
}

#[test]
fn a_device_waits_for_its_person() {
    let server = Server::start();
    for (person, outcome) in [(Person::approves(), None), (Person::denies(), Some("access_denied"))]
    {
        for is_complete in [true, false] {
            let begun = server.device_code().json();
            let text = |name: &str| begun[name].as_str().unwrap().to_owned();
            assert_eq!(begun["interval"], Value::Null, "it names none: five seconds it is");
            let pending = server.poll(&text("device_code"));
            assert_eq!(refusal(&pending), refused("authorization_pending"));

            let end = if is_complete {
                person.opens(&text("verification_uri_complete")).unwrap()
            } else {
                let stranger = person.clone().with_code("BBBB-BBBB");
                assert!(stranger.opens(&text("verification_uri")).is_err());
                let person = person.clone().with_code(&text("user_code"));
                person.opens(&text("verification_uri")).unwrap()
            };
            let told = if outcome.is_none() { "Sign-in Success" } else { "was interrupted" };
            assert!(matches!(&end, End::Page(page) if page.contains(told)), "{end:?}");

            let answer = server.poll(&text("device_code"));
            match outcome {
                None => assert!(server.accepts(&Tokens::of(&answer).access)),
                Some(error) => assert_eq!(refusal(&answer), refused(error)),
            }
            assert_eq!(refusal(&server.poll(&text("device_code"))), refused("invalid_grant"));
        }
    }
}

#[test]
fn a_revocation_ends_the_login_and_an_unknown_token_is_no_error() {
    let server = Server::start();
    let tokens = server.log_in();
    assert_eq!(server.revoke("nonsense").status, 200);
    assert!(server.accepts(&tokens.access));
    assert_eq!(server.revoke(&tokens.refresh).status, 200);
    assert!(!server.accepts(&tokens.access));
    assert_eq!(refusal(&server.refresh(&tokens.refresh)), refused("invalid_grant"));
    assert_eq!(server.families_revoked(), ["revocation"]);
}

const METADATA: [&str; 2] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

#[test]
fn its_metadata_are_where_both_standards_put_them() {
    let server = Server::start();
    for path in METADATA {
        let reply = Request::get(format!("{}{path}", server.url())).send().unwrap();
        assert_eq!(reply.json()["issuer"], server.url(), "{path}");
        for (name, path) in [
            ("authorization_endpoint", "/auth"),
            ("device_authorization_endpoint", "/device/auth"),
            ("token_endpoint", "/token"),
            ("revocation_endpoint", "/token/revocation"),
        ] {
            assert_eq!(reply.json()[name], format!("{}{path}", server.url()));
        }
    }
}

#[test]
fn it_is_spoiled_on_demand() {
    let server = Server::start();
    let get = |path: &str| Request::get(format!("{}{path}", server.url())).send().unwrap();
    server.change(|settings| settings.oauth_metadata = false);
    assert_eq!(get(METADATA[0]).status, 404);
    assert_eq!(get(METADATA[1]).status, 200);
    let other = json!("https://other.invalid");
    server.change(|settings| {
        settings.metadata = [("issuer".to_owned(), other)].into_iter().collect()
    });
    assert_eq!(get(METADATA[1]).json()["issuer"], "https://other.invalid");

    let tokens = server.log_in();
    server.change(|settings| settings.revocation_status = Some(503));
    assert_eq!(server.revoke(&tokens.refresh).status, 503);
    assert!(server.accepts(&tokens.access));

    for (spoiled, iss) in [("https://other.invalid", Some("https://other.invalid")), ("", None)] {
        server.change(|settings| settings.callback_iss = Some(spoiled.to_owned()));
        let url = server.authorize_url(&Pkce::new().challenge, &[]);
        let end = Person::approves().opens(&url).unwrap();
        assert_eq!(end.parameter("iss").as_deref(), iss);
        assert!(end.parameter("code").is_some());
    }

    server.change(|settings| settings.device_interval_s = Some(1));
    assert_eq!(server.device_code().json()["interval"], 1);
    server.change(|settings| settings.access_lifetime_s = 30);
    let short = server.refresh(&tokens.refresh).json();
    assert_eq!(short["expires_in"], 30);
}

#[test]
fn its_log_tells_what_happened() {
    let server = Server::start();
    let tokens = server.log_in();
    let refreshed = Tokens::of(&server.refresh(&tokens.refresh));
    server.refresh("nonsense");
    server.revoke(&refreshed.refresh);
    let granted = |grant_type: &str, tokens: Tokens| Kind::Granted {
        grant_type: grant_type.to_owned(),
        access_token: tokens.access,
        refresh_token: Some(tokens.refresh),
    };
    assert_eq!(
        server.kinds(),
        [
            granted("authorization_code", tokens),
            granted("refresh_token", refreshed),
            Kind::Refused {
                grant_type: Some("refresh_token".to_owned()),
                error: "invalid_grant".to_owned(),
                why: Some("refresh token not found".to_owned()),
            },
            Kind::FamilyRevoked { by: "revocation".to_owned() },
            Kind::Revocation { status: 200, hint: None },
        ]
    );
    assert!(server.log().is_sorted_by_key(|entry| entry.at_ms));
}
