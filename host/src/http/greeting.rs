//! A server asked for the time, and for nothing else.

use pi_auth_core::http::{TransportFailure, USER_AGENT};

use super::{Clients, blamed, failure, way};
use crate::clock::now_ms;

/// What a server says of the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// `Date`, as it came.
    pub(crate) date: Option<String>,
    /// `Age`, as it came: a cache has kept the answer for that long.
    pub(crate) age: Option<String>,
    /// When it was asked, by this machine's clock, in epoch milliseconds.
    pub(crate) sent_ms: u64,
    /// When it answered.
    pub(crate) answered_ms: u64,
}

/// Why a server said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    pub(crate) failure: TransportFailure,
    /// More of it in the words of whatever failed: a name that is not known is told from a port
    /// that is closed.
    pub(crate) cause: Option<String>,
}

impl Clients {
    /// Asks the server of `url` for the headers of an answer, whatever it is, with nothing that is
    /// secret, by the way that any request would take.
    pub(crate) async fn greet(&self, url: &str) -> Result<Greeting, Unanswered> {
        let unasked = |failure| Unanswered { failure, cause: None };
        let way = way(url).map_err(unasked)?;
        let client = self.client(&way).map_err(unasked)?;
        let sent_ms = now_ms();
        let request = client.head(url).header("User-Agent", USER_AGENT);
        let response = request.send().await.map_err(|error| Unanswered {
            // What lies above the last of them repeats the URL, or says less.
            cause: failure::causes(&error).last().map(|cause| cause.to_string()),
            failure: blamed(&way, failure::of(error)),
        })?;
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        Ok(Greeting { date: header("date"), age: header("age"), sent_ms, answered_ms: now_ms() })
    }
}
