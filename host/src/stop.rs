//! A request to stop, heeded where nothing can be lost.

use std::sync::Arc;

use tokio::sync::watch;

/// A switch that asks running jobs to stop. Clones share it.
///
/// A job stops with [`Error::Cancelled`](crate::Error::Cancelled) at once, except between a request
/// that the provider acts upon only once and the file: there it goes on until the answer is stored.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Stop(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Asks for it. There is no way back.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether it was asked for.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub(crate) async fn asked(&self) {
        let mut receiver = self.0.subscribe();
        // It cannot fail: `self` holds the sender.
        let _ = receiver.wait_for(|asked| *asked).await;
    }
}
