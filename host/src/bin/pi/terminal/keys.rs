//! The keys a person presses, one at a time and only when asked for.
//!
//! Reading a terminal blocks, so a thread does it. It reads one event per request: what was typed
//! ahead waits for the next prompt. It ends with [`Keys`].
//!
//! This needs crossterm's feature `use-dev-tty`: its other reader stops after the first 1024 bytes
//! of a paste that comes as keys, and spins for ever once the terminal is gone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event};
use rustix::termios;
use tokio::sync::mpsc as answers;

/// How long the thread goes without looking whether it is still wanted.
const TICK: Duration = Duration::from_millis(40);

/// How long to wait for the thread to end. Only a control sequence that has come in half keeps it
/// longer than a [`TICK`], inside a read that nothing can interrupt.
const GRACE: Duration = Duration::from_millis(100);

/// What came of waiting for the terminal.
#[derive(Debug)]
pub(super) enum Heard {
    Event(Event),
    /// Nothing, for as long as one would wait.
    Silence,
    /// Nothing ever again: the terminal is gone.
    HungUp,
}

/// The reader of the controlling terminal, which must be in raw mode.
pub(super) struct Keys {
    asks: Option<mpsc::Sender<Option<Duration>>>,
    heard: answers::UnboundedReceiver<io::Result<Heard>>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    /// `input` is the terminal that the events come from.
    pub(super) fn listen(input: OwnedFd) -> io::Result<Self> {
        let (asks, asked) = mpsc::channel();
        let (tell, heard) = answers::unbounded_channel();
        let thread = thread::Builder::new().name("keys".into()).spawn(move || {
            while let Ok(patience) = asked.recv() {
                let Some(heard) = hear(&input, patience, &asked) else { return };
                if tell.send(heard).is_err() {
                    return;
                }
            }
        })?;
        Ok(Keys { asks: Some(asks), heard, thread: Some(thread) })
    }

    /// The next event; waits for `patience`, or for as long as it takes.
    pub(super) async fn next(&mut self, patience: Option<Duration>) -> io::Result<Heard> {
        let gone = || io::Error::other("the terminal's reader has ended");
        self.asks.as_ref().ok_or_else(gone)?.send(patience).map_err(|_| gone())?;
        self.heard.recv().await.ok_or_else(gone)?
    }

    /// Ends the thread, so that later keys are for somebody else.
    pub(super) fn stop(&mut self) {
        self.asks = None;
        let Some(thread) = self.thread.take() else { return };
        let deadline = Instant::now() + GRACE;
        while !thread.is_finished() {
            if Instant::now() > deadline {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        // A panic has been reported by then, and the prompt is over either way.
        let _ = thread.join();
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stop();
    }
}

/// `None` once nobody wants to know any more.
fn hear(
    input: &impl AsFd,
    patience: Option<Duration>,
    asked: &mpsc::Receiver<Option<Duration>>,
) -> Option<io::Result<Heard>> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    let unwanted = || asked.try_recv() == Err(mpsc::TryRecvError::Disconnected);
    while !unwanted() {
        let now = Instant::now();
        let left = deadline.map_or(TICK, |deadline| deadline.saturating_duration_since(now));
        if left.is_zero() {
            return Some(Ok(Heard::Silence));
        }
        // A terminal that is gone reads as empty or as an error; only this tells it from a quiet
        // one.
        let hung_up = || termios::tcgetattr(input).is_err();
        match event::poll(left.min(TICK)) {
            // Until it is read, an event is still there for the next prompt.
            Ok(true) if unwanted() => {}
            Ok(true) => return Some(event::read().map(Heard::Event)),
            _ if hung_up() => return Some(Ok(Heard::HungUp)),
            Ok(false) => {}
            Err(error) => return Some(Err(error)),
        }
    }
    None
}
