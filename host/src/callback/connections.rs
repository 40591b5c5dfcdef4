//! The connections to the callback server: so many, and the oldest unfinished one goes first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use pi_auth_core::callback::MAX_CONNECTIONS;
use tokio::task::JoinHandle;

/// The open connections, the oldest first.
#[derive(Default)]
pub(super) struct Connections(Mutex<VecDeque<Connection>>);

struct Connection {
    task: JoinHandle<()>,
    /// Whether its request is there as a whole.
    has_asked: Arc<AtomicBool>,
}

impl Connections {
    /// Adds the connection that `serve` begins to serve. Where there are too many, the oldest that
    /// has not sent its whole request is closed, or else the oldest.
    pub(super) fn add(&self, serve: impl FnOnce(Arc<AtomicBool>) -> JoinHandle<()>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| !connection.task.is_finished());
        while open.len() as u64 >= MAX_CONNECTIONS {
            let unfinished = open.iter().position(|it| !it.has_asked.load(Relaxed));
            let Some(oldest) = open.remove(unfinished.unwrap_or(0)) else { break };
            oldest.task.abort();
        }
        let has_asked = Arc::new(AtomicBool::new(false));
        let task = serve(Arc::clone(&has_asked));
        open.push_back(Connection { task, has_asked });
    }
}
