//! The environment variables that matter, handed over by the host at the start of a flow.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

use crate::browser::Named;
use crate::secret::{Exposed, Secret};

/// The values of [`Environment::VARIABLES`]. An empty or blank variable counts as unset.
///
/// In JSON an object of names and values; names that are not in the list do nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(type = "Record<string, string>"))]
pub struct Environment(Vec<(String, Secret)>);

impl<'de> Deserialize<'de> for Environment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Variables;

        impl<'de> Visitor<'de> for Variables {
            type Value = Environment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Environment, A::Error> {
                let mut variables = Vec::new();
                while let Some(variable) = map.next_entry()? {
                    variables.push(variable);
                }
                Ok(Environment(variables))
            }
        }

        deserializer.deserialize_map(Variables)
    }
}

impl Exposed for Environment {
    fn serialize_exposed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value.expose())))
    }
}

impl Environment {
    /// Every variable that a flow may look at.
    pub const VARIABLES: &[&str] = &[
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_OAUTH_TOKEN",
        "BROWSER",
        "COPILOT_GITHUB_TOKEN",
        "DISPLAY",
        "PI_AUTH_PREFER",
        "SSH_CLIENT",
        "SSH_CONNECTION",
        "SSH_TTY",
        "WAYLAND_DISPLAY",
        "WSL_DISTRO_NAME",
    ];

    /// Asks `lookup` for each of [`Environment::VARIABLES`].
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &&str| Some((name.to_string(), lookup(name)?.into()));
        Environment(Self::VARIABLES.iter().filter_map(value).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Secret> {
        let (_, value) = self.0.iter().rfind(|(it, _)| it == name)?;
        Some(value).filter(|value| !value.expose().trim().is_empty())
    }

    fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    fn browser(&self) -> Named {
        Named::of(self.get("BROWSER").map_or("", Secret::expose))
    }

    /// Returns whether a browser that is opened here surely runs on this machine: not through
    /// WSL, not over SSH, and by no helper of an editor that BROWSER may name.
    pub(crate) fn has_browser_of_this_machine(&self) -> bool {
        let is_elsewhere = self.any(SSH) || self.any(&["WSL_DISTRO_NAME"]);
        !is_elsewhere && matches!(self.browser(), Named::Nothing | Named::Desktop)
    }
}

/// Variables that are set in a session over SSH.
const SSH: &[&str] = &["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"];

/// How a login reaches the person's browser, and how the answer comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Browser {
    /// Open it; the answer comes to a loopback callback, or is pasted, whichever is first.
    Callback,
    /// Open it; the provider shows a code that the person pastes.
    Paste,
    /// Only print the URL, for a browser on whatever machine; the code is pasted.
    Elsewhere,
}

impl Browser {
    /// What works here. `needs_display`: windows need DISPLAY or WAYLAND_DISPLAY on this system.
    ///
    /// Over SSH a loopback callback would arrive at the wrong machine; BROWSER set there is an
    /// editor's helper that opens the page where the person sits.
    pub(crate) fn choose(
        environment: &Environment,
        needs_display: bool,
        paste: bool,
        no_browser: bool,
    ) -> Self {
        let (remote, named) = (environment.any(SSH), environment.browser());
        let (is_named, in_terminal) = (named != Named::Nothing, named == Named::Text);
        let display =
            !needs_display || environment.any(&["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]);
        if no_browser || in_terminal || !(is_named || display && !remote) {
            Browser::Elsewhere
        } else if paste || remote {
            Browser::Paste
        } else {
            Browser::Callback
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_browser_is_left_to_the_person() {
        for (browser, expected) in [
            ("/usr/bin/w3m", Browser::Elsewhere),
            ("lynx %s", Browser::Elsewhere),
            (" w3m", Browser::Elsewhere),
            ("netrik:w3m -T text/html %s", Browser::Elsewhere),
            ("lynx %s:firefox", Browser::Callback),
            ("nosuch:w3m", Browser::Callback),
            ("firefox", Browser::Callback),
            ("/opt/linkspad/bin/run", Browser::Callback),
        ] {
            let environment = Environment::read(|name| (name == "BROWSER").then(|| browser.into()));
            let chosen = Browser::choose(&environment, false, false, false);
            assert_eq!(chosen, expected, "{browser}");
        }
    }

    #[test]
    fn which_browser_by_table() {
        use Browser::{Callback, Elsewhere, Paste};
        for (set, needs_display, paste, no_browser, expected) in [
            (&["DISPLAY"][..], true, false, false, Callback),
            (&["WAYLAND_DISPLAY"], true, false, false, Callback),
            (&["WSL_DISTRO_NAME"], true, false, false, Callback),
            (&["BROWSER"], true, false, false, Callback),
            (&[], false, false, false, Callback),
            (&[], true, false, false, Elsewhere),
            (&["DISPLAY"], true, true, false, Paste),
            (&[], true, true, false, Elsewhere),
            (&["DISPLAY"], true, false, true, Elsewhere),
            (&["DISPLAY", "BROWSER"], true, true, true, Elsewhere),
            (&["DISPLAY", "SSH_CONNECTION"], true, false, false, Elsewhere),
            (&["SSH_TTY"], false, false, false, Elsewhere),
            (&["BROWSER", "SSH_CLIENT"], true, false, false, Paste),
        ] {
            let environment = Environment::read(|name| set.contains(&name).then(|| "x".into()));
            let chosen = Browser::choose(&environment, needs_display, paste, no_browser);
            assert_eq!(chosen, expected, "{set:?} {needs_display} {paste} {no_browser}");
        }
    }

    #[test]
    fn a_browser_of_this_machine_is_one_that_nothing_leads_elsewhere() {
        for (name, value, expected) in [
            ("DISPLAY", ":0", true),
            ("BROWSER", "firefox", true),
            ("BROWSER", "/usr/bin/chromium %s:w3m", true),
            ("BROWSER", "/home/me/.vscode-server/bin/helpers/browser.sh", false),
            ("SSH_CONNECTION", "a 1 b 22", false),
            ("WSL_DISTRO_NAME", "Debian", false),
        ] {
            let environment = Environment::read(|it| (it == name).then(|| value.into()));
            assert_eq!(environment.has_browser_of_this_machine(), expected, "{name}={value}");
        }
    }

    #[test]
    fn an_empty_variable_is_unset() {
        let environment = Environment::read(|_| Some(String::new()));
        assert_eq!(environment.get("ANTHROPIC_API_KEY"), None);
    }
}
