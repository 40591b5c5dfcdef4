//! The file that changes the built-in providers: where it is, and what it must not say.

use pi_auth_tests::pi::{Age, Home};

use crate::sandbox;

#[test]
fn an_override_that_would_send_tokens_in_the_clear_is_refused_by_its_key() {
    let home = Home::new();
    for (json, key) in [
        (r#"{"anthropic":{"token_url":"http://example.com/t"}}"#, "anthropic.token_url"),
        (r#"{"anthropic":{"authorize_url":"http://example.com/"}}"#, "anthropic.authorize_url"),
        (r#"{"anthropic":{"redirect_uri":"javascript:alert(1)"}}"#, "anthropic.redirect_uri"),
        (r#"{"anthropic":{"tokenUrl":"https://example.com/"}}"#, "tokenUrl"),
        ("{", "JSON"),
    ] {
        home.override_providers(json);
        let ended = home.pi(["login", "anthropic", "--no-browser"]).run();
        ended.exits(1).prints("").says(key).says("providers.json");
    }
}

#[test]
fn an_overrides_file_that_was_named_must_be_there() {
    let sandbox = sandbox();
    let (home, stored) = Home::logged_in(&sandbox, Age::Expired);
    for arguments in [&["login", "anthropic"][..], &["token", "anthropic"], &["status"]] {
        let ended = home.pi(arguments).env("PI_AUTH_PROVIDERS", "/nonexistent").run();
        ended.exits(1).prints("").says("/nonexistent").says("there is no such file");
    }
    assert_eq!(home.refresh_token(), stored.refresh);
}

#[test]
fn overrides_are_read_from_the_agent_directory_where_no_variable_names_a_file() {
    let sandbox = sandbox();
    let home = Home::new();
    home.write("auth-providers.json", sandbox.providers_json());
    let login = home.pi(["login", "anthropic", "--no-browser"]).env_remove("PI_AUTH_PROVIDERS");
    let mut pi = login.start();
    assert!(pi.authorize_url().starts_with(sandbox.base_url()));
}
