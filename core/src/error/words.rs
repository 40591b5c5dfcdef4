//! The words for errors: what happened, then what to do next.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use super::{Code, Error, StoreFailure};
use crate::key::Source;
use crate::oauth::endpoint::EndpointError;
use crate::provider::Label;
use crate::store::access::User;
use crate::text::{plain, shell, without_end};

impl Error {
    /// What the person can do next, in a sentence or two; empty where there is nothing to do.
    pub fn advice(&self) -> String {
        let code = self.code();
        match self {
            Self::NotLoggedIn { provider, variable: Some(name), .. } => {
                login("Run ", provider, &format!(", or set {name}."))
            }
            Self::NotLoggedIn { provider, variable: None, .. } => login("Run ", provider, "."),
            Self::UnknownEntry { provider, .. } => login(
                "Nothing was changed. Use the program that stored it, or run ",
                provider,
                ", which replaces it.",
            ),
            Self::LoginEnded { provider, .. } => {
                login("Run ", provider, ". The stored credential was kept.")
            }
            Self::Refresh { cause: EndpointError::NoCopilot { status: 404, .. }, .. }
            | Self::Login { cause: EndpointError::NoCopilot { status: 404, .. }, .. } => {
                "If your Copilot comes with a GitHub Enterprise, it takes the right domain: `pi \
                 login github-copilot --enterprise DOMAIN`."
                    .into()
            }
            Self::Refresh { cause: EndpointError::NoCopilot { .. }, .. }
            | Self::Login { cause: EndpointError::NoCopilot { .. }, .. }
            | Self::Variable { cause: EndpointError::NoCopilot { .. }, .. } => {
                "See https://github.com/settings/copilot for what your account includes, or use \
                 another account."
                    .into()
            }
            Self::Refresh { cause: EndpointError::Metadata { .. }, provider } => {
                metadata_advice("Your login is kept. ", provider)
            }
            Self::Login { cause: EndpointError::Metadata { .. }, provider } => {
                metadata_advice("", provider)
            }
            Self::WrongIssuer { provider, .. } => login(
                "Nothing was sent. Run ",
                provider,
                " again; if it stays so, do not go on before you know why.",
            ),
            Self::Login { provider, cause } => match code {
                Code::RetryLater { .. } | Code::Network => {
                    login(&first(cause, code), provider, " again.")
                }
                _ => login("Run ", provider, " to try again."),
            },
            Self::Exchange { provider, cause } => match code {
                Code::RetryLater { .. } | Code::Network => {
                    login(&first(cause, code), provider, " again; a code works only once.")
                }
                _ => login("Run ", provider, " again and use the new code within a few minutes."),
            },
            Self::CodeExpired { provider } => {
                login("Run ", provider, " again and enter the new code.")
            }
            Self::Unanswered { provider } => {
                login("Run ", provider, " again, where you can answer.")
            }
            Self::Variable { variable, cause } => match code {
                Code::RetryLater { .. } => wait("", Some(cause), code),
                _ => format!("Set {variable} to another token, or unset it and log in."),
            },
            Self::UnusableKey { source: Source::Variable(name) } => format!("Set {name} anew."),
            Self::UnusableKey { .. } => "Store it anew, or log in again.".into(),
            Self::Enterprise { stored: false, .. } => {
                "Give a name such as ghe.example.com; for github.com, Enterprise Cloud included, give \
                 nothing."
                    .into()
            }
            Self::Enterprise { stored: true, .. } => {
                "Run `pi login github-copilot --enterprise DOMAIN`. The stored credential was kept."
                    .into()
            }
            Self::NoEnterprise { .. } => "Leave --enterprise out; it is for github-copilot.".into(),
            Self::Refresh { cause, .. } if cause.is_transient() => {
                wait("Your login is kept. ", Some(cause), code)
            }
            Self::Refresh { provider, .. } => {
                login("Your login is kept. Try again; if it stays so, run ", provider, ".")
            }
            Self::ForeignLogin { provider } => {
                let id = plain(&provider.id);
                format!(
                    "Use {id} in the pi agent once, which refreshes it; or, if it is a provider of \
                     your own, put it back into auth-providers.json."
                )
            }
            Self::IndirectKey { .. } => {
                "Put the key itself there, or use the variable that the provider takes.".into()
            }
            Self::UnknownProvider { known, .. } => format!("Use one of: {known}."),
            Self::Reported { advice, .. } => advice.clone(),
            Self::Cancelled | Self::Protocol { .. } => String::new(),
            Self::System { .. } => wait("", None, code),
            Self::Denied { provider } | Self::AuthorizationRefused { provider, .. } => {
                login("Run ", provider, " to try again.")
            }
            Self::Paste(_) => "Run `pi login` again.".into(),
            Self::StoreCorrupt { path, .. } => format!(
                "Nothing was changed. Mend the file, or move it away and log in again: mv {} {}",
                shell(path),
                shell(&format!("{path}.bad"))
            ),
            Self::Store { path, failure, .. } => match failure {
                StoreFailure::PermissionDenied => {
                    format!("Check who owns it, and its directory: ls -ld {}", shell(path))
                }
                StoreFailure::NoSpace => "Free some space, then try again.".into(),
                StoreFailure::ReadOnly => {
                    "Point PI_CODING_AGENT_DIR at a directory that can be written.".into()
                }
                StoreFailure::IsADirectory => format!(
                    "`docker -v` makes one where the file is missing. Look at what is in it, and \
                     remove it if it is empty: rmdir {}",
                    shell(path)
                ),
                StoreFailure::TooManyOpenFiles => {
                    "Raise the limit, then try again: ulimit -n 256".into()
                }
                StoreFailure::FileSizeLimit => {
                    "Raise the limit, then try again: ulimit -f unlimited".into()
                }
                StoreFailure::OwnedBy(owner) => foreign_advice(path, *owner),
                _ => format!("Look at it: ls -ld {}", shell(path)),
            },
            Self::NotStored { provider, .. } => login("Mend that, then run ", provider, "."),
            Self::LockTimedOut { path, owner: Some(owner), .. } => foreign_advice(path, *owner),
            Self::LockTimedOut { alive: true, .. } => {
                "Another pi is using it. Wait for it, or end it.".into()
            }
            Self::LockTimedOut { path, alive: false, .. } => format!(
                "Another pi seems to be using it. If none is running, remove it: rmdir {}",
                shell(path)
            ),
            Self::Overrides { path, .. } => {
                format!("Correct {path}, or do without it: remove it, or unset PI_AUTH_PROVIDERS.")
            }
            Self::UntrustedOverrides { path, fault } => fault.overrides_advice(path),
            Self::NoDirectory => "Set HOME, or PI_CODING_AGENT_DIR.".into(),
            Self::BadPreference { .. } => "Use `env` or `store`, or unset it.".into(),
            Self::NotConfirmed => "Add --yes to end every login.".into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoggedIn { provider, path, .. } => {
                write!(f, "You are not logged in to {}: {path} holds no login.", provider.name)
            }
            Self::UnknownEntry { provider, path } => write!(
                f,
                "The entry `{}` in {path} is of a kind that this program does not know: neither a \
                 login nor an API key.",
                plain(&provider.id)
            ),
            Self::LoginEnded { provider, cause: Some(cause) } => {
                write!(f, "{} no longer takes the stored login: {cause}.", provider.short_name())
            }
            Self::LoginEnded { provider, cause: None } => write!(
                f,
                "The login to {} cannot be refreshed: it holds no refresh token.",
                provider.name
            ),
            Self::Refresh { provider, cause } => {
                write!(f, "The token of {} could not be refreshed: {cause}.", provider.short_name())
            }
            Self::Exchange { provider, cause } => {
                write!(f, "{} did not take the authorization code: {cause}.", provider.short_name())
            }
            // Nothing that has just been given was revoked.
            Self::Login { provider, cause: EndpointError::Unauthorized } => write!(
                f,
                "The login to {} came to nothing: it does not take the token that it has just \
                 given (HTTP 401).",
                provider.short_name()
            ),
            Self::Login { provider, cause } => {
                write!(f, "The login to {} came to nothing: {cause}.", provider.short_name())
            }
            Self::CodeExpired { provider } => {
                write!(f, "The code of {} was not entered in time.", provider.short_name())
            }
            Self::Unanswered { provider } => write!(
                f,
                "No browser came back from {} within 10 minutes, and nobody can paste the code.",
                provider.short_name()
            ),
            Self::WrongIssuer { provider, expected, found } => {
                let short = provider.short_name();
                match found {
                    Some(found) => write!(
                        f,
                        "The answer to the login came from {found}, not from {expected}, which \
                         {short} is."
                    ),
                    None => write!(f, "The answer to the login does not say that it is {short}'s."),
                }
            }
            Self::Variable { variable, cause } => {
                write!(f, "What {variable} holds could not be exchanged for a token: {cause}.")
            }
            Self::UnusableKey { source } => {
                match source {
                    Source::Variable(name) => f.write_str(name)?,
                    Source::Stored => f.write_str("The stored key")?,
                    Source::Caller => f.write_str("The key that was given")?,
                }
                f.write_str(" has characters that no request can carry.")
            }
            Self::Enterprise { problem, stored: false } => {
                write!(f, "The Enterprise domain cannot be used: {problem}.")
            }
            Self::Enterprise { problem, stored: true } => {
                write!(f, "The `enterpriseUrl` of the stored login cannot be used: {problem}.")
            }
            Self::NoEnterprise { provider } => {
                write!(f, "{} has no Enterprise domain.", provider.short_name())
            }
            Self::ForeignLogin { provider } => write!(
                f,
                "The login to {} has expired, and this program cannot refresh it.",
                provider.name
            ),
            Self::IndirectKey { provider, what } => {
                write!(f, "The stored API key of {} is {what}.", provider.name)
            }
            Self::UnknownProvider { id, .. } => write!(f, "There is no provider `{id}`."),
            Self::Cancelled => f.write_str("Cancelled."),
            Self::Denied { provider } => {
                write!(f, "The login to {} was refused in the browser.", provider.name)
            }
            Self::AuthorizationRefused { provider, error, description } => {
                let short = provider.short_name();
                match description {
                    Some(text) => write!(f, "{short} refused the login: {error} ({text})."),
                    None => write!(f, "{short} refused the login: {error}."),
                }
            }
            Self::Paste(error) => error.fmt(f),
            Self::StoreCorrupt { path, reason } => write!(f, "{path} cannot be used: {reason}."),
            Self::Store { path, attempt, failure } => {
                let failure = failure.to_string();
                write!(f, "Could not {attempt} {path}: {}.", without_end(&failure))
            }
            Self::NotStored { cause, .. } => write!(
                f,
                "{cause} The provider has already replaced the stored login, so a new one is due."
            ),
            Self::LockTimedOut { path, owner: Some(owner), .. } => {
                let owner = User(*owner);
                write!(f, "The lock {path} belongs to {owner}, and was held for too long.")
            }
            Self::LockTimedOut { path, .. } => {
                write!(f, "The credential file stayed locked for too long ({path}).")
            }
            Self::Overrides { path, problem } => write!(f, "{path} cannot be used: {problem}."),
            Self::UntrustedOverrides { path, fault } => {
                write!(f, "{path} decides where your tokens go, and is not used: {fault}.")
            }
            Self::NoDirectory => f.write_str("There is no home directory."),
            Self::System { what } => write!(f, "The system gives no {what}."),
            Self::BadPreference { value } => {
                write!(f, "PI_AUTH_PREFER is `{}`, which means nothing.", plain(value))
            }
            Self::NotConfirmed => f.write_str("Nothing was logged out."),
            Self::Reported { message, .. } => f.write_str(message),
            Self::Protocol { event } => {
                write!(f, "The host answered with `{event}` where that has no meaning.")
            }
        }
    }
}

