//! What a host shows to a person, and asks of them.

use std::future::Future;
use std::time::Duration;

use pi_auth_core::flow::{Authorize, ShowCode};
use pi_auth_core::provider::Label;

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// The person answered.
    Given(T),
    /// There is nobody to answer, or the input has ended.
    Ended,
    /// The person wants to stop.
    Cancelled,
}

/// A person, seen from a flow. Every future here may be dropped at any time (a browser came back
/// while the person was still being asked), and must leave the terminal as it found it.
pub trait Interaction {
    /// Returns whether there is somebody to pick from a list, and to confirm. Without more, there
    /// is not.
    fn is_present(&self) -> bool {
        false
    }

    /// Returns whether [`prompt`](Interaction::prompt) reaches anybody. It does where somebody is
    /// present.
    fn can_answer(&self) -> bool {
        self.is_present()
    }

    /// Returns whether nobody sees any more what is shown, as when the reader of a pipe has gone
    /// away. Asked about once a second while nothing but a browser is waited for.
    fn is_gone(&self) -> bool {
        false
    }

    /// Has the person pick one of `options`, which is never empty; answers with its index.
    fn select(
        &mut self,
        message: &str,
        options: &[Label],
        remark: Option<&str>,
    ) -> impl Future<Output = Answer<usize>> {
        let _ = (message, options, remark);
        std::future::ready(Answer::Ended)
    }

    /// Asks a yes-or-no question.
    fn confirm(&mut self, message: &str) -> impl Future<Output = Answer<bool>> {
        let _ = message;
        std::future::ready(Answer::Ended)
    }

    /// Asks for a line of text, which may be empty. `problem` is why the last one was not taken.
    fn prompt(
        &mut self,
        message: &str,
        problem: Option<&str>,
    ) -> impl Future<Output = Answer<String>> {
        let _ = (message, problem);
        std::future::ready(Answer::Ended)
    }

    /// Shows the page to be opened, before anything opens it. Called again with
    /// [`Authorize::problem`] when an answer was not taken.
    fn show(&mut self, page: &Authorize);

    /// Shows the code to be entered, and where; answers whether anybody sees it.
    fn show_code(&mut self, code: &ShowCode) -> bool;

    /// Tells that no browser could be opened, so that the person opens `url`. May come while
    /// [`paste`](Interaction::paste) is under way, which is then dropped and asked again.
    fn browser_failed(&mut self, url: &str);

    /// Takes what the person pastes.
    fn paste(&mut self, page: &Authorize) -> impl Future<Output = Answer<String>>;

    /// Tells what is being waited for, once it has taken a second; `None` when it is over.
    fn waiting(&mut self, activity: Option<&str>);

    /// Tells how long the person still has, about once a second; `None` when it is over.
    fn counting_down(&mut self, waiting: Option<(&str, Duration)>) {
        let _ = waiting;
    }
}

/// Nobody is there: every question ends at once. For programs that only fetch tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unattended;

impl Interaction for Unattended {
    fn show(&mut self, _: &Authorize) {}

    fn show_code(&mut self, _: &ShowCode) -> bool {
        false
    }

    fn browser_failed(&mut self, _: &str) {}

    async fn paste(&mut self, _: &Authorize) -> Answer<String> {
        Answer::Ended
    }

    fn waiting(&mut self, _: Option<&str>) {}
}
