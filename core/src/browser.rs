//! Which programs may open a page, and where they run.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::http::url::Url;
use crate::text::{cut, has};

/// Browsers that draw in the terminal, where the person is asked for the code, and programs that
/// only download.
const TEXT_BROWSERS: [&str; 16] = [
    "browsh",
    "carbonyl",
    "cha",
    "curl",
    "edbrowse",
    "elinks",
    "felinks",
    "links",
    "links2",
    "lynx",
    "netrik",
    "retawq",
    "w3m",
    "w3mman",
    "wget",
    "www-browser",
];

/// Parts of the names of browsers that draw on this machine's display.
const DESKTOP_BROWSERS: [&str; 11] = [
    "brave",
    "chrom",
    "edge",
    "epiphany",
    "falkon",
    "firefox",
    "konqueror",
    "librewolf",
    "opera",
    "safari",
    "vivaldi",
];

/// The system that a host runs on, as far as opening a page differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// Linux, BSD and every other system with freedesktop.org's tools.
    Freedesktop,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
}

/// Returns the commands that may open `url`, in order: each a program and its arguments.
///
/// `browser` is the variable BROWSER, empty where it is not set. A text browser in it is left out,
/// and so is everything where `url` is no http(s) URL: some programs would run it.
pub fn commands(url: &str, browser: &str, is_wsl: bool, system: System) -> Vec<Vec<String>> {
    if Url::parse(url).is_none() {
        return Vec::new();
    }
    let named = entries(browser, system);
    if !named.is_empty() {
        let graphical = named.into_iter().filter(|words| !is_text_browser(words));
        return graphical.map(|words| filled(&words, url)).collect();
    }
    let windows = ["rundll32.exe", "url.dll,FileProtocolHandler"];
    let openers: &[&[&str]] = match system {
        System::Mac => &[&["open"]],
        System::Windows => &[&windows],
        System::Freedesktop if is_wsl => &[&["wslview"], &windows, &["xdg-open"]],
        System::Freedesktop => &[&["xdg-open"], &["gio", "open"], &["x-www-browser"]],
    };
    let opener = |words: &&[&str]| {
        let words = words.iter().chain([&url]);
        words.map(|word| word.to_string()).collect()
    };
    openers.iter().map(opener).collect()
}

/// The meaning of BROWSER for a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// It is not set.
    Nothing,
    /// It names nothing but text browsers.
    Text,
    /// It names nothing but browsers that draw on this machine's display, and text browsers.
    Desktop,
    /// It names another program, such as an editor's helper that opens the page elsewhere.
    Other,
}

impl Named {
    /// Reads BROWSER. Where a path in it begins with a drive, it is read as on Windows.
    pub(crate) fn of(browser: &str) -> Self {
        let is_windows = browser.split(';').any(|entry| has_drive(entry.trim()));
        let system = if is_windows { System::Windows } else { System::Freedesktop };
        let entries = entries(browser, system);
        let mut graphical = entries.iter().filter(|words| !is_text_browser(words));
        let is_desktop = |words: &Vec<String>| is_desktop_browser(words);
        match graphical.next() {
            None if entries.is_empty() => Named::Nothing,
            None => Named::Text,
            Some(first) if is_desktop(first) && graphical.all(is_desktop) => Named::Desktop,
            Some(_) => Named::Other,
        }
    }
}

/// The entries of BROWSER as words; the blank ones left out. A colon divides them, on Windows a
/// semicolon, since there a colon follows the drive.
fn entries(browser: &str, system: System) -> Vec<Vec<String>> {
    let by = if system == System::Windows { ';' } else { ':' };
    let entries = browser.split(by).map(|entry| words(entry, system));
    entries.filter(|words| !words.is_empty()).collect()
}

