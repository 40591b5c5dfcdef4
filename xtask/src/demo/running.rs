//! A `pi` that runs: what it says as it says it, and what is typed into it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::Result;

/// No step takes nearly as long; one that does will never end.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a `pi` that has ended said.
pub(super) struct Said {
    /// Its exit code.
    pub(super) code: i32,
    /// What it wrote to stdout.
    pub(super) stdout: String,
    /// What it wrote to stderr.
    pub(super) stderr: String,
}

/// A `pi` that runs.
pub(super) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: JoinHandle<String>,
    stderr: Receiver<String>,
    /// The lines of stderr so far.
    heard: String,
    deadline: Instant,
}

impl Running {
    /// Starts it, with nothing to read.
    pub(super) fn start(command: Command) -> Result<Self> {
        let mut running = Self::start_with_stdin(command)?;
        running.stdin = None;
        Ok(running)
    }

    /// Starts it, to be typed into.
    pub(super) fn start_with_stdin(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdout = child.stdout.take().ok_or("pi has no stdout")?;
        let stderr = BufReader::new(child.stderr.take().ok_or("pi has no stderr")?);
        let (say, heard) = mpsc::channel();
        // Text that is not UTF-8 ends here, and the claims about it fail.
        thread::spawn(move || {
            stderr.lines().map_while(|line| line.ok()).try_for_each(|line| say.send(line))
        });
        Ok(Self {
            stdin: child.stdin.take(),
            child,
            stdout: thread::spawn(move || {
                let mut text = String::new();
                let _ = stdout.read_to_string(&mut text);
                text
            }),
            stderr: heard,
            heard: String::new(),
            deadline: Instant::now() + PATIENCE,
        })
    }

    /// The next word on stderr that begins like this.
    pub(super) fn hear(&mut self, beginning: &str) -> Result<String> {
        while let Some(line) = self.next_line() {
            if let Some(word) = line.split_whitespace().find(|word| word.starts_with(beginning)) {
                return Ok(word.to_owned());
            }
        }
        let heard = self.heard.trim();
        self.child.kill()?;
        Err(format!("pi never said {beginning}...; it said:\n{heard}").into())
    }

    /// Types a line, and ends the input.
    pub(super) fn type_line(&mut self, line: &str) -> Result {
        let mut stdin = self.stdin.take().ok_or("pi takes no more input")?;
        Ok(writeln!(stdin, "{line}")?)
    }

    /// Waits for its end.
    pub(super) fn finish(mut self) -> Result<Said> {
        while self.next_line().is_some() {}
        let code = loop {
            match self.child.try_wait()? {
                Some(status) => break status.code().ok_or("pi was ended by a signal")?,
                None if Instant::now() < self.deadline => thread::sleep(Duration::from_millis(2)),
                None => {
                    self.child.kill()?;
                    let (patience, heard) = (PATIENCE.as_secs(), self.heard.trim());
                    return Err(format!("pi hung for {patience} s; it said:\n{heard}").into());
                }
            }
        };
        let stdout = self.stdout.join().map_err(|_| "what pi said was lost")?;
        Ok(Said { code, stdout, stderr: self.heard })
    }

    /// The next line of stderr; `None` once it is closed, or too late.
    fn next_line(&mut self) -> Option<String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let line = self.stderr.recv_timeout(left).ok()?;
        self.heard.push_str(&line);
        self.heard.push('\n');
        Some(line)
    }
}
