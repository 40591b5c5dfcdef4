use super::*;
use crate::provider::Job;
use crate::provider::Table;

fn authorization_code(table: &Table, id: &str) -> AuthorizationCode {
    match table.get(id).unwrap().client.grant.clone() {
        GrantType::AuthorizationCode(login) => login,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_field_of_a_built_in_provider_can_be_set() {
    let json = r#"{"anthropic": {
        "name": "Claude\u001b[2J at work", "client_id": "c", "scopes": ["s", "t"],
        "authorize_url": "https://a/", "token_url": "http://127.0.0.1:1/t",
        "redirect_uri": "https://r/", "loopback_redirect_uri": "http://127.0.0.1/cb",
        "authorize_parameters": {"code": "1", "login_hint": "me"},
        "token_request": "form", "api_base_url": "https://proxy/", "revocation_url": "https://r/",
        "headers": {"Anthropic-Version": "2", "X-Team": "a"}
    }, "github-copilot": {
        "device_authorization_url": "https://d/", "copilot_token_url": "https://{domain}/t"
    }}"#;
    let table = Table::with_overrides(Some(json)).unwrap();
    let provider = table.get("anthropic").unwrap();
    let login = authorization_code(&table, "anthropic");
    assert_eq!(provider.name, "Claude[2J at work");
    assert_eq!((provider.client.client_id.as_str(), provider.client.scopes.len()), ("c", 2));
    assert_eq!(login.authorize_url, "https://a/");
    assert_eq!(provider.client.token_url, "http://127.0.0.1:1/t");
    assert_eq!(login.redirect_uri.as_deref(), Some("https://r/"));
    assert_eq!(login.loopback_redirect_uri.unwrap().uri(7), "http://127.0.0.1:7/cb");
    let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
    assert_eq!(login.parameters, [pair("code", "1"), pair("login_hint", "me")]);
    assert_eq!(provider.headers, [pair("anthropic-version", "2"), pair("X-Team", "a")]);
    assert_eq!(provider.client.token_request, RequestFormat::Form);
    let copilot = table.get("github-copilot").unwrap().at(None);
    assert_eq!(copilot.client.exchange_url.as_deref(), Some("https://github.com/t"));
}

