//! What a person sees of a login: the page, the browser, the prompt, and the way back.

use std::time::Duration;

use pi_auth_core::callback::Page;
use pi_auth_core::flow::{Authorize, Event, ShowCode, is_answered_by};
use pi_auth_core::secret::Secret;
use tokio::time::Instant;

use super::Driver;
use crate::browser::Opening;
use crate::callback::{Callback, Visit};
use crate::interaction::{Answer, Interaction};

/// How often it is looked whether anybody still sees what is shown.
const LOOK: Duration = Duration::from_secs(1);

impl Driver {
    /// Shows the page, and takes whichever comes first: the browser or a paste.
    pub(super) async fn authorize(
        &mut self,
        page: &Authorize,
        interaction: &mut impl Interaction,
    ) -> Event {
        interaction.show(page);
        if page.open_browser && page.problem.is_none() {
            let address = match (&page.one_time, &self.callback) {
                (Some(one_time), Some(callback)) => {
                    callback.lead(&one_time.path, &page.url);
                    &one_time.url
                }
                _ => &page.url,
            };
            self.open(address, &page.url, interaction);
        }
        let mut callback = self.callback.as_mut().filter(|_| page.callback);
        loop {
            tokio::select! {
                biased;
                visit = answer_to(&mut callback, &page.state) => return self.came(visit),
                () = failed(&mut self.opening) => {}
                answer = interaction.paste(page) => return pasted(answer),
            }
            // The prompt makes room for what is told, and comes again.
            if let Some((_, address)) = self.opening.take() {
                interaction.browser_failed(&address);
            }
        }
    }

    /// Waits for the browser alone.
    pub(super) async fn await_callback(
        &mut self,
        state: &Secret,
        left: Duration,
        interaction: &mut impl Interaction,
    ) -> Event {
        let until = Instant::now() + left;
        let mut callback = self.callback.as_mut();
        while callback.is_some() && !interaction.is_gone() {
            tokio::select! {
                biased;
                visit = answer_to(&mut callback, state) => return self.came(visit),
                () = failed(&mut self.opening) => {
                    if let Some((_, address)) = self.opening.take() {
                        interaction.browser_failed(&address);
                    }
                }
                () = tokio::time::sleep_until(until) => return Event::Woke,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Event::InputEnded
    }

    fn came(&mut self, visit: Visit) -> Event {
        let query = visit.query.clone();
        self.visit = Some(visit);
        Event::Callback { query }
    }

    /// Shows a code, and opens the page where it is entered.
    pub(super) fn show_code(
        &mut self,
        code: &ShowCode,
        interaction: &mut impl Interaction,
    ) -> Event {
        // A code that nobody sees is one that nobody enters.
        if !interaction.show_code(code) {
            return Event::InputEnded;
        }
        if code.open_browser {
            self.open(&code.url, &code.verification_uri, interaction);
        }
        Event::Shown
    }

    /// Starts a browser. `shown` is told where that fails, now or later.
    fn open(&mut self, url: &str, shown: &str, interaction: &mut impl Interaction) {
        self.opening = Opening::start(url).map(|opening| (opening, shown.to_owned()));
        if self.opening.is_none() {
            interaction.browser_failed(shown);
        }
    }

    /// Tells of a browser that has failed meanwhile.
    pub(super) async fn tell_of_browser(&mut self, interaction: &mut impl Interaction) {
        let has_failed = tokio::select! {
            biased;
            () = failed(&mut self.opening) => true,
            () = std::future::ready(()) => false,
        };
        if let Some((_, address)) = self.opening.take_if(|_| has_failed) {
            if std::mem::take(&mut self.counting) {
                interaction.counting_down(None);
            }
            interaction.browser_failed(&address);
        }
    }
}

/// Completes once the browser that was started has failed.
async fn failed(opening: &mut Option<(Opening, String)>) {
    match opening {
        Some((opening, _)) => opening.failed().await,
        None => std::future::pending().await,
    }
}

/// The browser that brings the answer to the page with this state. Any other is turned away.
async fn answer_to(callback: &mut Option<&mut Callback>, state: &Secret) -> Visit {
    let Some(callback) = callback else { return std::future::pending().await };
    loop {
        let visit = callback.visit().await;
        if is_answered_by(state, visit.query.expose()) {
            callback.shut();
            return visit;
        }
        visit.answer(Page::Ignored);
    }
}

fn pasted(answer: Answer<String>) -> Event {
    match answer {
        Answer::Given(text) => Event::Pasted { text: text.into() },
        Answer::Ended => Event::InputEnded,
        Answer::Cancelled => Event::Cancelled,
    }
}
