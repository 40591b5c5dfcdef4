//! Asking an issuer where its endpoints are (RFC 8414, then OpenID Connect Discovery).

use alloc::format;
use alloc::sync::Arc;

use super::machine::{StepResult, ask, unexpected};
use super::{Effect, Event};
use crate::http::{HttpRequest, TransportFailure};
use crate::oauth::client::Job;
use crate::oauth::endpoint::EndpointError;
use crate::oauth::metadata;
use crate::provider::Provider;

/// A question that is out.
#[derive(Debug)]
pub(super) struct Discovery {
    provider: Arc<Provider>,
    job: Job,
    /// The place to ask next, if this one knows nothing.
    next: Option<HttpRequest>,
}

/// The provider with its URLs, or why there are none.
pub(super) type Discovered = Result<Arc<Provider>, EndpointError>;

impl Discovery {
    /// Asks the issuer of `provider`; `None` where there is no need to.
    pub(super) fn start(provider: &Arc<Provider>, job: Job) -> Option<(Self, Effect)> {
        let issuer = provider.client.issuer_for(job)?;
        let [first, second] = metadata::requests(issuer);
        let discovery = Discovery { provider: provider.clone(), job, next: Some(second) };
        Some((discovery, inquiry(issuer, first)))
    }

    pub(super) fn step(&mut self, event: &Event, now_ms: u64) -> StepResult<Discovered> {
        let issuer = self.provider.client.issuer.as_deref().unwrap_or_default();
        let answer = match event {
            Event::Response(response) => metadata::answer(response, issuer, now_ms),
            Event::TransportFailed { failure: TransportFailure::TooLarge } => {
                Err(EndpointError::Unreadable { status: 200 }.into())
            }
            Event::TransportFailed { failure } => Err(EndpointError::transport(failure).into()),
            event => return Err(unexpected(event, "read").into()),
        };
        let error = match answer {
            Ok(metadata) => {
                return Ok(self.provider.discovered(metadata, self.job).map_err(|error| *error));
            }
            Err(error) => error,
        };
        match self.next.take() {
            // Nothing of the kind is there: perhaps in the other place.
            Some(next) if !is_final(&error) => ask(inquiry(issuer, next)),
            // Not as it came: what a token endpoint says in these words would mean something else.
            None if knows_nothing(&error) => {
                let problem = format!("{issuer} does not say where its endpoints are: {error}");
                Ok(Err(EndpointError::Metadata { problem }))
            }
            _ => Ok(Err(*error)),
        }
    }
}

/// Returns whether the other place is not worth asking.
fn is_final(error: &EndpointError) -> bool {
    matches!(error, EndpointError::Transport(_) | EndpointError::Metadata { .. })
}

fn knows_nothing(error: &EndpointError) -> bool {
    use EndpointError::{OAuth, Refused, Unreadable};
    matches!(error, Refused { .. } | Unreadable { .. } | OAuth { .. })
}

fn inquiry(issuer: &str, request: HttpRequest) -> Effect {
    Effect::http(request, format!("Asking {issuer} for its endpoints"))
}
