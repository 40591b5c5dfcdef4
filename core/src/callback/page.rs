//! The pages that a browser sees. None of them repeats what the browser sent.

use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::text::replaced;

/// The headers of every page.
pub const HEADERS: [(&str, &str); 4] = [
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
    // The address holds the code; no other site is to learn it.
    ("referrer-policy", "no-referrer"),
];

/// A page for a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename = "CallbackPage"))]
#[serde(rename_all = "snake_case")]
pub enum Page {
    /// The credential is stored.
    LoggedIn(
        /// The provider's name for people.
        String,
    ),
    /// The login failed; the terminal says why.
    Failed,
    /// It brought the answer to another login.
    Ignored,
    /// The login is over already.
    Over,
    /// Somebody has used the one-time address before.
    AlreadyOpened,
    /// It asked under a name that is not this machine's.
    WrongHost,
    /// There is nothing at this path.
    NotFound,
    /// Only GET means something here.
    WrongMethod,
}

impl Page {
    /// Returns the HTTP status code.
    pub fn status(&self) -> u16 {
        match self {
            Page::LoggedIn(_) => 200,
            Page::Failed | Page::Ignored => 400,
            Page::NotFound => 404,
            Page::WrongMethod => 405,
            Page::Over | Page::AlreadyOpened => 410,
            Page::WrongHost => 421,
        }
    }

    /// Returns the page as HTML.
    pub fn html(&self) -> String {
        let (title, text) = match self {
            Page::LoggedIn(provider) => (
                format!("You are logged in to {}", escape(provider)),
                "You can close this page and go back to your terminal.",
            ),
            Page::Failed => (
                "The login did not work".into(),
                "Your terminal says why, and what to do next. You can close this page.",
            ),
            Page::Ignored => (
                "This page belongs to another login".into(),
                "It was ignored. Use the page that your terminal opened last.",
            ),
            Page::Over => ("This login is over".into(), "You can close this page."),
            Page::AlreadyOpened => (
                "This address was already opened".into(),
                "It works only once. If you did not open it yourself, stop the login in your \
                 terminal and start it again. Otherwise open the address that your terminal shows.",
            ),
            Page::WrongHost | Page::NotFound | Page::WrongMethod => {
                ("There is nothing here".into(), "This is the callback of a login.")
            }
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n</html>\n"
        )
    }
}

const STYLE: &str = ":root{color-scheme:light dark}\
    body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.1rem/1.5 system-ui,sans-serif}\
    main{max-width:32rem;padding:2rem}h1{font-size:1.6rem;line-height:1.25;margin:0 0 .5rem}p{margin:0;opacity:.8}";

fn escape(text: &str) -> String {
    replaced(&replaced(&replaced(text, "&", "&amp;"), "<", "&lt;"), ">", "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_markup() {
        let html = Page::LoggedIn("<b>&".into()).html();
        assert!(html.contains("<h1>You are logged in to &lt;b&gt;&amp;</h1>"), "{html}");
    }

    #[test]
    fn who_comes_second_is_told_what_to_do() {
        let page = Page::AlreadyOpened;
        assert_eq!(page.status(), 410);
        assert!(page.html().contains("stop the login in your terminal"), "{}", page.html());
    }
}
