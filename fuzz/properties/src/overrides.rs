//! The overrides file, and what an issuer says of itself: the two parts of an input. Every provider
//! that comes of them is put to use.

use pi_auth_core::error::{Code, Error};
use pi_auth_core::flow::{Authorize, Effect, Event, Output};
use pi_auth_core::text::plain;
use serde_json::{Value, json};

use crate::input;
use crate::shown::{check_address, is_sendable};
use crate::world::{NOW_MS, World, login};

/// What a value that is wrong may hold, and no error says.
const CANARY: &str = "canary";
/// How many providers are put to use.
const MAX_PROVIDERS: usize = 6;

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = input::text(data);
    let mut parts = input::parts(&text);
    let overrides = parts.next().unwrap_or_default();
    let metadata = input::answer(parts.next().unwrap_or("404\n"));
    let world = || World { overrides: Some(overrides.into()), ..World::default() };
    match world().run(r#"{"type":"status"}"#, |_, _| None) {
        Effect::Done { .. } => {}
        Effect::Failed { error } => return check_error(&error, overrides),
        other => panic!("{other:?}"),
    }
    for (index, id) in ids(world()).iter().take(MAX_PROVIDERS).enumerate() {
        check_login(world(), index, &metadata);
        for (kind, expires) in [("headers", NOW_MS + 1), ("token", 0), ("logout", 0)] {
            check_stored(world(), kind, id, expires, &metadata);
        }
    }
}

/// It says where the mistake is, and not what stands there.
fn check_error(error: &Error, overrides: &str) {
    assert_eq!(error.code(), Code::BadInput);
    let Error::Overrides { problem, .. } = error else { panic!("{error:?}") };
    // Another parser may not take it, for a number that it cannot hold or a lone surrogate.
    let Ok(file) = serde_json::from_str::<Value>(overrides) else { return };
    let Some(providers) = file.as_object() else { return };
    assert!(!problem.key.is_empty() || overrides.len() > 64 << 10, "no key is named: {error}");
    let is_named = |(id, fields): (&String, &Value)| {
        let of_it = |key: &String| format!("{}.{}", plain(id), plain(key));
        let quoted = json!(plain(id)).to_string();
        let fields = fields.as_object();
        let is_missing = error.to_string().contains("is missing");
        problem.key == plain(id)
            || problem.key == quoted
            || problem.key.starts_with(&format!("{}.", plain(id))) && is_missing
            || fields.is_some_and(|it| it.keys().any(|key| problem.key.starts_with(&of_it(key))))
    };
    assert!(
        problem.key.is_empty() || providers.iter().any(is_named),
        "{} is not there",
        problem.key
    );
    if !names(&file).any(|name| plain(&name).contains(CANARY)) {
        assert!(!format!("{error} {} {error:?}", error.advice()).contains(CANARY), "{error}");
    }
}

/// Every name of a member, at whatever depth.
fn names(value: &Value) -> Box<dyn Iterator<Item = String> + '_> {
    match value {
        Value::Object(members) => Box::new(
            members
                .iter()
                .flat_map(|(name, value)| std::iter::once(name.clone()).chain(names(value))),
        ),
        Value::Array(items) => Box::new(items.iter().flat_map(names)),
        _ => Box::new(std::iter::empty()),
    }
}

/// What a person may choose from.
fn ids(mut world: World) -> Vec<String> {
    let mut ids = Vec::new();
    world.run(&login(None).to_string(), |effect, _| {
        if let Effect::Select { options, .. } = effect {
            ids = options.iter().map(|label| label.id.clone()).collect();
        }
        None
    });
    assert!(ids.len() >= 2, "the built-in providers are gone");
    ids
}

fn check_login(mut world: World, index: usize, metadata: &Event) {
    let mut requests = 0;
    let mut refused = false;
    world.run(&login(None).to_string(), |effect, _| match effect {
        Effect::Select { .. } => Some(Event::Chosen { index }),
        Effect::Listen { path, .. } => {
            assert!(path.starts_with('/') && !path.contains(['?', '#']), "{path:?}");
            None
        }
        Effect::Authorize(page) => {
            assert!(!refused, "a page after the metadata of another issuer: {}", page.url);
            check_page(page, requests > 0);
            None
        }
        Effect::Http { request, .. } => {
            check_still_believed(refused, &request.url);
            refused |= requests < 2 && is_foreign(&request.url, metadata);
            requests += 1;
            (requests <= 2).then(|| metadata.clone())
        }
        _ => None,
    });
}

