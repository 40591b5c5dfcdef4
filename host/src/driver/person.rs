//! The part of a login that a person sees: the page, the browser, the prompt, and the way back.

use std::time::Duration;

use pi_auth_core::callback::Page;
use pi_auth_core::flow::{Authorize, Event, ShowCode, is_answered_by};
use pi_auth_core::secret::Secret;

use super::Driver;
use crate::browser::Opening;
use crate::callback::{Callback, Visit};
use crate::clock::now_ms;
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

    /// Waits for the browser alone, until this time in epoch milliseconds. The clock is looked at
    /// again and again: a machine that sleeps for long does not wait on.
    pub(super) async fn await_callback(
        &mut self,
        state: &Secret,
        until_ms: u64,
        interaction: &mut impl Interaction,
    ) -> Event {
        let mut callback = self.callback.as_mut();
        while callback.is_some() && !interaction.is_gone() {
            let left = Duration::from_millis(until_ms.saturating_sub(now_ms()));
            if left.is_zero() {
                return Event::Woke;
            }
            tokio::select! {
                biased;
                visit = answer_to(&mut callback, state) => return self.came(visit),
                () = failed(&mut self.opening) => {
                    if let Some((_, address)) = self.opening.take() {
                        interaction.browser_failed(&address);
                    }
                }
                () = tokio::time::sleep(left.min(LOOK)) => {}
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

#[cfg(test)]
mod tests {
    use pi_auth_core::callback::Loopback;
    use pi_auth_core::environment::Environment;
    use pi_auth_core::flow::{Request, status};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::engine::Core;
    use crate::stop::Stop;
    use crate::store::Store;

    /// Somebody who sees what is shown, or does not.
    struct Watcher {
        is_gone: bool,
    }

    impl Interaction for Watcher {
        fn is_gone(&self) -> bool {
            self.is_gone
        }
        fn show(&mut self, _: &Authorize) {}
        fn show_code(&mut self, _: &ShowCode) -> bool {
            true
        }
        fn browser_failed(&mut self, _: &str) {}
        async fn paste(&mut self, _: &Authorize) -> Answer<String> {
            Answer::Ended
        }
        fn waiting(&mut self, _: Option<&str>) {}
    }

    async fn driver() -> Driver {
        let store = Store::new(std::env::temp_dir().join("nowhere"), None, None);
        let request =
            Request::Status(status::StatusRequest { environment: Environment::default() });
        let mut driver = Driver::start(&Core::default(), request, store, Stop::default());
        driver.callback = Callback::listen(Loopback::Ipv4, 0, "/callback").await.ok();
        driver
    }

    #[tokio::test]
    async fn where_nobody_can_paste_the_browser_is_waited_for_until_it_is_too_late() {
        let mut driver = driver().await;
        let mut watcher = Watcher { is_gone: false };
        let until_ms = now_ms() + 30;
        let event = driver.await_callback(&"s".into(), until_ms, &mut watcher).await;
        assert!(matches!(event, Event::Woke), "{event:?}");
        assert!(now_ms() >= until_ms);
    }

    #[tokio::test]
    async fn where_nobody_sees_what_is_shown_either_nothing_is_waited_for() {
        let mut driver = driver().await;
        let mut watcher = Watcher { is_gone: true };
        let event = driver.await_callback(&"s".into(), u64::MAX, &mut watcher).await;
        assert!(matches!(event, Event::InputEnded), "{event:?}");
    }

    #[tokio::test]
    async fn a_browser_that_comes_in_time_is_what_was_waited_for() {
        let mut driver = driver().await;
        let port = driver.callback.as_ref().unwrap().port();
        let browser = tokio::spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let request =
                format!("GET /callback?code=c&state=s HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        });
        let mut watcher = Watcher { is_gone: false };
        let event = driver.await_callback(&"s".into(), u64::MAX, &mut watcher).await;
        let Event::Callback { query } = event else { panic!("{event:?}") };
        assert_eq!(query.expose(), "code=c&state=s");
        driver.visit.take().unwrap().answer(Page::Failed);
        assert!(browser.await.unwrap().starts_with("HTTP/1.1 400"));
    }
}
