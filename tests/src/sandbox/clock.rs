//! What every answer says of the time.

use std::time::{Duration, SystemTime};

use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::response::Response;

use super::state::Shared;

/// Puts the provider's own time into an answer, where it has one of its own; else the server puts
/// this machine's.
pub(super) async fn date(state: Shared, mut response: Response) -> Response {
    let ahead_s = state.settings().clock_ahead_s;
    if ahead_s != 0 {
        let off = Duration::from_secs(ahead_s.unsigned_abs());
        let now = SystemTime::now();
        let theirs = if ahead_s > 0 { now + off } else { now - off };
        if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(theirs)) {
            response.headers_mut().insert(DATE, date);
        }
    }
    response
}
