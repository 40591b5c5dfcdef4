//! The person with a browser: opens the authorize page, presses a button, goes where it leads.
//!
//! Like a person, the robot knows nothing but what the page says: it finds the form, the hidden
//! fields and the buttons in the HTML that the browser would show.

use std::fmt;

use url::Url;

use crate::loopback::{self, Reply, Request};

mod html;

/// Presses Authorize.
///
/// # Errors
/// The page was not there, said no, or had no such button. Call it from a plain thread.
pub fn approve(authorize_url: &str) -> Result<Landing, Error> {
    press("authorize", authorize_url)
}

/// Presses Deny.
///
/// # Errors
/// The page was not there, said no, or had no such button. Call it from a plain thread.
pub fn deny(authorize_url: &str) -> Result<Landing, Error> {
    press("deny", authorize_url)
}

/// Where the browser ended up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landing {
    /// At the callback of the application, on loopback.
    Callback {
        /// The HTTP status it answered with.
        status: u16,
        /// The page it showed.
        body: String,
        /// The whole address it was called at.
        url: String,
    },
    /// At the provider's page that shows the code: `code#state`.
    Code(String),
    /// At the provider's page that shows an error in place of a code.
    NoCode(String),
}

/// Why the browser got nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A page could not be loaded.
    Unreachable(loopback::Error),
    /// The provider showed an error page, and nobody was sent anywhere.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the page says is wrong.
        reason: String,
    },
    /// The page is not what a person could use.
    Unusable(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => error.fmt(f),
            Self::Refused { status, reason } => write!(f, "the provider said {status}: {reason}"),
            Self::Unusable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl From<loopback::Error> for Error {
    fn from(error: loopback::Error) -> Self {
        Self::Unreachable(error)
    }
}

fn press(button: &str, authorize_url: &str) -> Result<Landing, Error> {
    let page_url = Url::parse(authorize_url)
        .map_err(|error| Error::Unusable(format!("{authorize_url} is not a URL: {error}")))?;
    let page = accepted(Request::get(authorize_url).send()?, 200)?;
    let form = html::form(&page.body, button)
        .ok_or_else(|| Error::Unusable(format!("the page has no button called {button}")))?;
    let fields: Vec<(&str, &str)> =
        form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let pressed = Request::post_form(resolve(&page_url, &form.action)?, &fields).send()?;
    let pressed = accepted(pressed, 302)?;
    let location = pressed.header("location").unwrap_or_default();
    let landing = resolve(&page_url, location)?;
    let reply = Request::get(landing.as_str()).send()?;
    if landing.origin() != page_url.origin() {
        return Ok(Landing::Callback {
            status: reply.status,
            body: reply.body,
            url: landing.into(),
        });
    }
    match (html::text(&reply.body, "code"), html::text(&reply.body, "error")) {
        (Some(code), _) => Ok(Landing::Code(code)),
        (None, Some(error)) => Ok(Landing::NoCode(error)),
        (None, None) => Err(Error::Unusable("the last page shows no code".to_owned())),
    }
}

fn accepted(reply: Reply, expected: u16) -> Result<Reply, Error> {
    if reply.status == expected {
        return Ok(reply);
    }
    let reason = html::text(&reply.body, "error").unwrap_or(reply.body);
    Err(Error::Refused { status: reply.status, reason })
}

fn resolve(page: &Url, address: &str) -> Result<Url, Error> {
    page.join(address)
        .map_err(|error| Error::Unusable(format!("{address:?} leads nowhere: {error}")))
}