#[test]
fn what_is_not_named_stays() {
    let table = Table::with_overrides(Some(r#"{"anthropic":{"client_id":"c"}}"#)).unwrap();
    let built_in = Table::built_in();
    let (one, other) = (table.get("anthropic").unwrap(), built_in.get("anthropic").unwrap());
    assert_eq!(one.client.token_url, other.client.token_url);
    assert_eq!(one.client.scopes, other.client.scopes);
}

#[test]
fn a_provider_of_ones_own_needs_little() {
    let json = r#"{"acme":{"flow":"authorization_code","client_id":"c","issuer":"https://i"}}"#;
    let table = Table::with_overrides(Some(json)).unwrap();
    let acme = table.get("acme").unwrap();
    assert_eq!((acme.name.as_str(), acme.client.token_request), ("acme", RequestFormat::Form));
    assert_eq!(acme.client.issuer_for(Job::Login), Some("https://i"));
    assert_eq!(table.labels().last().unwrap().id, "acme");
}

#[test]
fn redirects_by_what_is_named() {
    let redirects = |keys: &str| {
        let json = alloc::format!(
            r#"{{"a":{{"flow":"authorization_code","client_id":"c","issuer":"https://i"{keys}}}}}"#
        );
        let login = authorization_code(&Table::with_overrides(Some(&json)).unwrap(), "a");
        (login.redirect_uri, login.loopback_redirect_uri.map(|it| it.uri_without_server()))
    };
    let some = |text: &str| Some(text.to_string());
    assert_eq!(redirects(""), (None, some("http://127.0.0.1/callback/a")));
    let callback = r#","redirect_uri":"http://localhost:8080/cb""#;
    assert_eq!(redirects(callback), (None, some("http://localhost:8080/cb")));
    let page = r#","redirect_uri":"https://i/code""#;
    assert_eq!(redirects(page), (some("https://i/code"), None));
    let both = r#","redirect_uri":"http://127.0.0.1:1/code",
        "loopback_redirect_uri":"http://127.0.0.1/cb""#;
    assert_eq!(redirects(both), (some("http://127.0.0.1:1/code"), some("http://127.0.0.1/cb")));
}

#[test]
fn a_wrong_file_names_the_key() {
    let acme = |keys: &str| alloc::format!(r#"{{"acme":{{{keys}}}}}"#);
    for (json, message) in [
        ("{", "it is not valid JSON: the text ends too early at line 1, column 2"),
        ("[]", "it is not a JSON object"),
        (r#"{"":{}}"#, "\"\" is no name for a provider"),
        (r#"{"anthropic":[1]}"#, "anthropic is not a JSON object"),
        (r#"{"anthropic":{"tokenUrl":"x"}}"#, "anthropic.tokenUrl is not a key; the keys are: api"),
        (r#"{"anthropic":{"scopes":"a b"}}"#, "anthropic.scopes has to be a list of strings"),
        (r#"{"anthropic":{"token_url":null}}"#, "anthropic.token_url has to be a URL"),
        (r#"{"anthropic":{"headers":"Bearer x"}}"#, "anthropic.headers has to be an object of"),
        (r#"{"anthropic":{"client_id":" "}}"#, "anthropic.client_id must not be empty"),
        (r#"{"anthropic":{"name":"\u001b"}}"#, "anthropic.name must not be empty"),
        (
            r#"{"anthropic":{"authorize_url":"https://h/?state=1"}}"#,
            "anthropic.authorize_url names state, which is set by the login itself",
        ),
        (
            r#"{"anthropic":{"authorize_url":"https://h/?x=1&st%61te"}}"#,
            "anthropic.authorize_url names state, which is set by the login itself",
        ),
        (
            r#"{"github-copilot":{"headers":{"x-initiator":"user"}}}"#,
            "github-copilot.headers.x-initiator says something about each request",
        ),
        (
            r#"{"anthropic":{"token_url":"http://evil.com/"}}"#,
            "anthropic.token_url is plain http: use https",
        ),
        (
            r#"{"anthropic":{"authorize_url":"claude.ai"}}"#,
            "anthropic.authorize_url is not an absolute http(s) URL",
        ),
        (
            r#"{"anthropic":{"token_url":"https://{domain}/"}}"#,
            "anthropic.token_url is not an absolute http(s) URL",
        ),
        (
            r#"{"anthropic":{"loopback_redirect_uri":"https://example.com/"}}"#,
            "anthropic.loopback_redirect_uri is not a loopback URI",
        ),
        (
            r#"{"anthropic":{"copilot_token_url":"https://h/"}}"#,
            "anthropic.copilot_token_url means nothing to this provider",
        ),
        (
            r#"{"github-copilot":{"authorize_url":"https://h/"}}"#,
            "github-copilot.authorize_url means nothing to this provider",
        ),
        (r#"{"anthropic":{"flow":"device_code"}}"#, "anthropic.flow cannot be changed"),
        (
            r#"{"anthropic":{"headers":{"authorization":"x"}}}"#,
            "anthropic.headers.authorization carries the key",
        ),
        (
            r#"{"anthropic":{"headers":{"a b":"x"}}}"#,
            "anthropic.headers.a b is not the name of a header",
        ),
        (
            r#"{"anthropic":{"headers":{"x":"a\r\nb"}}}"#,
            "anthropic.headers.x has characters that a header cannot carry",
        ),
        (
            r#"{"anthropic":{"authorize_parameters":{"state":"x"}}}"#,
            "anthropic.authorize_parameters.state is set by the login itself",
        ),
        (r#"{"a/b":{}}"#, "\"a/b\" is no name for a provider"),
        (r#"{"-a":{}}"#, "\"-a\" is no name for a provider"),
        (&acme(""), "acme.flow is missing"),
        (&acme(r#""flow":"magic""#), "acme.flow has to be `authorization_code` or `device_code`"),
        (&acme(r#""flow":"device_code""#), "acme.client_id is missing"),
        (&acme(r#""flow":"device_code","client_id":"c""#), "acme.token_url is missing"),
        (
            &acme(r#""flow":"device_code","client_id":"c","token_url":"https://h/""#),
            "acme.device_authorization_url is missing",
        ),
        (
            &acme(r#""flow":"authorization_code","client_id":"c","token_url":"https://h/""#),
            "acme.authorize_url is missing; or give the `issuer`",
        ),
        (
            &acme(r#""flow":"device_code","client_id":"c","issuer":"http://h""#),
            "acme.issuer is plain http",
        ),
        (
            &acme(r#""flow":"device_code","client_id":"c","issuer":"https://h?x""#),
            "acme.issuer must not have a query",
        ),
    ] {
        let error = Table::with_overrides(Some(json)).unwrap_err();
        assert!(alloc::format!("{error}").starts_with(message), "{json}: {error}");
    }
}
