//! The keys that could be used: logins that have ended, and variables that come before them.

use pi_auth_core::flow::status::{KeyState, KeyStatus};
use pi_auth_core::key::{KeyKind, Source};
use pi_auth_core::store::credential::Lifetime;

use super::report::{Check, Finding, Report};

/// What is stored.
pub(super) fn judge(keys: &[KeyStatus], now_ms: u64) -> Report {
    let mut report = Report::default();
    for key in keys.iter().filter(|key| key.source == Source::Stored) {
        let name = &key.provider.name;
        let at = key.enterprise.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        match (key.kind, key.state) {
            (Some(KeyKind::OAuth), KeyState::Unusable) => report.found(
                Finding::problem(
                    Check::Logins,
                    format!("The login to {name}{at} has expired, and holds no refresh token."),
                )
                .mend("Log in again.")
                .by("pi login", &key.provider.id),
            ),
            (Some(KeyKind::OAuth), KeyState::Foreign) => report.found(
                Finding::note(
                    Check::Logins,
                    format!("The login to {name} has expired, and only the agent can refresh it."),
                )
                .mend(
                    "Use it in the agent once; or put the provider back into auth-providers.json.",
                ),
            ),
            (Some(KeyKind::OAuth), KeyState::RefreshDue) => report.fine(
                Check::Logins,
                format!("{name}: logged in{at}; the token is refreshed when it is next asked for"),
            ),
            (Some(KeyKind::OAuth), _) => {
                match Lifetime::until(key.expires_ms.unwrap_or_default(), now_ms) {
                    Lifetime::Ends { .. } => {
                        report.fine(Check::Logins, format!("{name}: logged in{at}"));
                    }
                    Lifetime::Endless => {
                        let words = format!("{name}: logged in{at}; the token does not expire");
                        report.fine(Check::Logins, words);
                    }
                    Lifetime::Doubtful => report.found(
                        Finding::note(
                            Check::Logins,
                            format!(
                                "The token of {name} is said to be valid for more than a year, so \
                                 nothing refreshes it before that."
                            ),
                        )
                        .mend("If its requests are refused, log in again.")
                        .by("pi login", &key.provider.id),
                    ),
                }
            }
            (Some(KeyKind::ApiKey), KeyState::Unusable) => report.found(
                Finding::note(
                    Check::Logins,
                    format!("A command is stored for {name} that prints an API key."),
                )
                .mend("Only the agent runs it: `pi token` and `pi headers` cannot use it."),
            ),
            (Some(KeyKind::ApiKey), _) => {
                report.fine(Check::Logins, format!("{name}: an API key is stored"));
            }
            // What it is is told by the check of the entries.
            (None, _) => {}
        }
    }
    if keys.is_empty() {
        report.fine(Check::Logins, "Nobody is logged in: `pi login`");
    }
    report
}

/// Which variables are set, and what they do to a stored login.
pub(super) fn judge_variables(keys: &[KeyStatus]) -> Report {
    let mut report = Report::default();
    for key in keys {
        let Source::Variable(name) = &key.source else { continue };
        let is_same = |other: &&KeyStatus| other.provider.id == key.provider.id;
        let others = || keys.iter().filter(is_same);
        let is_stored =
            others().any(|other| other.source == Source::Stored && other.kind.is_some());
        let provider = key.provider.short_name();
        match (key.active, is_stored) {
            (true, true) => report.found(
                Finding::note(
                    Check::Variables,
                    format!(
                        "{name} is used for {provider} in place of the stored login, since \
                         PI_AUTH_PREFER is `env`."
                    ),
                )
                .mend("Unset one of the two if you mean the login."),
            ),
            (true, false) => {
                report.fine(Check::Variables, format!("{name} is set, and used for {provider}"));
            }
            (false, _) => {
                let winner = others().find(|other| other.active).map(|other| &other.source);
                let winner = match winner {
                    Some(Source::Variable(other)) => other.as_str(),
                    _ => "what is stored",
                };
                report.fine(
                    Check::Variables,
                    format!("{name} is set; {winner} comes before it for {provider}"),
                );
            }
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use pi_auth_core::provider::Label;

    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn key(kind: Option<KeyKind>, source: Source, active: bool, state: KeyState) -> KeyStatus {
        let provider = r#"{"id":"anthropic","name":"Anthropic (Claude Pro/Max)"}"#;
        let provider: Label = pi_auth_core::json::from_str(provider).unwrap();
        let text = format!(
            r#"{{"provider":{},"kind":null,"source":"stored","active":{active},"state":"ready",
                "expires_ms":null,"enterprise":null}}"#,
            pi_auth_core::json::to_string(&provider)
        );
        let mut status: KeyStatus = pi_auth_core::json::from_str(&text).unwrap();
        (status.kind, status.source, status.state) = (kind, source, state);
        status
    }

    #[test]
    fn what_is_stored_by_table() {
        use KeyKind::{ApiKey, OAuth};
        use KeyState::{Foreign, Ready, RefreshDue, Unusable};
        for (kind, state, words, says) in [
            (Some(OAuth), Ready, &["fine"][..], "Anthropic (Claude Pro/Max): logged in"),
            (Some(OAuth), RefreshDue, &["fine"], "refreshed"),
            (Some(OAuth), Unusable, &["problem"], "pi login anthropic"),
            (Some(OAuth), Foreign, &["note"], "only the agent"),
            (Some(ApiKey), Ready, &["fine"], "an API key"),
            (Some(ApiKey), Unusable, &["note"], "command"),
            (None, Unusable, &[], ""),
        ] {
            let report = judge(&[key(kind, Source::Stored, true, state)], NOW);
            assert_eq!(report.words(), words, "{kind:?} {state:?}");
            assert!(report.text().contains(says), "{}", report.text());
        }
        assert_eq!(judge(&[], NOW).words(), ["fine"]);
    }

    #[test]
    fn a_lifetime_beyond_a_year_is_worth_a_note() {
        let mut stored = key(Some(KeyKind::OAuth), Source::Stored, true, KeyState::Ready);
        for (expires_ms, words, says) in [
            (NOW + 1, "fine", "logged in"),
            (1_794_285_667_200_000, "note", "more than a year"),
            ((1 << 53) - 1, "fine", "does not expire"),
        ] {
            stored.expires_ms = Some(expires_ms);
            let report = judge(std::slice::from_ref(&stored), NOW);
            assert_eq!(report.words(), [words], "{expires_ms}");
            assert!(report.text().contains(says), "{}", report.text());
        }
    }

    #[test]
    fn a_variable_that_comes_before_a_login_is_worth_knowing() {
        let stored = |active| key(Some(KeyKind::OAuth), Source::Stored, active, KeyState::Ready);
        let variable = |name: &str, active| {
            key(Some(KeyKind::OAuth), Source::Variable(name.into()), active, KeyState::Ready)
        };
        let unknown = key(None, Source::Stored, false, KeyState::Unusable);
        for (keys, words, says) in [
            (vec![stored(true)], &[][..], ""),
            (vec![variable("V", true), stored(false)], &["note"], "V is used"),
            (vec![variable("V", true)], &["fine"], "V is set, and used for Anthropic"),
            (vec![stored(true), variable("V", false)], &["fine"], "what is stored comes before"),
            (vec![unknown, variable("V", true)], &["fine"], "used for"),
            (
                vec![variable("V", true), variable("W", false)],
                &["fine", "fine"],
                "W is set; V comes before",
            ),
        ] {
            let report = judge_variables(&keys);
            assert_eq!(report.words(), words, "{keys:?}");
            assert!(report.text().contains(says), "{}", report.text());
        }
    }
}
