//! The loop that answers a flow's effects with events. What a person sees of a login is in
//! `person`.

mod person;

use std::future::Future;
use std::time::Duration;

use pi_auth_core::callback::Page;
use pi_auth_core::error::Error;
use pi_auth_core::flow::{Countdown, Effect, Event, LOCK_ACTIVITY, Output, Request};

use crate::browser::Opening;
use crate::callback::{Callback, Visit};
use crate::clock::now_ms;
use crate::engine::{Core, Engine};
use crate::http::Clients;
use crate::interaction::{Answer, Interaction};
use crate::stop::Stop;
use crate::store::{Held, Moment, Spares, Store};

/// How long something may take before the person is told what it is.
const QUIET: Duration = Duration::from_secs(1);

/// A flow under way, and what it holds.
pub(crate) struct Driver {
    /// True to check owners only of a file that is open to others.
    is_quick: bool,
    flow: Engine,
    /// The effect to perform next.
    effect: Effect,
    store: Store,
    clients: Clients,
    stop: Stop,
    /// True if the person sees how much time there is.
    counting: bool,
    /// The lock; released when the driver is dropped.
    held: Option<Held>,
    /// Descriptors that are held from the probe until the lock is taken: while a person logs in,
    /// there is no lock to hold any with.
    spares: Spares,
    callback: Option<Callback>,
    /// The browser that brought the last callback, and still waits for its page.
    visit: Option<Visit>,
    /// A browser that was started and may still fail, and the address that is told then.
    opening: Option<(Opening, String)>,
}

impl Driver {
    pub(crate) fn start(core: &Core, request: Request, store: Store, stop: Stop) -> Self {
        // A fresh token costs one open of one file.
        let is_quick = matches!(request, Request::Token(_) | Request::Headers(_));
        let (flow, effect) = Engine::start(core, request);
        Driver {
            is_quick,
            flow,
            effect,
            store,
            clients: Clients::default(),
            stop,
            counting: false,
            held: None,
            spares: Spares::default(),
            callback: None,
            visit: None,
            opening: None,
        }
    }

    /// Goes as far as mere reading leads: to the result, or to `None` where more is needed. Needs
    /// no async runtime, takes no lock, writes nothing.
    pub(crate) fn run_local(&mut self) -> Option<Result<Output, Error>> {
        loop {
            let event = match &self.effect {
                Effect::Done { output } => return Some(Ok(output.clone())),
                Effect::Failed { error } => return Some(Err(error.clone())),
                Effect::ReadStore if self.held.is_none() => self.read(),
                Effect::ReadOverrides => self.store.read_overrides(),
                Effect::ReadVariable { name } => variable(name),
                _ => return None,
            };
            self.effect = self.flow.step(event, now_ms());
        }
    }

    /// Goes to the end.
    pub(crate) async fn run(mut self, interaction: &mut impl Interaction) -> Result<Output, Error> {
        let result = loop {
            // Moved, since a copy of a request with secrets would not be wiped by who sends it.
            let effect = std::mem::replace(&mut self.effect, Effect::UnlockStore);
            self.tell_of_browser(interaction).await;
            self.keep_counting(&effect, interaction);
            let event = match effect {
                Effect::Done { output } => break Ok(output),
                Effect::Failed { error } => break Err(error),
                effect => self.answer(effect, interaction).await,
            };
            self.effect = self.flow.step(event, now_ms());
        };
        // The lock first: a browser may take its time.
        self.held = None;
        self.dismiss(&result).await;
        result
    }

    fn read(&self) -> Event {
        match self.is_quick {
            true => self.store.read(),
            false => self.store.read_closely(),
        }
    }

    /// Performs an effect. Between a request that the provider acts upon only once and the file,
    /// a request to stop has to wait.
    async fn answer(&mut self, effect: Effect, interaction: &mut impl Interaction) -> Event {
        let stop = self.stop.clone();
        if self.flow.is_critical() {
            return self.perform(effect, interaction).await;
        }
        tokio::select! {
            biased;
            () = stop.asked() => Event::Cancelled,
            event = self.perform(effect, interaction) => event,
        }
    }

