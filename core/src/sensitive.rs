//! Tokens and the variables that hold them, by how they look.
//!
//! A token that is pasted by mistake is not sent, and a browser gets no variable that holds one.

use alloc::string::String;

use crate::text::{cut, has, is_plain};

/// Prefixes of tokens and keys that no provider uses for an authorization code.
const TOKEN_PREFIXES: [&str; 20] = [
    "sk-",
    "sk-ant-",
    "sk-proj-",
    "sk-or-",
    "gho_",
    "ghp_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "gsk_",
    "hf_",
    "npm_",
    "xoxb-",
    "xoxp-",
    "xai-",
    "ya29.",
    "AIza",
    "tid=",
];

/// The length from which a prefix gives a token away wherever it stands in a text.
const DISTINCT: usize = 6;

/// Returns whether `text` holds a token or key of a well-known service: by itself, as a word among
/// others (`Bearer gsk_...`), behind a name such as `GH_TOKEN=`, or, where its prefix is distinct
/// enough, anywhere.
pub(crate) fn holds_token(text: &str) -> bool {
    let mut distinct = TOKEN_PREFIXES.iter().filter(|prefix| prefix.len() >= DISTINCT);
    has_token_part(text) || distinct.any(|prefix| cut(text, prefix).is_some())
}

/// Returns whether a part of `text` begins as a token does.
fn has_token_part(text: &str) -> bool {
    let divides = |c: char| c.is_whitespace() || !is_plain(c) || has("=:,;\"'`<([{", c);
    let begins = |part: &str| TOKEN_PREFIXES.iter().any(|prefix| part.starts_with(prefix));
    // Copilot's prefix ends in an equals sign itself.
    text.split(divides).any(begins) || text.split(|c| c != '=' && divides(c)).any(begins)
}

/// Parts of names that say that the value is a secret.
const SECRET_WORDS: [&str; 9] = [
    "ACCESS_KEY",
    "API_KEY",
    "APIKEY",
    "CREDENTIAL",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "SECRET",
    "TOKEN",
];

/// Ends of names that say that the value is a secret.
const SECRET_ENDS: [&str; 4] = ["_AUTH", "_KEY", "_PASS", "_PAT"];

/// Names that look as if they held a secret, but are what a desktop needs.
const HARMLESS: [&str; 1] = ["XDG_ACTIVATION_TOKEN"];

/// Returns whether an environment variable may hold a key, a token or a password, so that a
/// browser must not inherit it.
pub fn is_secret_variable(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    if HARMLESS.contains(&name.as_str()) {
        return false;
    }
    let is_named = name.starts_with("ANTHROPIC_")
        || SECRET_WORDS.iter().any(|word| cut(&name, word).is_some())
        || SECRET_ENDS.iter().any(|end| name.ends_with(end));
    is_named || has_token_part(value) || has_user_information(&name, value)
}

/// Returns whether a URL in `value` carries a user or a password; a proxy may lack the scheme.
fn has_user_information(name: &str, value: &str) -> bool {
    let (is_url, after) = match cut(value, "://") {
        Some((_, after)) => (true, after),
        None => (name.ends_with("_PROXY"), value),
    };
    // A password may hold what would end the authority, so every `@` counts.
    is_url && has(after, '@')
}

/// Returns the names of the variables that a browser must not inherit.
pub fn secret_variables(variables: &[(String, String)]) -> alloc::vec::Vec<&str> {
    let secret = |(name, value): &&(String, String)| is_secret_variable(name, value);
    variables.iter().filter(secret).map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_prefix() {
        for text in ["sk-ant-oat01-a", "Bearersk-ant-api03-a", "GH_TOKEN=ghp_a", "xgithub_pat_a"]
            .into_iter()
            .chain([
                "Bearer sk-a",
                "key:\tgsk_a",
                "key \u{200b}gsk_a",
                "the key\nAIza0",
                "<xai-a>",
                "(hf_a)",
                "sk-a b",
                "Bearer tid=1;exp=2",
            ])
        {
            assert!(holds_token(text), "{text}");
        }
        for text in
            ["q5Lr8Zk2-VmX0_cT4bWnYh7Jd9hf_oGuA1", "ant-oat01", "4/0Ab", "/usr/bin", "ask-a"]
        {
            assert!(!holds_token(text), "{text}");
        }
    }

    #[test]
    fn a_browser_keeps_what_it_needs_and_gets_no_secret() {
        for (name, value) in [
            ("ANTHROPIC_API_KEY", "x"),
            ("ANTHROPIC_OAUTH_TOKEN", "x"),
            ("ANTHROPIC_BASE_URL", "https://h"),
            ("COPILOT_GITHUB_TOKEN", "x"),
            ("GH_TOKEN", "x"),
            ("GITHUB_TOKEN", "x"),
            ("github_token", "x"),
            ("OPENAI_API_KEY", "x"),
            ("MISTRAL_APIKEY", "x"),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("AWS_SESSION_TOKEN", "x"),
            ("NPM_CONFIG__AUTH", "x"),
            ("DEPLOY_KEY", "x"),
            ("AZURE_DEVOPS_EXT_PAT", "x"),
            ("PGPASSWORD", "x"),
            ("MYSQL_PASSWD", "x"),
            ("SMTP_PASS", "x"),
            ("KEY_PASSPHRASE", "x"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/f"),
            ("MINE", "sk-ant-oat01-abc"),
            ("MINE", "ghp_abc"),
            ("HEADER", "Authorization: Bearer sk-ant-oat01-abc"),
            ("HTTPS_PROXY", "http://user:pass@proxy:3128"),
            ("https_proxy", "user:pa/ss@proxy:3128"),
            ("ALL_PROXY", "socks5://user@proxy"),
            ("DATABASE_URL", "postgres://me:pass@db/x"),
        ] {
            assert!(is_secret_variable(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("PATH", "/usr/bin:/home/a@b/bin"),
            ("PATH", "/opt/desk-ant-1/bin:/usr/bin"),
            ("HOME", "/home/me"),
            ("DISPLAY", ":0"),
            ("WAYLAND_DISPLAY", "wayland-0"),
            ("XAUTHORITY", "/run/user/1000/xauth"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"),
            ("XDG_RUNTIME_DIR", "/run/user/1000"),
            ("XDG_ACTIVATION_TOKEN", "x"),
            ("SSH_AUTH_SOCK", "/run/user/1000/ssh"),
            ("SSH_ASKPASS", "/usr/bin/askpass"),
            ("BROWSER", "firefox"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("NO_PROXY", "localhost,.example.com"),
            ("LANG", "de_DE.UTF-8"),
            ("KEYBOARD", "us"),
        ] {
            assert!(!is_secret_variable(name, value), "{name}={value}");
        }
    }
}
