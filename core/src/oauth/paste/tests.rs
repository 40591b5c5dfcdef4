use super::*;
use alloc::format;
use alloc::string::ToString;
use proptest::prelude::*;

/// The state of the login that is pasted into, unless a test says otherwise.
const STATE: &str = "xyz";
/// A code as providers with long ones give it out.
const LONG: &str = "q5Lr8Zk2-VmX0_cT4bWnYh7Jd9sEoGuA1fPiRaKxB3M";

fn parsed(text: &str, shape: CodeShape) -> Result<AuthorizationResponse, PasteError> {
    parse(text, &STATE.into(), shape)
}

/// A code alone, or with what a redirect URL brings.
fn answer(
    code: &str,
    state: Option<&str>,
    is_bare: bool,
) -> Result<AuthorizationResponse, PasteError> {
    Ok(AuthorizationResponse {
        code: code.into(),
        state: state.map(Secret::from),
        iss: None,
        is_bare,
    })
}

#[test]
fn every_shape_that_people_paste() {
    for (text, code, state) in [
        ("abc#xyz", "abc", Some("xyz")),
        ("  abc#xyz \n", "abc", Some("xyz")),
        ("abc", "abc", None),
        ("abc#", "abc", None),
        ("abc==#xyz", "abc==", Some("xyz")),
        ("ab\r\n  c#x\n  yz\n", "abc", Some("xyz")),
        ("\u{1b}[200~abc#xyz\u{1b}[201~", "abc", Some("xyz")),
        ("\u{feff}abc\u{200b}#xyz", "abc", Some("xyz")),
        ("\"abc#xyz\"", "abc", Some("xyz")),
        ("code: abc#xyz", "abc", Some("xyz")),
        ("Code:abc#xyz", "abc", Some("xyz")),
        ("Authorization code: abc", "abc", None),
        ("code=abc#xyz", "abc", Some("xyz")),
        ("abc%23xyz", "abc", Some("xyz")),
        ("code: abc%23xyz", "abc", Some("xyz")),
        ("123456", "123456", None),
        ("4/0AbCd", "4/0AbCd", None),
        ("code=abc&state=xyz", "abc", Some("xyz")),
        ("?state=xyz&code=abc", "abc", Some("xyz")),
        ("http://localhost:53692/callback?code=abc&state=xyz", "abc", Some("xyz")),
        ("localhost:53692/callback?code=abc&state=xyz", "abc", Some("xyz")),
        ("/callback?code=abc&state=xyz", "abc", Some("xyz")),
        ("GET /callback?code=abc&state=xyz HTTP/1.1", "abc", Some("xyz")),
        ("It says: localhost/cb?code=abc&state=xyz and nothing else", "abc", Some("xyz")),
        ("It says: localhost/cb?state=xyz&code=abc", "abc", Some("xyz")),
        ("It says: localhost/cb?state=xyz&code=abc . What now?", "abc", Some("xyz")),
        ("https://h/cb?state=xyz&code=a\nbc", "abc", Some("xyz")),
        ("curl 'http://localhost/cb?state=xyz&code=abc' -v", "abc", Some("xyz")),
        ("https://h/cb?code=abc", "abc", None),
        ("https://h/cb?code=abc&state=xyz#", "abc", Some("xyz")),
        ("https://h/cb#code=abc&state=xyz", "abc", Some("xyz")),
        ("<https://h/cb?code=abc&sta\n te=xyz>", "abc", Some("xyz")),
    ] {
        let has_query = text.contains("code=") && !text.contains("code=abc#xyz");
        assert_eq!(parsed(text, CodeShape::Any), answer(code, state, !has_query), "{text:?}");
    }
    let parsed = parse("https://h/cb?code=a%2Fb&state=x%20z", &"x z".into(), CodeShape::Any);
    assert_eq!(parsed, answer("a/b", Some("x z"), false));
}

fn refused(error: &str, state: Option<&str>) -> PasteError {
    PasteError::Refused { error: error.into(), state: state.map(Secret::from) }
}