/// The words of an entry. A path of Windows may hold blanks; quotes keep words together.
fn words(entry: &str, system: System) -> Vec<String> {
    let entry = entry.trim();
    if system == System::Windows && has_drive(entry) && !has(entry, '%') {
        return [entry.to_string()].into();
    }
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in entry.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(core::mem::take(&mut word));
                }
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Returns whether `entry` is a path that begins with a drive, in quotes or not.
fn has_drive(entry: &str) -> bool {
    let path = entry.trim_start_matches(['"', '\'']);
    matches!(path.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
}

/// Replaces `%s` by the URL, `%c` by a colon and `%%` by a percent sign. A command without `%s`
/// gets the URL as its last argument.
fn filled(words: &[String], url: &str) -> Vec<String> {
    let mut has_url = false;
    let mut command: Vec<String> = Vec::new();
    for word in words {
        let mut filled = String::new();
        let mut rest = word.chars();
        while let Some(c) = rest.next() {
            match (c, rest.clone().next()) {
                ('%', Some('s')) => {
                    filled.push_str(url);
                    has_url = true;
                }
                ('%', Some('c')) => filled.push(':'),
                ('%', Some('%')) => filled.push('%'),
                (c, _) => {
                    filled.push(c);
                    continue;
                }
            }
            rest.next();
        }
        command.push(filled);
    }
    if !has_url {
        command.push(url.to_string());
    }
    command
}

/// Returns the name of the program that a command runs, in lower case, without its folder and
/// `.exe`. `env`, with its options and the variables that it sets, comes before it.
fn program(words: &[String]) -> String {
    let (mut words, mut is_behind_env) = (words.iter(), false);
    while let Some(word) = words.next() {
        let name = word.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
        let name = name.strip_suffix(".exe").unwrap_or(&name);
        match name {
            "env" => is_behind_env = true,
            // These options take the next word.
            "-u" | "--unset" | "-c" | "--chdir" if is_behind_env => {
                words.next();
            }
            _ if is_behind_env && name.starts_with('-') || has(word, '=') => {}
            name => return name.into(),
        }
    }
    String::new()
}

fn is_text_browser(words: &[String]) -> bool {
    TEXT_BROWSERS.contains(&program(words).as_str())
}

fn is_desktop_browser(words: &[String]) -> bool {
    let name = program(words);
    DESKTOP_BROWSERS.iter().any(|part| cut(&name, part).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://h/?a=b%20c";

    fn shown(browser: &str, is_wsl: bool, system: System) -> Vec<String> {
        commands(URL, browser, is_wsl, system).iter().map(|words| words.join("|")).collect()
    }

    #[test]
    fn every_entry_of_browser_is_tried_but_for_text_browsers() {
        for (browser, expected) in [
            ("firefox", &["firefox|https://h/?a=b%20c"][..]),
            ("nosuch:w3m", &["nosuch|https://h/?a=b%20c"]),
            (" w3m", &[]),
            ("netrik", &[]),
            ("w3m -T text/html %s", &[]),
            ("/usr/bin/lynx %s", &[]),
            ("\"/usr/bin/w3m\" %s", &[]),
            ("env TERM=xterm w3m", &[]),
            ("env -i w3m", &[]),
            ("/usr/bin/env -u DISPLAY --ignore-environment A=b lynx %s", &[]),
            ("env -i firefox", &["env|-i|firefox|https://h/?a=b%20c"]),
            ("W3M.EXE", &[]),
            ("lynx:firefox", &["firefox|https://h/?a=b%20c"]),
            ("a:b --new %s x:", &["a|https://h/?a=b%20c", "b|--new|https://h/?a=b%20c|x"]),
            ("b --url=%s --port%c1 100%%", &["b|--url=https://h/?a=b%20c|--port:1|100%"]),
            ("/opt/linkspad/bin/run", &["/opt/linkspad/bin/run|https://h/?a=b%20c"]),
        ] {
            assert_eq!(shown(browser, false, System::Freedesktop), expected, "{browser}");
        }
    }

    #[test]
    fn on_windows_a_colon_follows_a_drive() {
        for (browser, expected) in [
            (
                r"C:\Program Files\Mozilla Firefox\firefox.exe",
                r"C:\Program Files\Mozilla Firefox\firefox.exe|https://h/?a=b%20c",
            ),
            (
                r#""C:\Program Files\x.exe" --new %s"#,
                r"C:\Program Files\x.exe|--new|https://h/?a=b%20c",
            ),
            ("D:/b.exe", "D:/b.exe|https://h/?a=b%20c"),
            ("firefox", "firefox|https://h/?a=b%20c"),
        ] {
            assert_eq!(shown(browser, false, System::Windows), [expected], "{browser}");
        }
        assert_eq!(shown("a;b", false, System::Windows).len(), 2);
        for text in [r"C:\tools\w3m.exe", r#""C:\Program Files\Lynx\lynx.exe" %s"#, "links.exe"] {
            assert_eq!(shown(text, false, System::Windows).len(), 0, "{text}");
        }
    }

    #[test]
    fn without_browser_each_system_has_its_own_way() {
        let first = |is_wsl, system| shown("", is_wsl, system).remove(0);
        assert_eq!(first(false, System::Freedesktop), "xdg-open|https://h/?a=b%20c");
        assert_eq!(first(true, System::Freedesktop), "wslview|https://h/?a=b%20c");
        assert_eq!(first(false, System::Mac), "open|https://h/?a=b%20c");
        assert!(first(false, System::Windows).starts_with("rundll32.exe|url.dll,"));
        assert_eq!(shown(" : ", false, System::Mac), ["open|https://h/?a=b%20c"]);
    }

    #[test]
    fn only_a_page_is_opened() {
        for url in ["file:///etc/passwd", "javascript:alert(1)", "--help", "", "https://h/ x"] {
            assert_eq!(commands(url, "firefox", false, System::Freedesktop).len(), 0, "{url}");
        }
    }

    #[test]
    fn what_browser_means() {
        for (browser, named) in [
            ("", Named::Nothing),
            (" :", Named::Nothing),
            ("w3m", Named::Text),
            ("lynx:netrik %s", Named::Text),
            ("firefox", Named::Desktop),
            ("w3m:/usr/bin/google-chrome-stable %s", Named::Desktop),
            ("/vscode/bin/helpers/browser.sh", Named::Other),
            ("firefox:wslview", Named::Other),
            (r"C:\Program Files\Mozilla Firefox\firefox.exe", Named::Desktop),
            (r#""C:\Program Files (x86)\Microsoft\Edge\msedge.exe" %s"#, Named::Desktop),
            (r"C:\tools\w3m.exe", Named::Text),
            (r"C:/tools/w3m.exe;D:\Lynx\LYNX.EXE", Named::Text),
            (r"C:\tools\w3m.exe;C:\vscode\helper.cmd", Named::Other),
            ("env -i w3m", Named::Text),
            ("env -i firefox", Named::Desktop),
        ] {
            assert_eq!(Named::of(browser), named, "{browser}");
        }
    }
}