/// Never advises taking it over: whoever made it may have had a reason, or be an attacker.
fn foreign_advice(path: &str, owner: u32) -> String {
    let (owner, path) = (User(owner), shell(path));
    format!("Look at it: ls -ld {path}. If no pi of {owner} uses it, delete it.")
}

fn metadata_advice(before: &str, provider: &Label) -> String {
    format!(
        "{before}Check {} in auth-providers.json: its `issuer` has to be written exactly as the \
         server writes it, and URLs that are given there win over the metadata.",
        plain(&provider.id)
    )
}

/// When to try again, and what to check before that.
fn wait(before: &str, cause: Option<&EndpointError>, code: Code) -> String {
    let check = match cause {
        Some(EndpointError::Transport(failure)) => failure.mend(),
        _ => "",
    };
    match code {
        Code::RetryLater { after_ms } if after_ms > 600_000 => {
            format!("{before}{check}Try again in {} min.", after_ms.div_ceil(60_000))
        }
        Code::RetryLater { after_ms } => {
            format!("{before}{check}Try again in {} s.", after_ms.div_ceil(1000))
        }
        _ => String::new(),
    }
}

/// What comes before a command that has not worked because of the network, or came too early.
fn first(cause: &EndpointError, code: Code) -> String {
    match cause {
        EndpointError::Transport(failure) => format!("{}Then run ", failure.mend()),
        _ => wait("", None, code) + " Then run ",
    }
}

/// A sentence with the command that logs in to `provider`.
fn login(before: &str, provider: &Label, after: &str) -> String {
    let (flag, domain) = match &provider.enterprise {
        Some(domain) => (" --enterprise ", &**domain),
        None => ("", ""),
    };
    format!("{before}`pi login {}{flag}{domain}`{after}", plain(&provider.id))
}