    async fn perform(&mut self, effect: Effect, interaction: &mut impl Interaction) -> Event {
        match effect {
            Effect::Http { request, activity, countdown } => {
                let answer = self.clients.send(request);
                match countdown {
                    Some(countdown) => counted_down(answer, &countdown, interaction).await,
                    None => waited_for(answer, &activity, interaction).await,
                }
            }
            Effect::ReadOverrides => self.store.read_overrides(),
            Effect::ReadStore => match &mut self.held {
                Some(held) => self.store.read_held(held),
                None => {
                    self.spares.release();
                    let event = self.read();
                    self.spares.retake();
                    event
                }
            },
            Effect::ProbeStore => {
                let probing = self.store.probe(&mut self.spares);
                waited_for(probing, LOCK_ACTIVITY, interaction).await
            }
            Effect::LockStore => self.lock(interaction).await,
            Effect::UnlockStore => {
                self.held = None;
                Event::Unlocked
            }
            Effect::WriteStore { contents, unlocked } => {
                let held = self.held.as_mut();
                self.spares.lend(|| self.store.write(held, &contents, unlocked))
            }
            Effect::ReadBackoff => self.store.read_backoff(),
            Effect::WriteBackoff { contents } => {
                self.store.write_backoff(self.held.as_mut(), &contents)
            }
            Effect::ReadVariable { name } => variable(&name),
            Effect::Listen { on, preferred_port, path } => {
                // Made first: nobody is to be let in before the code could be exchanged.
                if let Err(failure) = self.clients.prepare() {
                    return Event::TransportFailed { failure };
                }
                match Callback::listen(on, preferred_port, &path).await {
                    Err(_) => Event::ListenFailed,
                    Ok(callback) => {
                        let port = callback.port();
                        self.callback = Some(callback);
                        Event::Listening { port }
                    }
                }
            }
            Effect::Authorize(page) => self.authorize(&page, interaction).await,
            Effect::AwaitCallback { state, activity, until_ms } => {
                interaction.waiting(Some(&activity));
                let event = self.await_callback(&state, until_ms, interaction).await;
                interaction.waiting(None);
                event
            }
            Effect::Select { message, options, remark } => {
                match interaction.select(&message, &options, remark.as_deref()).await {
                    Answer::Given(index) => Event::Chosen { index },
                    Answer::Ended => Event::InputEnded,
                    Answer::Cancelled => Event::Cancelled,
                }
            }
            Effect::Confirm { message } => match interaction.confirm(&message).await {
                Answer::Given(yes) => Event::Confirmed { yes },
                Answer::Ended => Event::InputEnded,
                Answer::Cancelled => Event::Cancelled,
            },
            Effect::Prompt { message, problem } => {
                match interaction.prompt(&message, problem.as_deref()).await {
                    Answer::Given(text) => Event::Answered { text },
                    Answer::Ended => Event::InputEnded,
                    Answer::Cancelled => Event::Cancelled,
                }
            }
            Effect::ShowCode(code) => self.show_code(&code, interaction),
            Effect::WaitUntil { at_ms, countdown } => {
                let left = Duration::from_millis(at_ms.saturating_sub(now_ms()));
                let sleep = tokio::time::sleep(left);
                match countdown {
                    Some(countdown) => counted_down(sleep, &countdown, interaction).await,
                    None => sleep.await,
                }
                Event::Woke
            }
            // `run` takes the ends; an effect that is newer than this host has no answer.
            _ => Event::Cancelled,
        }
    }

    /// A count-down goes on from one effect to the next, as long as they have one.
    fn keep_counting(&mut self, next: &Effect, interaction: &mut impl Interaction) {
        let counts = matches!(
            next,
            Effect::WaitUntil { countdown: Some(_), .. } | Effect::Http { countdown: Some(_), .. }
        );
        if std::mem::replace(&mut self.counting, counts) && !counts {
            interaction.counting_down(None);
        }
    }

    async fn lock(&mut self, interaction: &mut impl Interaction) -> Event {
        let moment = match self.flow.is_critical() {
            true => Moment::AnswerInHand,
            false => Moment::BeforeRequest,
        };
        self.spares.release();
        let holding = self.store.hold(&mut self.held, moment);
        match waited_for(holding, LOCK_ACTIVITY, interaction).await {
            Ok(()) => {
                // From here on the lock has its own.
                self.spares = Spares::default();
                Event::Locked
            }
            Err(event) => {
                self.spares.retake();
                event
            }
        }
    }

    /// Gives the browser its page, and closes the door.
    async fn dismiss(&mut self, result: &Result<Output, Error>) {
        let (visit, callback) = (self.visit.take(), self.callback.take());
        if let Some(visit) = visit {
            visit.answer(match result {
                Ok(Output::LoggedIn { provider, .. }) => Page::LoggedIn(provider.name.clone()),
                _ => Page::Failed,
            });
            if let Some(callback) = callback {
                callback.delivered().await;
            }
        }
    }
}

fn variable(name: &str) -> Event {
    Event::Variable { value: std::env::var(name).ok().map(Into::into) }
}

/// Awaits `work`, and tells what it is when it takes more than a moment.
pub(crate) async fn waited_for<T>(
    work: impl Future<Output = T>,
    activity: &str,
    interaction: &mut impl Interaction,
) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(QUIET, &mut work).await {
        return done;
    }
    interaction.waiting(Some(activity));
    let done = work.await;
    interaction.waiting(None);
    done
}

/// Awaits `work`, and tells every second how long the person still has.
async fn counted_down<T>(
    work: impl Future<Output = T>,
    countdown: &Countdown,
    interaction: &mut impl Interaction,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        let left = Duration::from_millis(countdown.until_ms.saturating_sub(now_ms()));
        interaction.counting_down(Some((&countdown.message, left)));
        if let Ok(done) = tokio::time::timeout(Duration::from_secs(1), &mut work).await {
            return done;
        }
    }
}
