//! Answers as lines of standard input, for whoever is not at a terminal.

use std::io::{BufRead, Read};
use std::thread;

use pi_auth::Answer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The longest line that is taken whole, in bytes; the core refuses a quarter of it.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// The lines of standard input, read by a thread once the first one is wanted.
///
/// The thread blocks until input comes or ends, which may be never: it ends with the process.
#[derive(Default)]
pub(crate) struct Lines(Option<UnboundedReceiver<String>>);

impl Lines {
    /// The next line without its end.
    pub(crate) async fn next(&mut self) -> Answer<String> {
        match self.0.get_or_insert_with(read).recv().await {
            Some(line) => Answer::Given(line),
            None => Answer::Ended,
        }
    }
}

fn read() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match (&mut stdin).take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    receiver
}
