//! The connections to the callback server: so many, and the oldest unfinished one goes first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pi_auth_core::callback::MAX_CONNECTIONS;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long each connection has to send its request before it makes room for another: a browser on
/// this machine sends it at once, and a crowd that comes in one moment must not push it out.
const GRACE: Duration = Duration::from_millis(50);

/// The open connections, the oldest first.
#[derive(Default)]
pub(super) struct Connections(Mutex<VecDeque<Connection>>);

struct Connection {
    task: JoinHandle<()>,
    since: Instant,
    /// Set once its request is there as a whole.
    has_asked: Arc<AtomicBool>,
}

impl Connections {
    /// Waits until there is room for one more. Where there are too many, the oldest that has not
    /// sent its whole request is closed, or else the oldest.
    pub(super) async fn make_room(&self) {
        while let Err(until) = self.try_make_room() {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Makes room at once, or tells when to try again.
    fn try_make_room(&self) -> Result<(), Instant> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| !connection.task.is_finished());
        if (open.len() as u64) < MAX_CONNECTIONS {
            return Ok(());
        }
        let unfinished = open.iter().position(|it| !it.has_asked.load(Relaxed)).unwrap_or(0);
        let since = open.get(unfinished).map_or_else(Instant::now, |it| it.since);
        let until = since + GRACE;
        if Instant::now() < until {
            return Err(until);
        }
        if let Some(oldest) = open.remove(unfinished) {
            oldest.task.abort();
        }
        Ok(())
    }

    /// Adds the connection that `serve` begins to serve.
    pub(super) fn add(&self, serve: impl FnOnce(Arc<AtomicBool>) -> JoinHandle<()>) {
        let has_asked = Arc::new(AtomicBool::new(false));
        let task = serve(Arc::clone(&has_asked));
        let connection = Connection { task, since: Instant::now(), has_asked };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(connection);
    }
}
