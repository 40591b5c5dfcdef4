//! Every secret that this test process has seen: what a sandbox gave, what it was sent, and what a
//! test stored or put into a variable. Each is a canary: whatever `pi` says, none may be in it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// The shortest text that is taken for a secret, in bytes: the `a` and the `r` of a test that does
/// not care are in every word.
const LEAST: usize = 16;

/// The members of a credential file, and of requests and answers, that are secrets.
const MEMBERS: [&str; 10] = [
    "access",
    "access_token",
    "code",
    "code_verifier",
    "device_code",
    "id_token",
    "key",
    "refresh",
    "refresh_token",
    "token",
];

static SECRETS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on this is a secret.
pub fn plant(secret: &str) {
    if secret.len() >= LEAST {
        secrets().insert(secret.to_owned());
    }
}

/// The same for what stands under this name, if what stands there is one.
pub fn plant_member(name: &str, value: &str) {
    if MEMBERS.contains(&name) {
        plant(value);
    }
}

/// The same for every secret in a JSON document; none where it is none.
pub fn plant_all(json: &str) {
    if let Ok(document) = serde_json::from_str(json) {
        let mut found = Vec::new();
        collect(&document, &mut found);
        found.iter().for_each(|secret| plant(secret));
    }
}

/// The same for what a request holds: a document or a form, and the token that it shows.
pub fn plant_request(request: &str) {
    secrets_of(request).iter().for_each(|secret| plant(secret));
}

/// Every secret that a request holds.
pub fn secrets_of(request: &str) -> Vec<String> {
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
    let mut found = Vec::new();
    if let Ok(document) = serde_json::from_str(body) {
        collect(&document, &mut found);
    }
    let form = url::form_urlencoded::parse(body.as_bytes());
    let secret = form.filter(|(name, _)| MEMBERS.contains(&name.as_ref()));
    found.extend(secret.map(|(_, value)| value.into_owned()));
    let bearers = head.lines().filter_map(|line| line.split_once("Bearer "));
    found.extend(bearers.map(|(_, token)| token.to_owned()));
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if MEMBERS.contains(&name.as_str()) => {
                        found.push(text.clone());
                    }
                    value => collect(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

/// The first secret in a text, but for those that `may_be_there` lets pass.
pub fn found(text: &str, may_be_there: impl Fn(&str) -> bool) -> Option<String> {
    let secrets = secrets();
    secrets.iter().find(|secret| text.contains(*secret) && !may_be_there(secret)).cloned()
}

fn secrets() -> MutexGuard<'static, BTreeSet<String>> {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_wherever_they_came_from() {
        let secret = |number: u32| format!("a-canary-of-this-test-{number}");
        plant(&secret(1));
        plant_all(&format!(r#"{{"p":[{{"refresh":"{}","name":"{}"}}]}}"#, secret(2), secret(3)));
        plant_request(&format!(
            "POST /t HTTP/1.1\r\nAuthorization: Bearer {}\r\n\r\ncode_verifier={}&x={}",
            secret(4),
            secret(5),
            secret(6)
        ));
        plant("short");
        for (number, is_one) in [(1, true), (2, true), (3, false), (4, true), (5, true), (6, false)]
        {
            let text = format!("it says {}.", secret(number));
            assert_eq!(found(&text, |_| false), is_one.then(|| secret(number)));
            assert_eq!(found(&text, |_| true), None);
        }
        assert_eq!(found("short", |_| false), None);
    }
}
