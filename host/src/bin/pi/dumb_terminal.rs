//! Prompts on a terminal that obeys no control sequences (`TERM=dumb`): lines alone, and the system
//! edits what is typed.

use pi_auth::Answer;

use crate::lines::Lines;
use crate::output;
use crate::terminal::yes_or_no;

/// A terminal that is asked by lines.
#[derive(Default)]
pub(crate) struct DumbTerminal(Lines);

impl DumbTerminal {
    /// Asks `prompt` and reads a line.
    pub(crate) async fn line(&mut self, prompt: &str) -> Answer<String> {
        output::say(&format!("{prompt} "));
        let mut cut_short = CutShort(true);
        let answer = self.0.next().await;
        cut_short.0 = answer == Answer::Ended;
        answer
    }

    /// Has the person pick one of `options` by its number; answers with its index.
    pub(crate) async fn select(
        &mut self,
        message: &str,
        options: &[String],
        remark: Option<&str>,
    ) -> Answer<usize> {
        let lines = options.iter().zip(1..).map(|(name, number)| format!("  {number}. {name}\n"));
        let remark = remark.map(|remark| format!("  {remark}\n")).unwrap_or_default();
        output::say(&format!("{message}\n{}{remark}", lines.collect::<String>()));
        loop {
            match self.line(&format!("Number (1-{}):", options.len())).await {
                Answer::Given(text) => match text.trim().parse::<usize>() {
                    Ok(number @ 1..) if number <= options.len() => {
                        return Answer::Given(number - 1);
                    }
                    _ => continue,
                },
                Answer::Ended => return Answer::Ended,
                Answer::Cancelled => return Answer::Cancelled,
            }
        }
    }

    /// Asks a yes-or-no question; others ask again.
    pub(crate) async fn confirm(&mut self, message: &str) -> Answer<bool> {
        loop {
            match self.line(&format!("{message} [y/N]")).await {
                Answer::Given(text) => match yes_or_no(&text) {
                    Some(yes) => return Answer::Given(yes),
                    None => continue,
                },
                Answer::Ended => return Answer::Ended,
                Answer::Cancelled => return Answer::Cancelled,
            }
        }
    }
}

/// Ends the line of a prompt that nobody has ended, such as when a browser came back.
struct CutShort(bool);

impl Drop for CutShort {
    fn drop(&mut self) {
        if self.0 {
            output::say("\n");
        }
    }
}
