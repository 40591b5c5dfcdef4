use super::*;
use crate::http::TransportFailure;
use alloc::string::String;

fn of(status: u16, body: &str) -> Result<TokenResponse, EndpointError> {
    answer(
        &HttpResponse { status, headers: [].into(), body: body.into() },
        Essential::RefreshToken,
        0,
    )
    .map_err(|error| *error)
}

fn granted(
    access: &str,
    refresh: Option<&str>,
    lifetime_s: u64,
) -> Result<TokenResponse, EndpointError> {
    let expires_ms = endpoint::epoch_ms(0, lifetime_s);
    Ok(TokenResponse { access: Ok(access.into()), refresh: refresh.map(Secret::from), expires_ms })
}

fn refused(error: &str, description: Option<&str>) -> Result<TokenResponse, EndpointError> {
    let description = description.map(String::from);
    Err(EndpointError::OAuth { error: error.into(), description })
}

#[test]
fn success() {
    for (body, expected) in [
        (
            r#"{"access_token":"a","refresh_token":"r","expires_in":60,"token_type":"Bearer"}"#,
            granted("a", Some("r"), 60),
        ),
        (r#"{"access_token":"a","expires_in":"60","more":[1]}"#, granted("a", None, 60)),
        (r#"{"access_token":"a","refresh_token":"","expires_in":1.9}"#, granted("a", None, 1)),
        (r#"{"access_token":"a","token_type":"BEARER"}"#, granted("a", None, 3600)),
        (r#"{"access_token":"a","expires_in":-5}"#, granted("a", None, 0)),
        (r#"{"access_token":"a","error":"none"}"#, granted("a", None, 3600)),
        (r#"{"access_token":"a","error":{"type":"x","message":"y"}}"#, granted("a", None, 3600)),
        (r#"{"refresh_token":"r","access_token":"a","error":"x"}"#, granted("a", Some("r"), 3600)),
        (r#"{"access_token":"a","expires_in":1e300}"#, granted("a", None, u64::MAX)),
    ] {
        assert_eq!(of(200, body), expected, "{body}");
    }
}

#[test]
fn a_lifetime_however_it_is_written() {
    for (written, lifetime_s) in [
        (r#""3600.0""#, 3600),
        (r#"" 3600 ""#, 3600),
        (r#""7200.5""#, 7200),
        (r#""7.2e3""#, 7200),
        (r#""0060""#, 60),
        (r#""-5""#, 0),
        ("7200.0", 7200),
        // What cannot be read is the default hour.
        (r#""soon""#, 3600),
        (r#""""#, 3600),
        (r#"" ""#, 3600),
        (r#""60s""#, 3600),
        (r#""1:00:00""#, 3600),
        (r#""NaN""#, 3600),
        ("true", 3600),
        ("false", 3600),
        ("null", 3600),
        ("[60]", 3600),
        (r#"{"seconds":60}"#, 3600),
        ("NaN", 3600),
        ("Infinity", 3600),
        ("-Infinity", 3600),
        ("undefined", 3600),
        ("0x3c", 3600),
        ("60 s", 3600),
    ] {
        let body = format!(
            r#"{{"expires_in":{written},"access_token":"a","refresh_token":"r","token_type":"Bearer"}}"#
        );
        assert_eq!(of(200, &body), granted("a", Some("r"), lifetime_s), "{written}");
    }
}

#[test]
fn what_stands_around_the_object_or_is_odd_in_it_costs_nothing_else() {
    let whole = r#"{"access_token":"a","refresh_token":"r","expires_in":60}"#;
    for body in [
        format!("\u{feff}{whole}"),
        format!("\u{feff}\u{feff} \r\n{whole}"),
        format!("{whole}\0\0\0\0"),
        format!("{whole}\0<!-- x -->"),
        format!("{whole} // served in 12 ms"),
        format!("{whole}\n/* node 7 */"),
        format!("{whole}# x"),
        format!("{whole}{whole}"),
        format!("{whole};"),
        whole.replace('{', r#"{"score":NaN,"#),
        whole.replace('{', r#"{"score":-Infinity,"more":[NaN],"#),
        whole.replace('{', "{\"scope\":\"a\tb\","),
        whole.replace('{', "{\"scope\":\"a\nb\u{1}\","),
        whole.replace('{', r#"{"note":"\q","lone":"\ud800","#),
        whole.replace('}', ",}"),
    ] {
        assert_eq!(of(200, &body), granted("a", Some("r"), 60), "{body:?}");
    }
    assert_eq!(
        of(200, "{\"access_token\":\"a\tb\",\"refresh_token\":\"r\"}"),
        only_refresh("r", TokenFault::Characters),
    );
}

fn only_refresh(refresh: &str, fault: TokenFault) -> Result<TokenResponse, EndpointError> {
    let expires_ms = endpoint::epoch_ms(0, DEFAULT_EXPIRES_IN_S);
    Ok(TokenResponse { access: Err(fault), refresh: Some(refresh.into()), expires_ms })
}

#[test]
fn an_access_token_that_cannot_be_used_does_not_cost_the_refresh_token() {
    use TokenFault::{Characters, Missing, Type};
    for (access, fault) in [
        (r#""access_token":"a\r\nX: y""#, Characters),
        (r#""access_token":"\u001b[2J""#, Characters),
        ("\"access_token\":\"a\nb\"", Characters),
        (r#""access_token":"é""#, Characters),
        (r#""access_token":"a","token_type":"mac""#, Type),
        (r#""access_token":"a","token_type":"DPoP""#, Type),
        (r#""access_token":"a","token_type":5"#, Type),
        (r#""access_token":"a","token_type":["Bearer"]"#, Type),
        (r#""access_token":5"#, Missing),
        (r#""access_token":"""#, Missing),
        (r#""access_token":null"#, Missing),
        (r#""access_token":["a"]"#, Missing),
        (r#""access_token":NaN"#, Missing),
        (r#""id_token":"a""#, Missing),
    ] {
        let with = format!(r#"{{{access},"refresh_token":"r"}}"#);
        assert_eq!(of(200, &with), only_refresh("r", fault), "{with:?}");
        let without = format!("{{{access}}}");
        let error = match fault {
            Missing => EndpointError::Unreadable { status: 200 },
            fault => EndpointError::UnusableToken(fault),
        };
        assert_eq!(of(200, &without), Err(error), "{without:?}");
    }
}

#[test]
fn a_blank_token_type_and_one_with_spaces_are_bearer() {
    for kind in [r#""""#, r#"" ""#, r#""Bearer ""#, r#"" bearer""#, "null", "NaN"] {
        let body = format!(r#"{{"token_type":{kind},"access_token":"a","refresh_token":"r"}}"#);
        assert_eq!(of(200, &body), granted("a", Some("r"), 3600), "{kind}");
    }
}

#[test]
fn a_refresh_token_that_cannot_be_sent_does_not_cost_the_access_token() {
    for refresh in [r#""\u0000""#, "5", "null", "[]", r#""a\nb""#, r#""é""#] {
        let body = format!(r#"{{"access_token":"a","refresh_token":{refresh}}}"#);
        assert_eq!(of(200, &body), granted("a", None, 3600), "{refresh}");
    }
}

#[test]
fn an_answer_that_was_cut_counts_if_the_token_that_matters_is_in_it() {
    let poll = |body: &str| {
        let response = HttpResponse { status: 200, headers: [].into(), body: body.into() };
        answer(&response, Essential::AccessToken, 0).map_err(|error| *error)
    };
    let unreadable = || Err(EndpointError::Unreadable { status: 200 });
    let cut = r#"{"access_token":"a","refresh_token":"r","expires_in":6"#;
    assert_eq!(of(200, cut), granted("a", Some("r"), 3600));
    assert_eq!(poll(cut), granted("a", Some("r"), 3600));
    let cut = r#"{"access_token":"a","refresh_tok"#;
    assert_eq!(of(200, cut), unreadable());
    assert_eq!(poll(cut), granted("a", None, 3600));
    let cut = r#"{"access_token":"a"#;
    assert_eq!((of(200, cut), poll(cut)), (unreadable(), unreadable()));
}

#[test]
fn a_success_that_is_none() {
    for body in [
        "",
        "<html>sign in to the hotel's wifi</html>",
        r#"<html>{"access_token":"a","refresh_token":"r"}</html>"#,
        r#"{"access_token":"a","expires_in":60"#,
        r#"{"access_token":7}"#,
        r#"{"access_token":""}"#,
        "[]",
        "{}",
    ] {
        assert_eq!(of(200, body), Err(EndpointError::Unreadable { status: 200 }), "{body}");
    }
}

#[test]
fn the_servers_errors() {
    let invalid_grant = r#"{"error":"invalid_grant","error_description":"gone\u001b[2J"}"#;
    for status in [200, 400, 401] {
        assert_eq!(of(status, invalid_grant), refused("invalid_grant", Some("gone[2J")));
    }
    let nested = r#"{"type":"error","error":{"type":"permission_error","message":"no"}}"#;
    assert_eq!(of(403, nested), refused("permission_error", Some("no")));
    assert_eq!(of(403, "<html>"), Err(EndpointError::Refused { status: 403 }));
    assert_eq!(of(302, ""), Err(EndpointError::Refused { status: 302 }));
    assert_eq!(of(400, r#"{"error":[]}"#), Err(EndpointError::Refused { status: 400 }));
}

#[test]
fn transient_and_permanent_are_told_apart() {
    for (status, body, transient) in [
        (429, "{}", true),
        (408, "", true),
        (500, r#"{"error":"invalid_grant"}"#, true),
        (503, "", true),
        (200, "<html>", true),
        (400, r#"{"error":"invalid_grant"}"#, false),
        (400, r#"{"error":"invalid_client"}"#, false),
        (403, "<html>", false),
        (404, "", false),
        (307, "", false),
    ] {
        assert_eq!(of(status, body).unwrap_err().is_transient(), transient, "{status} {body}");
    }
    assert!(EndpointError::Transport(TransportFailure::Timeout).is_transient());
}

#[test]
fn the_expiry_is_stored_with_the_buffer_taken_off() {
    let credential = granted("a", None, 3600).unwrap().credential(Some(&"old".into()), 0);
    assert_eq!((credential.expires, credential.end), (3_600_000 - 300_000, None));
    assert_eq!(credential.refresh, Some("old".into()));
    let forever = granted("a", Some("new"), u64::MAX).unwrap().credential(None, 0);
    assert_eq!((forever.expires, forever.end), (9_007_199_254_740_991, None));
    assert_eq!(forever.refresh, Some("new".into()));
}

#[test]
fn the_buffer_is_at_most_half_of_the_life() {
    for (lifetime_s, expires, end) in [
        (0, 0, Some(0)),
        (1, 500, Some(1000)),
        (60, 30_000, Some(60_000)),
        (300, 150_000, Some(300_000)),
        (599, 299_500, Some(599_000)),
        (600, 300_000, None),
        (601, 301_000, None),
    ] {
        let credential = granted("a", None, lifetime_s).unwrap().credential(None, 0);
        assert_eq!((credential.expires, credential.end), (expires, end), "{lifetime_s}");
        assert_eq!(credential.real_expiry_ms(), lifetime_s * 1000);
    }
}
