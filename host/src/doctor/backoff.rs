//! Providers that nobody is to ask for a while, since they were asked in vain.

use std::time::Duration;

use pi_auth_core::flow::endpoints::TokenEndpoint;

use super::report::{Check, Finding, Report};

/// What is remembered of the logins that are stored.
pub(super) fn judge(endpoints: &[TokenEndpoint]) -> Report {
    let mut report = Report::default();
    for endpoint in endpoints {
        let Some(cause) = &endpoint.resting else { continue };
        let name = endpoint.provider.short_name();
        let left = Duration::from_millis(cause.retry_after_ms().unwrap_or_default());
        report.found(
            Finding::note(
                Check::Backoff,
                format!("The last refresh of the token of {name} failed: {cause}."),
            )
            .mend(format!("The login is kept. It is tried again in {}.", super::roughly(left))),
        );
    }
    report
}

#[cfg(test)]
mod tests {
    use pi_auth_core::oauth::endpoint::EndpointError;

    use super::*;

    #[test]
    fn who_must_wait_is_told_how_long() {
        let provider = r#"{"id":"anthropic","name":"Anthropic (Claude Pro/Max)"}"#;
        let provider = pi_auth_core::json::from_str(provider).unwrap();
        let resting = Some(EndpointError::RateLimited { after_ms: Some(90_000) });
        let mut endpoint = TokenEndpoint { provider, url: Ok("https://h/".into()), resting };
        let report = judge(std::slice::from_ref(&endpoint));
        assert_eq!(report.words(), ["note"]);
        assert!(report.text().contains("of Anthropic failed: it is being asked too often."));
        assert!(report.text().contains("in 90 s"), "{}", report.text());
        endpoint.resting = None;
        assert_eq!(judge(&[endpoint]).words(), [""; 0]);
    }
}
