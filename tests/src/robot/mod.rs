//! The person with a browser: opens the authorize page, presses a button, goes where it leads; or
//! enters the code that a device shows, and then presses one.
//!
//! Like a person, the robot knows nothing but what the page says: it finds the form, the hidden
//! fields and the buttons in the HTML that the browser would show.

use std::fmt;

use url::Url;

use crate::loopback::{self, Reply, Request};
use crate::sandbox;

mod device;
mod html;

pub use device::{approve_device, deny_device, is_device_page, pending_user_code};

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
    let page = Page::open(authorize_url)?;
    let pressed = accepted(page.submit(button, &[])?, 302)?;
    let location = pressed.header("location").unwrap_or_default();
    let landing = page.resolve(location)?;
    let reply = Request::get(landing.as_str()).send()?;
    if landing.origin() != page.url.origin() {
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

/// A page in the browser.
struct Page {
    url: Url,
    body: String,
}

impl Page {
    fn open(address: &str) -> Result<Self, Error> {
        let mut url = Url::parse(address)
            .map_err(|error| Error::Unusable(format!("{address} is not a URL: {error}")))?;
        let mut reply = Request::get(address).send()?;
        // The application's own one-time address leads on to the provider.
        if reply.status == 303 {
            let location = reply.header("location").unwrap_or_default();
            url = url.join(location).map_err(|error| Error::Unusable(error.to_string()))?;
            reply = Request::get(url.as_str()).send()?;
        }
        Ok(Self { url, body: accepted(reply, 200)?.body })
    }

    /// Presses the button with this value, once these fields are filled in.
    fn submit(&self, button: &str, filled: &[(&str, &str)]) -> Result<Reply, Error> {
        let form = html::form(&self.body, button)
            .ok_or_else(|| Error::Unusable(format!("the page has no button called {button}")))?;
        let mut fields: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for (name, value) in filled {
            let field = fields.iter_mut().find(|(known, _)| known == name);
            field.ok_or_else(|| Error::Unusable(format!("the page has no field {name}")))?.1 =
                value;
        }
        Ok(Request::post_form(self.resolve(&form.action)?, &fields).send()?)
    }

    /// An address on this page. What leads on into the real world from a page that stands in for
    /// one there is looked for at the same sandbox.
    fn resolve(&self, address: &str) -> Result<Url, Error> {
        let nowhere = |error| Error::Unusable(format!("{address:?} leads nowhere: {error}"));
        let url = self.url.join(address).map_err(nowhere)?;
        match sandbox::stand_in(&self.url.origin().ascii_serialization(), url.as_str()) {
            Some(here) => Url::parse(&here).map_err(nowhere),
            None => Ok(url),
        }
    }
}

fn accepted(reply: Reply, expected: u16) -> Result<Reply, Error> {
    if reply.status == expected {
        return Ok(reply);
    }
    let reason = html::text(&reply.body, "error").unwrap_or(reply.body);
    Err(Error::Refused { status: reply.status, reason })
}
