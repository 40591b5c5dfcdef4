//! What a person pastes after authorizing: the input as a whole.

use pi_auth_core::error::Error;
use pi_auth_core::flow::{Authorize, Effect, Event};
use pi_auth_core::oauth::paste::{MAX_PASTE_BYTES, PasteError};
use serde_json::Value;
use url::Url;

use crate::input;
use crate::world::{STATE, VERIFIER, World, login};

/// What came of a paste.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// The code was sent on, in this body.
    Exchanged(String),
    /// It was asked for again.
    AskedAgain(Authorize),
    /// The login has failed.
    Failed(Error),
}

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = input::text(data);
    let outcome = pasted(&text);
    match &outcome {
        Outcome::Exchanged(body) => check_exchange(&text, body),
        Outcome::AskedAgain(page) => check_problem(page),
        Outcome::Failed(Error::Denied { .. } | Error::AuthorizationRefused { .. }) => {
            assert!(text.contains('='), "nobody refused anything");
        }
        Outcome::Failed(error) => panic!("{error:?}"),
    }
    for (before, behind) in [(" \n", "\r\n"), ("\u{1b}[200~", "\u{1b}[201~"), ("\u{feff}", "\t")] {
        let surrounded = format!("{before}{text}{behind}");
        if surrounded.len() <= MAX_PASTE_BYTES {
            assert_eq!(pasted(&surrounded), outcome, "with {before:?} and {behind:?} around it");
        }
    }
}

/// What comes of a paste in a login to Anthropic.
fn pasted(text: &str) -> Outcome {
    let mut request = login(Some("anthropic"));
    request["paste"] = true.into();
    let (mut body, mut page, mut again) = (None, None, None);
    let mut world = World::default();
    let end = world.run(&request.to_string(), |effect, _| match effect {
        Effect::Authorize(first) if page.is_none() => {
            assert!(!first.url.contains(VERIFIER), "the verifier is in an address");
            page = Some(first.clone());
            Some(Event::Pasted { text: text.into() })
        }
        Effect::Authorize(second) => {
            again = Some(second.clone());
            Some(Event::InputEnded)
        }
        Effect::Http { request, .. } => {
            body = Some(request.body.expose().to_owned());
            None
        }
        _ => None,
    });
    match (body, again, end) {
        (Some(body), None, _) => Outcome::Exchanged(body),
        (None, Some(again), Effect::Failed { error: Error::Paste(problem) }) => {
            let problem = Some(problem.to_string());
            assert_eq!(page.map(|page| Authorize { problem, ..page }), Some(again.clone()));
            Outcome::AskedAgain(again)
        }
        (None, None, Effect::Failed { error }) => Outcome::Failed(error),
        other => panic!("{other:?}"),
    }
}

/// Prefixes of tokens and keys that people paste by mistake, written down one by one.
const TOKENS: [&str; 11] =
    ["sk-", "gsk_", "AIza", "xai-", "hf_", "ghu_", "gho_", "ghp_", "github_pat_", "glpat-", "tid="];

/// Holds what was sent to what was pasted.
fn check_exchange(text: &str, body: &str) {
    let body: Value = serde_json::from_str(body).expect("the body is JSON");
    let code = body["code"].as_str().expect("there is a code");
    assert!(!code.is_empty() && code.bytes().all(|byte| byte.is_ascii_graphic()), "{code:?}");
    assert!(!TOKENS.iter().any(|it| code.starts_with(it)), "a token is sent");
    let visible: String = text.chars().filter(char::is_ascii_graphic).collect();
    let may_have_state = ["CAgI", "state", "%"].iter().any(|it| visible.contains(it));
    if !may_have_state {
        let mut words = text.split_whitespace();
        let is_token = |word: &str| TOKENS.iter().any(|it| word.starts_with(it));
        assert!(!words.any(is_token), "a token among other words is sent");
        let is_long = code.len() >= 24 && !code.contains('@') && !code.contains('.');
        assert!(is_long, "{code:?} is no code of this provider");
    }
    assert_eq!((&body["state"], &body["code_verifier"]), (&STATE.into(), &VERIFIER.into()));
    // As another parser reads it, no other state was in it.
    let is_dense = !text.contains(|c: char| !c.is_ascii_graphic() || "\"'`<>".contains(c));
    if let Some((first, state)) = text.split_once('#')
        && is_dense
        && !text.contains('=')
    {
        assert!(state.is_empty() || state == STATE, "another state");
        let label = first.strip_suffix(code).expect("another code");
        assert!(label.is_empty() || label.to_ascii_lowercase().ends_with("code:"), "{label:?}");
    }
    if let Ok(url) = Url::parse(text)
        && is_dense
        && (text.starts_with("http://") || text.starts_with("https://"))
    {
        check_query(url.query().unwrap_or_default(), code);
    }
    // The same code with a state that is not ours is refused.
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("code", code)
        .append_pair("state", "of-another-login")
        .finish();
    match pasted(&format!("http://localhost:53692/callback?{query}")) {
        Outcome::AskedAgain(page) => {
            assert_eq!(page.problem, Some(PasteError::OtherLogin.to_string()));
        }
        Outcome::Exchanged(_) if code.len() > MAX_PASTE_BYTES / 8 => {}
        other => panic!("{other:?}"),
    }
}

/// Holds the code that was sent to the query of what was pasted, as another parser reads it.
fn check_query(query: &str, code: &str) {
    let of = |name: &str| input::first(query, name);
    let Some(Some(code_there)) = of("code") else { return };
    assert_eq!(code, code_there);
    assert!(of("error").is_none_or(|error| error.is_none()), "both an error and a code");
    assert!(of("state").flatten().is_none_or(|state| state == STATE), "another state");
}

/// What is wrong is told in fixed words, which hold nothing that was pasted.
fn check_problem(page: &Authorize) {
    use PasteError::{Address, AuthorizePage, Empty, NoCode, NotACode, OtherLogin, Token, TooLong};
    let words = [Empty, TooLong, NoCode, Token, Address, NotACode, AuthorizePage, OtherLogin]
        .map(|it| it.to_string());
    assert!(page.problem.as_ref().is_some_and(|problem| words.contains(problem)), "{page:?}");
}
