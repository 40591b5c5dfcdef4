//! GitHub and Copilot: the device grant (RFC 8628), the exchange for a Copilot token, and as much
//! of Copilot's API as a login touches.
//!
//! The first segment of every path is a domain, `github.com` or an Enterprise host. A code or a
//! token belongs to the domain that issued it, and is unknown at any other.
//!
//! | file | what is in it |
//! |---|---|
//! | `settings.rs` | what a test may choose |
//! | `devices.rs` | device codes and user codes, from the device to the one grant |
//! | `tokens.rs` | GitHub tokens and Copilot tokens |
//! | `authorization.rs` | the device authorization endpoint |
//! | `device_page.rs` | the page where the person enters the code |
//! | `wire.rs` | how the login endpoints read and write |
//! | `poll.rs` | the token endpoint, which the device polls |
//! | `exchange.rs` | a Copilot token for a GitHub token |
//! | `models.rs`, `chat.rs` | Copilot's API |
//! | `headers.rs` | the headers that all of Copilot demands |
//! | `handle.rs` | what [`Sandbox`](super::Sandbox) offers of all this |

mod authorization;
mod chat;
mod device_page;
mod devices;
mod exchange;
mod handle;
mod headers;
mod models;
mod poll;
mod settings;
mod tokens;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequest as _, Request, State as Extract};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

pub use devices::PendingUserCode;
pub use settings::{CopilotAccess, GithubSettings, Model, Policy};
pub use tokens::CopilotCredential;

pub(super) use models::Overlap;

use super::arrival::Arrival;
use super::state::{Shared, State, not_found};

const DEVICE_AUTHORIZATION: &str = "/{domain}/login/device/code";
const DEVICE_PAGE: &str = "/{domain}/login/device";
const TOKEN: &str = "/{domain}/login/oauth/access_token";
const COPILOT_TOKEN: &str = "/{domain}/copilot_internal/v2/token";
const API: &str = "/{domain}/copilot";

/// The one scope that a login asks for.
const SCOPE: &str = "read:user";

/// Every code and token that a GitHub issued.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) devices: devices::Devices,
    pub(super) tokens: tokens::Tokens,
}

pub(super) fn routes(state: &Arc<State>) -> Router<Arc<State>> {
    let only_domains = middleware::from_fn_with_state(Arc::clone(state), only_domains);
    Router::new()
        .route(DEVICE_AUTHORIZATION, post(authorization::answer))
        .route(DEVICE_PAGE, get(device_page::show).post(device_page::press))
        .route(TOKEN, post(poll::answer))
        .route(COPILOT_TOKEN, get(exchange::answer))
        .route(&format!("{API}/models"), get(models::list))
        .route(&format!("{API}/models/{{model}}/policy"), post(models::accept_policy))
        .route(&format!("{API}/chat/completions"), post(chat::answer))
        .route_layer(only_domains)
}

/// This provider's part of the override file. `{domain}` stands in it as it is: the client puts the
/// domain of the login there.
pub(super) fn endpoints(base_url: &str) -> Value {
    json!({
        "device_authorization_url": format!("{base_url}{DEVICE_AUTHORIZATION}"),
        "token_url": format!("{base_url}{TOKEN}"),
        "copilot_token_url": format!("{base_url}{COPILOT_TOKEN}"),
        "api_base_url": format!("{base_url}{API}"),
    })
}

/// A path that begins with no host name leads nowhere: most likely the client left `{domain}` in.
async fn only_domains(Extract(state): Shared, request: Request, next: Next) -> Response {
    let domain = request.uri().path().split('/').nth(1).unwrap_or_default();
    if is_domain(domain) {
        return next.run(request).await;
    }
    match Arrival::from_request(request, &state).await {
        Ok(arrival) => not_found(Extract(state), arrival).await.into_response(),
        Err(unreadable) => unreadable,
    }
}

/// A host name in lower case with a dot in it, as browsers send them.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(plain)
    };
    text.contains('.') && text.split('.').all(label)
}

/// Where a person finds this domain: the address as the client called it.
fn site(state: &State, domain: &str, arrival: &Arrival) -> String {
    match &arrival.site {
        Some(site) => site.clone(),
        None => format!("{}/{domain}", state.base_url),
    }
}
