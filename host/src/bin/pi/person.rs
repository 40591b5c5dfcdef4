//! Whoever sits in front of `pi`: at a terminal, or behind a pipe.

use std::io::IsTerminal;

use pi_auth::{Answer, Authorize, Interaction, Label};

use crate::lines::Lines;
use crate::output;
use crate::terminal::{self, Style};

/// A person at a terminal, or a program that writes lines.
pub(crate) enum Person {
    /// Standard input and standard error are a terminal.
    Terminal,
    /// One of them is not: nothing prompts, and a code is read as a line.
    Pipe(Lines),
}

impl Person {
    /// Whoever is there.
    pub(crate) fn present() -> Self {
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            terminal::install_panic_hook();
            Person::Terminal
        } else {
            Person::Pipe(Lines::default())
        }
    }
}

impl Interaction for Person {
    fn is_present(&self) -> bool {
        matches!(self, Person::Terminal)
    }

    async fn select(
        &mut self,
        message: &str,
        options: &[Label],
        remark: Option<&str>,
    ) -> Answer<usize> {
        let names: Vec<String> = options.iter().map(|label| label.name.clone()).collect();
        match self {
            Person::Terminal => answer(terminal::select(message, &names, remark).await),
            Person::Pipe(_) => Answer::Ended,
        }
    }

    async fn confirm(&mut self, message: &str) -> Answer<bool> {
        match self {
            Person::Terminal => answer(terminal::confirm(message).await),
            Person::Pipe(_) => Answer::Ended,
        }
    }

    fn show(&mut self, page: &Authorize) {
        if let Some(problem) = &page.problem {
            output::say(&format!("{} {problem}\n", Style::for_stderr().red("✗")));
        } else if page.open_browser {
            output::say(&format!(
                "\n{}\n{}\n",
                page.message,
                Style::for_stderr().dim(&format!("If none opens, go to: {}\n", page.url))
            ));
        } else {
            output::say(&format!("\n{}\n\n{}\n\n", page.message, page.url));
        }
    }

    fn browser_failed(&mut self, page: &Authorize) {
        output::say(&format!("No browser could be opened. Open this page:\n\n{}\n\n", page.url));
    }

    async fn paste(&mut self, page: &Authorize) -> Answer<String> {
        match self {
            Person::Terminal => answer(terminal::line(&format!("{} ", page.prompt)).await),
            Person::Pipe(lines) => {
                output::say(&format!("{}\n", page.prompt));
                lines.next().await
            }
        }
    }

    fn waiting(&mut self, activity: Option<&str>) {
        if let Some(activity) = activity {
            output::say(&format!("{activity}...\n"));
        }
    }
}

/// A terminal that fails is one that nobody sits at.
fn answer<T>(result: std::io::Result<terminal::Answer<T>>) -> Answer<T> {
    match result {
        Ok(terminal::Answer::Given(given)) => Answer::Given(given),
        Ok(terminal::Answer::Cancelled) => Answer::Cancelled,
        Ok(terminal::Answer::Ended) | Err(_) => Answer::Ended,
    }
}
