//! The authorize page, the code page, and the robot that uses them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use pi_auth_tests::loopback::Request;
use pi_auth_tests::robot::{self, Error, Landing};
use pi_auth_tests::sandbox::Kind;

use crate::client::{STATE, authorize_url, code, credential, exchange_of, kinds, post, sandbox};

#[test]
fn a_login_through_the_code_page_ends_with_tokens() {
    let sandbox = sandbox();
    let reply = post(&sandbox, &exchange_of(&sandbox, &code(&sandbox)));
    let tokens = credential(&reply);
    assert!(tokens.access.starts_with("sk-ant-oat01-") && sandbox.is_valid_access(&tokens.access));
    assert!(tokens.refresh.starts_with("sk-ant-ort01-"));
    assert_eq!(tokens.expires_in, 28_800);
    assert_eq!(tokens.scope, "org:create_api_key user:profile user:inference");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(
        kinds(&sandbox),
        [Kind::AuthorizePage, Kind::Approved, Kind::CodePage, Kind::CodeExchanged]
    );
}

#[test]
fn a_loopback_redirect_is_accepted_on_any_port() {
    let sandbox = sandbox();
    for host in ["localhost", "127.0.0.1"] {
        let callback = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = callback.local_addr().unwrap().port();
        let listening = thread::spawn(move || {
            let (mut browser, _) = callback.accept().unwrap();
            let mut line = String::new();
            BufReader::new(browser.try_clone().unwrap()).read_line(&mut line).unwrap();
            browser.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").unwrap();
            line
        });
        let redirect_uri = format!("http://{host}:{port}/callback");
        let landing =
            robot::approve(&authorize_url(&sandbox, &[("redirect_uri", &redirect_uri)])).unwrap();
        let Landing::Callback { status, body, url } = landing else { panic!("{landing:?}") };
        assert_eq!((status, body.as_str()), (200, "done"));
        assert!(url.starts_with(&format!("{redirect_uri}?code=")), "{url}");
        let query: Vec<(String, String)> =
            url::Url::parse(&url).unwrap().query_pairs().into_owned().collect();
        assert_eq!(query[1], ("state".to_owned(), STATE.to_owned()));
        assert!(listening.join().unwrap().starts_with("GET /callback?code="));
    }
}

#[test]
fn deny_sends_access_denied_and_no_code() {
    let sandbox = sandbox();
    let landing = robot::deny(&authorize_url(&sandbox, &[])).unwrap();
    assert_eq!(landing, Landing::NoCode("access_denied".to_owned()));
    let log = sandbox.log();
    assert_eq!(log[1].kind, Kind::Denied);
    assert_eq!(log[2].field("state"), Some(STATE));
    assert_eq!(log[2].field("code"), None);
}

#[test]
fn a_bad_request_is_refused_with_the_reason_and_never_redirects() {
    let sandbox = sandbox();
    let bad = [
        ("client_id", "", "client_id is missing"),
        ("client_id", "somebody", "no client is registered with client_id somebody"),
        ("response_type", "token", "response_type must be code, not token"),
        ("redirect_uri", "", "redirect_uri is missing"),
        ("code_challenge_method", "plain", "code_challenge_method must be S256, not plain"),
        ("code_challenge_method", "", "code_challenge_method is missing"),
        ("code_challenge", "short", "code_challenge short is not 43 characters of base64url"),
        ("state", "", "state is missing"),
        ("scope", "", "scope is missing"),
        ("scope", "user:profile root", "unknown scope: root"),
    ];
    for (name, value, reason) in bad {
        let url = authorize_url(&sandbox, &[(name, value)]);
        let refused = Error::Refused { status: 400, reason: reason.to_owned() };
        assert_eq!(robot::approve(&url), Err(refused));
        assert_eq!(Request::get(url).send().unwrap().header("location"), None);
    }
    let twice = format!("{}&state=again", authorize_url(&sandbox, &[]));
    let reason = "state is given more than once".to_owned();
    assert_eq!(robot::approve(&twice), Err(Error::Refused { status: 400, reason }));
    assert!(kinds(&sandbox).iter().all(|kind| matches!(kind, Kind::Refused { .. })));
}

#[test]
fn an_unregistered_redirect_is_refused_without_redirecting() {
    let sandbox = sandbox();
    let unregistered = [
        "https://example.com/callback",
        "http://localhost:53692/other",
        "http://localhost:53692/callback/",
        "http://localhost:53692/callback?x=1",
        "http://localhost:53692/callback#x",
        "http://localhost:99999/callback",
        "http://localhost:/callback",
        "http://localhost:+53692/callback",
        "http://localhost:1@example.com/callback",
        "http://localhost.example.com/callback",
        "http://127.0.0.1.example.com/callback",
        "https://localhost:53692/callback",
        "HTTP://localhost:53692/callback",
        "http://0.0.0.0:53692/callback",
    ];
    for redirect_uri in unregistered {
        let url = authorize_url(&sandbox, &[("redirect_uri", redirect_uri)]);
        let reply = Request::get(url).send().unwrap();
        assert_eq!((reply.status, reply.header("location")), (400, None), "{redirect_uri}");
        assert!(reply.body.contains("is not registered for this client"), "{}", reply.body);
    }
}

#[test]
fn a_request_is_answered_once() {
    let sandbox = sandbox();
    let page = Request::get(authorize_url(&sandbox, &[])).send().unwrap().body;
    let (_, rest) = page.split_once("name=\"request_id\" value=\"").unwrap();
    let id = rest.split('"').next().unwrap();
    let press = || {
        let url = format!("{}/oauth/authorize", sandbox.base_url());
        Request::post_form(url, &[("request_id", id), ("decision", "authorize")]).send().unwrap()
    };
    assert_eq!(press().status, 302);
    assert_eq!(press().status, 400);
}

#[test]
fn everything_echoed_is_escaped() {
    let sandbox = sandbox();
    let hostile = "\"'><script>alert(1)</script>&amp;";
    let code_page = format!("{}/oauth/code/callback", sandbox.base_url());
    let pages = [
        authorize_url(&sandbox, &[("redirect_uri", hostile)]),
        authorize_url(&sandbox, &[("client_id", hostile)]),
        authorize_url(&sandbox, &[("scope", hostile)]),
        authorize_url(&sandbox, &[("response_type", hostile)]),
        url::Url::parse_with_params(&code_page, [("error", hostile)]).unwrap().into(),
        url::Url::parse_with_params(&code_page, [("code", hostile), ("state", hostile)])
            .unwrap()
            .into(),
    ];
    for page in pages {
        let body = Request::get(page).send().unwrap().body;
        assert!(!body.contains("<script>alert"), "{body}");
        assert!(body.contains("&quot;&#39;&gt;&lt;script&gt;"), "{body}");
    }
    let landing = robot::approve(&authorize_url(&sandbox, &[("state", hostile)])).unwrap();
    let Landing::Code(shown) = landing else { panic!("{landing:?}") };
    assert!(shown.ends_with(&format!("#{hostile}")), "{shown}");
}

#[test]
fn the_pages_load_nothing_and_say_so() {
    let sandbox = sandbox();
    for page in [
        authorize_url(&sandbox, &[]),
        format!("{}/oauth/code/callback?code=a&state=b", sandbox.base_url()),
    ] {
        let reply = Request::get(page).send().unwrap();
        assert!(!reply.body.contains(" src=") && !reply.body.contains(" href="));
        assert!(reply.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    }
}