/// Nothing is sent once an issuer's place has answered with the metadata of another issuer.
fn check_still_believed(refused: bool, url: &str) {
    assert!(!refused, "{url} is asked after the metadata of another issuer");
}

/// Returns whether `answer` to a request at `url` is the metadata of another issuer than the one
/// that is asked there, as another parser reads it.
fn is_foreign(url: &str, answer: &Event) -> bool {
    let Event::Response(response) = answer else { return false };
    let Ok(body) = serde_json::from_str::<Value>(response.body.expose()) else { return false };
    let Some(named) = body["issuer"].as_str().filter(|_| body.get("error").is_none()) else {
        return false;
    };
    let places = [
        ("/.well-known/openid-configuration", false),
        ("/.well-known/oauth-authorization-server", true),
    ];
    let place = places.iter().find_map(|(place, has_path_behind)| {
        let (before, behind) = url.split_once(place)?;
        (*has_path_behind || behind.is_empty()).then(|| format!("{before}{behind}"))
    });
    // A slash at the end of the issuer is not in the address of its metadata.
    let is_same = |asked: &String| named == asked || named.strip_suffix('/') == Some(asked);
    (200..=299).contains(&response.status) && place.is_some_and(|asked| !is_same(&asked))
}

/// What a login depends on stands in its address once, and is ours. What an issuer has in its own
/// address is its own affair.
fn check_page(page: &Authorize, is_discovered: bool) {
    let Some(url) = check_address(&page.url).filter(|_| !is_discovered) else { return };
    let all = |name: &str| -> Vec<String> {
        let pairs = url.query_pairs();
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    };
    assert_eq!(all("response_type"), ["code"]);
    assert_eq!(all("code_challenge_method"), ["S256"]);
    assert_eq!(all("state"), [page.state.expose()]);
    assert_eq!((all("code_challenge").len(), all("client_id").len()), (1, 1));
    assert!(all("scope").len() <= 1 && url.fragment().is_none());
    let redirect_uris = all("redirect_uri");
    assert_eq!(redirect_uris.len(), 1);
    check_address(&redirect_uris[0]);
}

/// A job for a login that is there already.
fn check_stored(mut world: World, kind: &str, id: &str, expires: u64, metadata: &Event) {
    let login = json!({"type": "oauth", "refresh": "r", "access": "a",
        "expires": expires});
    world.store = Some(json!({ id: login }).to_string());
    let request = json!({"type": kind, "provider": id}).to_string();
    let mut requests = 0;
    let mut refused = false;
    let end = world.run(&request, |effect, _| {
        if let Effect::Http { request, .. } = effect {
            check_still_believed(refused, &request.url);
            refused |= is_foreign(&request.url, metadata);
        }
        requests += usize::from(matches!(effect, Effect::Http { .. }));
        assert!(requests <= 3, "it asks again and again");
        matches!(effect, Effect::Http { .. }).then(|| metadata.clone())
    });
    match (kind, end) {
        ("headers", Effect::Done { output: Output::Headers(headers) }) => {
            for header in &headers.headers {
                let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
                assert!(!header.name.is_empty() && header.name.chars().all(is_token));
                assert!(is_sendable(header.value.expose()), "{}", header.name);
            }
            let is_key = |name: &str| ["authorization", "x-api-key"].contains(&name);
            let keys = headers.headers.iter().filter(|it| is_key(&it.name.to_ascii_lowercase()));
            assert_eq!(keys.count(), 1, "a key is carried once");
            if let Some(base_url) = &headers.base_url {
                check_address(base_url);
            }
        }
        ("headers", end) => panic!("{end:?}"),
        ("logout", Effect::Done { .. }) => {}
        ("logout", end) => panic!("whoever logs out is logged out: {end:?}"),
        _ => {}
    }
}
