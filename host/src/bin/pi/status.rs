//! `pi status`: who is logged in, until when, and what hides what.

use std::path::Path;
use std::process::ExitCode;

use pi_auth::{KeyKind, KeyState, KeyStatus, Lifetime, Source, Status, now_ms, plain};

use crate::terminal::Style;
use crate::{cli, json, output, session};

/// Something usable is there: 0, else 4.
pub(crate) fn run(arguments: &cli::Status, core: Option<&Path>) -> ExitCode {
    let (auth, stop) = match session::auth(core) {
        Ok(auth) => auth,
        Err(error) => return output::failed(&error),
    };
    let status = match session::run(&stop, auth.status()) {
        Ok(status) => status,
        Err(error) => return output::failed(&error),
    };
    if arguments.json {
        output::json(&json::value(&status));
    } else {
        output::result(&text(&status, now_ms()));
        status.notes.iter().for_each(|note| output::note(note));
    }
    ExitCode::from(if status.is_usable() { 0 } else { 4 })
}

fn text(status: &Status, now_ms: u64) -> String {
    if status.keys.is_empty() {
        return format!("You are not logged in. Run `pi login`.\nCredentials: {}\n", status.path);
    }
    let mut text = String::new();
    let mut provider = None;
    for key in &status.keys {
        if provider != Some(&key.provider) {
            provider = Some(&key.provider);
            text += &format!("{}\n", Style::for_stdout().bold(&key.provider.name));
        }
        let mark = match (key.active, key.state) {
            (true, KeyState::Ready | KeyState::RefreshDue) => Style::for_stdout().tick(),
            (true, _) => Style::for_stdout().red("✗"),
            (false, _) => "-".into(),
        };
        text += &format!("  {mark} {}\n", line(key, now_ms));
    }
    text + &format!("Credentials: {}\n", status.path)
}

fn line(key: &KeyStatus, now_ms: u64) -> String {
    let hidden = if key.active { "" } else { " (not used: what stands above comes first)" };
    match (&key.source, key.kind) {
        (Source::Variable(name), _) => format!("{name} is set{hidden}"),
        (_, Some(KeyKind::ApiKey)) if key.state == KeyState::Unusable => {
            "a command is stored that prints an API key: only the agent runs it".into()
        }
        (_, Some(KeyKind::ApiKey)) => format!("an API key is stored{hidden}"),
        (_, None) => "something is stored that is neither a login nor an API key".into(),
        (_, Some(KeyKind::OAuth)) => format!("{}{hidden}", login(key, now_ms)),
    }
}

fn login(key: &KeyStatus, now_ms: u64) -> String {
    let lifetime = Lifetime::until(key.expires_ms.unwrap_or(0), now_ms);
    let at = key.enterprise.as_ref().map(|domain| format!(" at {domain}")).unwrap_or_default();
    match key.state {
        KeyState::Ready => match lifetime {
            Lifetime::Ends { left_ms } => {
                format!("logged in{at}; the token is valid for {}", output::duration(left_ms))
            }
            Lifetime::Doubtful => format!(
                "logged in{at}; the token is valid for more than a year, if its provider is right"
            ),
            Lifetime::Endless => format!("logged in{at}; the token does not expire"),
        },
        KeyState::RefreshDue => {
            format!("logged in{at}; the token is refreshed when it is next asked for")
        }
        KeyState::Foreign => format!(
            "the token has expired; the agent can refresh it, or this program once {} stands in \
             auth-providers.json",
            plain(&key.provider.id)
        ),
        _ => {
            format!("the login has expired. Run `pi login {}`.", plain(&key.provider.id))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn ready(expires_ms: u64) -> String {
        let key = format!(
            r#"{{"provider":{{"id":"acme","name":"Acme"}},"kind":"oauth","source":"stored","active":true,
                "state":"ready","expires_ms":{expires_ms},"enterprise":null}}"#
        );
        line(&pi_auth::json::from_str(&key).unwrap(), NOW)
    }

    #[test]
    fn lifetimes_as_they_are_told() {
        for (expires_ms, words) in [
            (NOW + 60_000, "valid for 1 min"),
            (NOW + 366 * 86_400_000, "valid for 366 d"),
            (NOW + 366 * 86_400_000 + 1, "valid for more than a year, if its provider is right"),
            (1_794_285_667_200_000, "valid for more than a year, if its provider is right"),
            (9_007_199_254_740_990, "valid for more than a year, if its provider is right"),
            (9_007_199_254_740_991, "does not expire"),
        ] {
            let line = ready(expires_ms);
            assert!(line.ends_with(words), "{expires_ms}: {line}");
        }
    }
}
