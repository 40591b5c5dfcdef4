//! The types of what crosses the boundary, for TypeScript: written down in the npm package, and
//! held to be what these types say.

use std::string::String;
use std::{env, fs, path::Path};

use ts_rs::{Config, TS};

use crate::error::Code;
use crate::store::access;
use crate::{callback, environment, error, flow, headers, http, key, oauth, provider, secret};

/// Every type, callers' entry points first.
fn declarations() -> String {
    let config = Config::new().with_large_int("number");
    let mut text = String::from(
        "// What the core takes and gives, generated from the Rust types. Do not edit:\n\
         // PI_AUTH_BLESS=1 cargo test -p pi-auth-core --lib typescript\n",
    );
    macro_rules! export {
        ($($type:ty),* $(,)?) => {
            $(
                if let Some(docs) = <$type as TS>::docs() {
                    text.push('\n');
                    text.push_str(docs.trim_end());
                }
                text.push_str("\nexport ");
                text.push_str(&<$type as TS>::decl(&config));
                text.push('\n');
            )*
        };
    }
    export!(
        flow::Request,
        flow::login::LoginRequest,
        flow::token::TokenRequest,
        flow::headers::HeadersRequest,
        flow::logout::LogoutRequest,
        flow::status::StatusRequest,
        flow::credential::ReadCredentialRequest,
        flow::credential::WriteCredentialRequest,
        flow::credential::StoredLogin,
        environment::Environment,
        oauth::pkce::Entropy,
        secret::Secret,
        flow::Effect,
        http::HttpRequest,
        http::Method,
        http::Header,
        flow::Authorize,
        flow::OneTime,
        callback::Loopback,
        callback::Admission,
        callback::Page,
        flow::ShowCode,
        flow::Countdown,
        flow::Event,
        http::HttpResponse,
        http::TransportFailure,
        access::Access,
        access::Directory,
        access::Owned,
        error::StoreFailure,
        flow::Output,
        provider::Label,
        provider::Redirected,
        key::Key,
        key::KeyKind,
        key::Source,
        flow::headers::Headers,
        headers::Initiator,
        flow::logout::Revocation,
        flow::logout::Outcome,
        flow::status::Status,
        flow::status::KeyStatus,
        flow::status::KeyState,
        error::Error,
    );
    let codes: Vec<String> =
        Code::ALL.iter().map(|code| format!("\"{}\"", code.as_str())).collect();
    text.push_str("\n/** What a caller should do about an error. */\n");
    text.push_str(&format!("export type ErrorCode = {};\n", codes.join(" | ")));
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn the_package_has_the_types_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/npm/src/types.ts");
    let now = declarations();
    if env::var_os("PI_AUTH_BLESS").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == now, "PI_AUTH_BLESS=1 cargo test -p pi-auth-core --lib typescript");
}
