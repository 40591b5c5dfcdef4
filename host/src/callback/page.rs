//! The pages that a browser sees when it comes back. None of them repeats what the browser sent.

/// What a browser is told.
pub(crate) enum Page {
    /// The credential is stored.
    LoggedIn {
        /// The provider's name for people.
        provider: String,
    },
    /// The login failed; the terminal says why.
    Failed,
    /// It brought the answer to another login.
    Ignored,
    /// The login is over already.
    Over,
    /// It asked under a name that is not this machine's.
    WrongHost,
    /// There is nothing at this path.
    NotFound,
    /// Only GET means something here.
    WrongMethod,
}

impl Page {
    pub(super) fn html(&self) -> String {
        let (title, text) = match self {
            Page::LoggedIn { provider } => (
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
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_markup() {
        let html = Page::LoggedIn { provider: "<b>&".into() }.html();
        assert!(html.contains("<h1>You are logged in to &lt;b&gt;&amp;</h1>"), "{html}");
    }
}
