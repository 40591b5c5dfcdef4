//! The person with a browser: logs in, consents, enters a code, or says no.
//!
//! Whichever page they are sent to, they fill in what it asks for until it asks no more. Every
//! visit begins without cookies, so that each person logs in.

use std::fmt;

use url::Url;

use crate::loopback::{self, Reply, Request};

mod html;
mod jar;

use html::{Form, Refusal};
use jar::Jar;

/// Pages and redirects that nobody needs more of.
const TOO_MANY: usize = 20;

/// A person, and what they are going to do.
#[derive(Debug, Clone, Default)]
pub struct Person {
    denies: bool,
    user_code: Option<String>,
}

/// Where the browser ended up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It was sent away from the server, to this address. It has not been there yet.
    Callback(String),
    /// It stayed, at a page with this text that asks for nothing more.
    Page(String),
}

/// Why the browser got nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A page could not be loaded.
    Unreachable(loopback::Error),
    /// The server showed an error page, or did not take the code.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The page.
        page: String,
    },
    /// The page is not what this person could use.
    Unusable(String),
}

impl Person {
    /// One who logs in and consents to everything.
    pub fn approves() -> Self {
        Self::default()
    }

    /// One who takes the first way out that a page offers.
    pub fn denies() -> Self {
        Self { denies: true, ..Self::default() }
    }

    /// The same person, with this code to enter where a page asks for one.
    #[must_use]
    pub fn with_code(self, user_code: &str) -> Self {
        Self { user_code: Some(user_code.to_owned()), ..self }
    }

    /// Opens a page of the server, and goes on until it leads away or asks for nothing more.
    ///
    /// # Errors
    /// A page was not there, was an error, or asked for what the person does not have. Call it from
    /// a plain thread.
    pub fn opens(&self, address: &str) -> Result<End, Error> {
        let start = Url::parse(address)
            .map_err(|error| Error::Unusable(format!("{address} is not a URL: {error}")))?;
        let mut code = self.user_code.as_deref();
        let mut browser = Browser { origin: start.origin(), jar: Jar::default() };
        let mut page = match browser.load(start, None)? {
            Loaded::Page(page) => page,
            Loaded::Away(url) => return Ok(End::Callback(url)),
        };
        for _ in 0..TOO_MANY {
            let form = html::form(&page.body);
            let no = if self.denies { html::refusal(&page.body) } else { None };
            let is_last = no.is_some();
            let (address, fields) = match (no, form) {
                (Some(Refusal::Link(href)), _) => (href, None),
                (Some(Refusal::Button(name, value)), Some(form)) => {
                    let mut fields = filled_in(&form, &mut code)?;
                    fields.push((name, value));
                    (form.action, Some(fields))
                }
                (None, Some(form)) => {
                    let fields = filled_in(&form, &mut code)?;
                    (form.action, Some(fields))
                }
                (_, None) => return Ok(End::Page(page.body)),
            };
            let url = join(&page.url, &address)?;
            page = match browser.load(url, fields)? {
                Loaded::Away(url) => return Ok(End::Callback(url)),
                Loaded::Page(page) if is_last => return Ok(End::Page(page.body)),
                Loaded::Page(page) => page,
            };
        }
        Err(Error::Unusable(format!("the pages never end: {}", page.body)))
    }
}

impl End {
    /// Goes to the callback, and gives what it answers.
    ///
    /// # Errors
    /// There is none to go to, or nobody answers there.
    pub fn follow(&self) -> Result<Reply, Error> {
        match self {
            Self::Callback(url) => Ok(Request::get(url).timeout(crate::pi::PATIENCE).send()?),
            Self::Page(page) => Err(Error::Unusable(format!("it leads nowhere: {page}"))),
        }
    }
}

/// What the person makes of a form. The code is entered once: whoever is asked again was refused.
fn filled_in(form: &Form, code: &mut Option<&str>) -> Result<Vec<(String, String)>, Error> {
    let mut fields = Vec::new();
    for input in &form.inputs {
        let value = match input.name.as_str() {
            _ if input.is_hidden => &input.value,
            "user_code" => code.take().ok_or_else(|| {
                Error::Unusable(
                    "it asks for a code that the person lacks, or has entered".to_owned(),
                )
            })?,
            _ => "ada",
        };
        fields.push((input.name.clone(), value.to_owned()));
    }
    Ok(fields)
}

struct Browser {
    origin: url::Origin,
    jar: Jar,
}

enum Loaded {
    Page(Page),
    Away(String),
}

struct Page {
    url: Url,
    body: String,
}

impl Browser {
    /// Loads a page, or sends a form, and follows redirects as far as the server itself answers.
    fn load(&mut self, url: Url, form: Option<Vec<(String, String)>>) -> Result<Loaded, Error> {
        let mut url = url;
        let mut form = form;
        for _ in 0..TOO_MANY {
            if url.origin() != self.origin {
                return Ok(Loaded::Away(url.into()));
            }
            let request = match form.take() {
                None => Request::get(url.as_str()),
                Some(fields) => {
                    let fields: Vec<_> = fields
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_str()))
                        .collect();
                    Request::post_form(url.as_str(), &fields)
                }
            };
            let reply = request
                .header("accept", "text/html")
                .header("cookie", &self.jar.header(url.path()))
                .timeout(crate::pi::PATIENCE)
                .send()?;
            self.jar.take(&reply);
            match (reply.status, reply.header("location")) {
                (300..=399, Some(location)) => url = join(&url, location)?,
                (200, _) => return Ok(Loaded::Page(Page { url, body: reply.body })),
                (status, _) => return Err(Error::Refused { status, page: reply.body }),
            }
        }
        Err(Error::Unusable(format!("redirected for ever, at last to {url}")))
    }
}

fn join(page: &Url, address: &str) -> Result<Url, Error> {
    page.join(address)
        .map_err(|error| Error::Unusable(format!("{address:?} leads nowhere: {error}")))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => error.fmt(f),
            Self::Refused { status, page } => write!(f, "the server said {status}: {page}"),
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
