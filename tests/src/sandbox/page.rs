//! The look of the pages, and the one place where text becomes HTML.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");

/// A page around `body`, which is HTML already; everything in it that came from outside has been
/// through [`escape`]. It loads nothing, and only this style and this script may act on it.
pub(super) fn show(status: StatusCode, title: &str, body: &str, script: Option<&str>) -> Response {
    let script_source = script.map_or("'none'".to_owned(), source_of);
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {script_source}; base-uri 'none'; \
         frame-ancestors 'none'",
        source_of(STYLE)
    );
    let script = script.map_or(String::new(), |code| format!("<script>{code}</script>"));
    let page = format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} - sandbox</title>\n\
         <style>{STYLE}</style>\n\
         </head>\n\
         <body>\n\
         <main>\n\
         <p class=\"sandbox\">Sandbox: no real account is involved.</p>\n\
         {body}\n\
         </main>\n\
         {script}\n\
         </body>\n\
         </html>\n",
        title = escape(title),
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        // The address of the code page carries the code.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
    ];
    (status, headers, page).into_response()
}

/// Text as HTML, safe between tags and in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// How a content security policy names inline text: by its hash.
fn source_of(inline: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(inline)))
}
