//! The person beside a device: enters the code that it shows, and lets it in or does not.

use url::Url;

use super::{Error, Page, accepted, html};
use crate::loopback::Request;

/// Enters the user code at this address and presses Authorize.
///
/// # Errors
/// The page was not there, did not know the code, or had no such button. Call it from a plain
/// thread.
pub fn approve_device(verification_uri: &str, user_code: &str) -> Result<(), Error> {
    press("authorize", verification_uri, user_code)
}

/// Enters the user code at this address and presses Deny.
///
/// # Errors
/// As [`approve_device`].
pub fn deny_device(verification_uri: &str, user_code: &str) -> Result<(), Error> {
    press("deny", verification_uri, user_code)
}

/// Returns whether this is the address of a page that asks for a user code.
pub fn is_device_page(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.path().ends_with("/login/device"))
}

/// The user code that a person would enter at this address: the one that is in it, or else the
/// newest that waits for somebody at this domain. A person reads it off the device; the robot,
/// which may have been started with nothing but the address, asks the sandbox's control plane.
///
/// # Errors
/// No code waits there. Call it from a plain thread.
pub fn pending_user_code(verification_uri: &str) -> Result<String, Error> {
    let page = Url::parse(verification_uri)
        .map_err(|error| Error::Unusable(format!("{verification_uri} is not a URL: {error}")))?;
    if let Some((_, code)) = page.query_pairs().find(|(name, _)| name == "user_code") {
        return Ok(code.into_owned());
    }
    // The domain is in front of the path, or is the host that the sandbox stands in for.
    let domain = page.path().trim_end_matches("/login/device").rsplit('/').next().unwrap_or("");
    let control = format!("{}/_sandbox/user_codes", page.origin().ascii_serialization());
    let codes = accepted(Request::get(control).send()?, 200)?.json();
    codes
        .as_array()
        .and_then(|codes| codes.iter().rfind(|code| code["domain"] == domain))
        .and_then(|code| code["user_code"].as_str())
        .map(str::to_owned)
        .ok_or_else(|| Error::Unusable(format!("no device waits to be let into {domain}")))
}

fn press(button: &str, verification_uri: &str, user_code: &str) -> Result<(), Error> {
    let page = Page::open(verification_uri)?;
    let asked = accepted(page.submit("continue", &[("user_code", user_code)])?, 200)?;
    let asked = Page { url: page.url, body: asked.body };
    let done = accepted(asked.submit(button, &[])?, 200)?;
    match html::text(&done.body, "done") {
        Some(_) => Ok(()),
        None => Err(Error::Unusable("the last page does not say that it is done".to_owned())),
    }
}