#[test]
fn what_cannot_be_used_says_why() {
    let authorize = "https://claude.ai/oauth/authorize?code=true&code_challenge=x&state=y";
    for (text, error) in [
        ("", PasteError::Empty),
        (" \r\n\t", PasteError::Empty),
        ("\u{1b}[200~\u{1b}[201~", PasteError::Empty),
        ("#xyz", PasteError::NoCode),
        ("https://h/cb", PasteError::NoCode),
        ("https://h/cb?state=x", PasteError::NoCode),
        ("code=", PasteError::NoCode),
        ("ключ", PasteError::NoCode),
        ("y", PasteError::NoCode),
        ("Yes", PasteError::NoCode),
        ("me@example.com", PasteError::Address),
        ("claude.ai/settings", PasteError::Address),
        ("www.anthropic.com", PasteError::Address),
        ("localhost:53692/callback", PasteError::Address),
        ("sk-ant-oat01-abc", PasteError::Token),
        ("\"sk-ant-api03-abc\"", PasteError::Token),
        ("code: ghu_abc", PasteError::Token),
        ("ANTHROPIC_API_KEY=sk-ant-api03-abc", PasteError::Token),
        ("Authorization: Bearer sk-ant-oat01-abc", PasteError::Token),
        ("Bearer sk-Abcdefghijklmnopqrstuvwxyz012345", PasteError::Token),
        ("here it is: gsk_Abcdefghijklmnopqrstuvwxyz01", PasteError::Token),
        ("my key\nAIzaSyAbcdefghijklmnopqrstuvwxyz0123", PasteError::Token),
        ("Bearer\txai-Abcdefghijklmnopqrstuvwxyz0123456", PasteError::Token),
        ("Bearer hf_Abcdefghijklmnopqrstuvwxyz0123456", PasteError::Token),
        ("token (ghp_Abcdefghijklmnopqrstuvwxyz0123456) thanks", PasteError::Token),
        ("GH_TOKEN=ghp_abc", PasteError::Token),
        ("http://localhost/cb?code=gho_abc&state=xyz", PasteError::Token),
        ("abc#another", PasteError::OtherLogin),
        ("http://h/cb?code=abc?error=x&state=another", PasteError::OtherLogin),
        ("abc#xyz-of-another-login", PasteError::OtherLogin),
        ("https://h/cb?code=abc&state=another", PasteError::OtherLogin),
        (authorize, PasteError::AuthorizePage),
        ("https://h/cb?error=access_denied&state=x", refused("access_denied", Some("x"))),
        ("error=a%1b%5b2Jb", refused("a[2Jb", None)),
    ] {
        assert_eq!(parsed(text, CodeShape::Any), Err(error), "{text:?}");
    }
    assert_eq!(parsed(&"a".repeat(1 << 20), CodeShape::Any), Err(PasteError::TooLong));
}

#[test]
fn where_codes_are_long_what_is_short_or_not_random_is_no_code() {
    for text in ["123456", "hunter2", "correct-horse-battery-staple", "Tr0ub4dor&3", "password"] {
        assert_eq!(parsed(text, CodeShape::Long), Err(PasteError::NotACode), "{text:?}");
    }
    assert_eq!(parsed(LONG, CodeShape::Long), answer(LONG, None, true));
    // With the state of this login it comes from the provider, whatever it looks like.
    assert_eq!(parsed("123456#xyz", CodeShape::Long), answer("123456", Some("xyz"), true));
}

#[test]
fn no_refusal_repeats_what_was_pasted() {
    for text in ["sk-ant-oat01-secret", "secret@example.com", "secret#other", "secret"] {
        let problem = parsed(text, CodeShape::Long).unwrap_err().to_string();
        assert!(!problem.contains("secret"), "{problem}");
    }
}

proptest! {
    #[test]
    fn any_text_is_an_answer_or_an_error(text in any::<String>()) {
        if let Ok(answer) = parsed(&text, CodeShape::Any) {
            prop_assert!(!answer.code.is_empty());
            prop_assert!(answer.state.is_none_or(|state| state == STATE.into()));
        }
    }

    #[test]
    fn a_code_survives_whatever_surrounds_it(
        code in "[A-Za-z0-9_-]{10,80}", state in "[A-Za-z0-9_-]{1,80}",
        at in 0usize..160, space in "[ \\r\\n\\t]{0,5}", brackets in any::<bool>(),
    ) {
        prop_assume!(!holds_token(&code));
        let mut text = format!("{code}#{state}");
        text.insert_str(at.min(text.len()), &space);
        if brackets {
            text = format!("\u{1b}[200~{text}\u{1b}[201~");
        }
        let parsed = parse(&text, &state.as_str().into(), CodeShape::Any);
        prop_assert_eq!(parsed, answer(&code, Some(&state), true));
    }

    #[test]
    fn a_redirect_url_gives_back_what_was_put_in(code in "[ -~]{1,60}", state in "[ -~]{1,60}") {
        prop_assume!(!code.contains(' ') && !holds_token(&code));
        let query = crate::http::encode_pairs(&[("code", &code), ("state", &state)]);
        let url = format!("http://localhost:1/callback?{query}");
        let parsed = parse(&url, &state.as_str().into(), CodeShape::Any);
        prop_assert_eq!(parsed, answer(&code, Some(&state), false));
    }
}
