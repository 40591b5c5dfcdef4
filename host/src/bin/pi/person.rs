//! Whoever sits in front of `pi`: at a terminal, or behind a pipe.

use std::io::IsTerminal;
use std::time::Duration;

use pi_auth::{Answer, Authorize, Interaction, Label, ShowCode};

use crate::dumb_terminal::DumbTerminal;
use crate::lines::Lines;
use crate::output;
use crate::terminal::{self, Style};

/// A person at a terminal, or a program that writes lines.
pub(crate) struct Person {
    input: Input,
    /// What was last said to be waited for.
    told: Option<String>,
    /// The messages of the page or code that was shown; they may begin with notes.
    shown: String,
    /// True if a line that is written over is shown.
    counting: bool,
}

enum Input {
    /// Standard input and standard error are a terminal.
    Terminal,
    /// They are one that obeys no control sequences.
    DumbTerminal(DumbTerminal),
    /// One of them is not: nothing prompts, and a code is read as a line.
    Pipe(Lines),
}

impl Person {
    /// Whoever is there.
    pub(crate) fn present() -> Self {
        let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let input = match is_terminal {
            true if terminal::is_dumb() => Input::DumbTerminal(DumbTerminal::default()),
            true => {
                terminal::install_panic_hook();
                Input::Terminal
            }
            false => Input::Pipe(Lines::default()),
        };
        Person { input, told: None, shown: String::new(), counting: false }
    }

    /// Returns whether a note stood in front of the page or code already.
    pub(crate) fn has_seen(&self, note: &str) -> bool {
        self.shown.contains(note)
    }
}

impl Interaction for Person {
    fn is_present(&self) -> bool {
        !matches!(self.input, Input::Pipe(_))
    }

    fn is_gone(&self) -> bool {
        output::is_broken(std::io::stderr())
    }

    async fn select(
        &mut self,
        message: &str,
        options: &[Label],
        remark: Option<&str>,
    ) -> Answer<usize> {
        let names: Vec<String> = options.iter().map(|label| label.name.clone()).collect();
        match &mut self.input {
            Input::Terminal => answer(terminal::select(message, &names, remark).await),
            Input::DumbTerminal(terminal) => terminal.select(message, &names, remark).await,
            Input::Pipe(_) => Answer::Ended,
        }
    }

    async fn confirm(&mut self, message: &str) -> Answer<bool> {
        match &mut self.input {
            Input::Terminal => answer(terminal::confirm(message).await),
            Input::DumbTerminal(terminal) => terminal.confirm(message).await,
            Input::Pipe(_) => Answer::Ended,
        }
    }

    async fn prompt(&mut self, message: &str, problem: Option<&str>) -> Answer<String> {
        if let Some(problem) = problem {
            output::say(&format!("{} {problem}\n", Style::for_stderr().red("✗")));
        }
        match &mut self.input {
            Input::Terminal => answer(terminal::line(&format!("{message} ")).await),
            Input::DumbTerminal(terminal) => terminal.line(message).await,
            Input::Pipe(_) => Answer::Ended,
        }
    }

    fn show_code(&mut self, code: &ShowCode) -> bool {
        self.shown.push_str(&code.message);
        let style = Style::for_stderr();
        output::say(&format!(
            "\n{}\n\n    {}\n\n    {}\n\n{}\n\n",
            code.message,
            style.bold(&code.user_code),
            code.verification_uri,
            style.dim(&code.warning)
        ));
        true
    }

    fn show(&mut self, page: &Authorize) {
        self.shown.push_str(&page.message);
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

    fn browser_failed(&mut self, url: &str) {
        output::say(&format!("No browser could be opened. Open this page:\n\n{url}\n\n"));
    }

    async fn paste(&mut self, page: &Authorize) -> Answer<String> {
        match &mut self.input {
            Input::Terminal => answer(terminal::line(&format!("{} ", page.prompt)).await),
            Input::DumbTerminal(terminal) => terminal.line(&page.prompt).await,
            Input::Pipe(lines) => {
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

    /// A line that counts down on a terminal; elsewhere, and where a line cannot be written over,
    /// what is waited for is told once.
    fn counting_down(&mut self, waiting: Option<(&str, Duration)>) {
        let Some((message, left)) = waiting else {
            if std::mem::take(&mut self.counting) {
                terminal::status::clear();
            }
            self.told = None;
            return;
        };
        let s = left.as_secs();
        let line = format!("{message}  {}:{:02} left", s / 60, s % 60);
        if matches!(self.input, Input::Terminal) {
            terminal::status::show(&line);
            self.counting = true;
            return;
        }
        if self.told.as_deref() != Some(message) {
            // A moment has passed since there were fifteen minutes.
            let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let left = output::duration(left_ms.saturating_add(30_000));
            output::say(&format!("{message}; there are {left} left...\n"));
            self.told = Some(message.to_owned());
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
