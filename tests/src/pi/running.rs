//! A `pi` that runs: what it says, what it is told, how it ends, and by when.

use std::fmt;
use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::Value;

use super::PATIENCE;
use super::watch::{self, Watch};

/// A process that runs. Dropped before its end, it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    shown: String,
    prints_token: bool,
    watch: Watch,
    /// The values of its variables.
    given: Vec<String>,
    stdin: Option<ChildStdin>,
    stdout: Heard,
    stderr: Heard,
    deadline: Instant,
}

impl Running {
    pub(super) fn start(mut command: Command, watch: Watch) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let arguments: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        let shown = format!("pi {}", arguments.join(" "));
        let prints_token = watch::prints_token(&arguments);
        let values = command.get_envs().filter_map(|(_, value)| value);
        let given = values.map(|value| value.to_string_lossy().into_owned()).collect();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        Self {
            stdin: child.stdin.take(),
            stdout: Heard::listen(child.stdout.take().expect("stdout is piped")),
            stderr: Heard::listen(child.stderr.take().expect("stderr is piped")),
            child,
            shown,
            prints_token,
            watch,
            given,
            deadline: Instant::now() + PATIENCE,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Returns whether it still runs. One that runs past its deadline is killed.
    #[track_caller]
    pub fn runs(&mut self) -> bool {
        let runs = self.is_running();
        if runs {
            self.keeps_its_deadline("its end");
        }
        runs
    }

    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Writes to its standard input. One that has ended does not read it.
    pub fn write(&mut self, text: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush());
        }
    }

    /// Ends its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits until something is found in what it has written to standard error.
    #[track_caller]
    pub fn hear<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        self.listen(what, |running| find(&running.stderr()))
    }

    /// Waits until something is found in what it has written to standard output.
    #[track_caller]
    pub fn read<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        self.listen(what, |running| find(&running.stdout()))
    }

    /// The address of the authorize page, which it writes to standard error as a word of its own.
    #[track_caller]
    pub fn authorize_url(&mut self) -> String {
        self.authorize_url_or_end()
            .unwrap_or_else(|| panic!("{self}\nended without an authorization URL"))
    }

    /// The same; `None` where it ends without.
    #[track_caller]
    pub fn authorize_url_or_end(&mut self) -> Option<String> {
        self.find_or_end("an authorization URL", |running| {
            // A line that has no end may be cut; one that ends so is what a slow machine waits for.
            let stderr = running.stderr();
            let complete = &stderr[..stderr.rfind('\n')?];
            let mut lines = complete.lines().filter(|line| !line.ends_with("..."));
            lines.find_map(|line| line[line.find("http")?..].split(' ').next().map(str::to_owned))
        })
    }

    /// Waits for an event of this type, with `--json`.
    #[track_caller]
    pub fn event(&mut self, wanted: &str) -> Value {
        self.read(wanted, |stdout| {
            // A line that has no end may be cut.
            let complete = &stdout[..stdout.rfind('\n').map_or(0, |at| at + 1)];
            events(complete).into_iter().find(|event| event["type"] == wanted)
        })
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let sent = kill_process(id.expect("a process has an id"), signal);
        sent.unwrap_or_else(|error| panic!("{}: no signal can be sent: {error}", self.shown));
    }

    /// Ends its input and waits for its end.
    #[track_caller]
    pub fn finish(mut self) -> Ended {
        self.close_stdin();
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None => self.pause("its end"),
            }
        };
        // What it has started may hold its output open.
        while !(self.stdout.is_complete() && self.stderr.is_complete()) {
            self.pause("the end of its output");
        }
        let shown = std::mem::take(&mut self.shown);
        let ended = Ended { shown, status, stdout: self.stdout(), stderr: self.stderr() };
        self.watch.plant_stored();
        ended.keeps_the_promises(self.prints_token);
        let problem = self.watch.problem(&self.given);
        assert!(problem.is_none(), "{}\n{ended}", problem.unwrap_or_default());
        ended
    }

    #[track_caller]
    fn listen<T>(&mut self, what: &str, find: impl Fn(&Self) -> Option<T>) -> T {
        self.find_or_end(what, find).unwrap_or_else(|| panic!("{self}\nended without {what}"))
    }

    #[track_caller]
    fn find_or_end<T>(&mut self, what: &str, find: impl Fn(&Self) -> Option<T>) -> Option<T> {
        loop {
            let over = !self.is_running() && self.stdout.is_complete() && self.stderr.is_complete();
            let found = find(self);
            if found.is_some() || over {
                return found;
            }
            self.pause(what);
        }
    }

    #[track_caller]
    fn pause(&mut self, what: &str) {
        self.keeps_its_deadline(what);
        thread::sleep(Duration::from_millis(2));
    }

    #[track_caller]
    fn keeps_its_deadline(&mut self, what: &str) {
        if Instant::now() > self.deadline {
            let _ = self.child.kill();
            panic!("{self}\nwaited in vain for {what}");
        }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        report(f, &self.shown, "runs", &self.stdout(), &self.stderr())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// How it ended, and all that it said.
#[derive(Debug, Clone)]
pub struct Ended {
    shown: String,
    status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// Its exit code; `None` where a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Its events, with `--json`: each line of its standard output is one.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        events(&self.stdout)
    }

    /// The types of its events.
    #[track_caller]
    pub fn event_types(&self) -> Vec<String> {
        let types =
            self.events().into_iter().map(|event| event["type"].as_str().map(str::to_owned));
        types.collect::<Option<_>>().unwrap_or_else(|| panic!("{self}\nan event without a type"))
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Asserts all of the standard output.
    #[track_caller]
    pub fn prints(&self, stdout: &str) -> &Self {
        assert_eq!(self.stdout, stdout, "{self}");
        self
    }

    /// Asserts that the standard error holds this.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "{self}\ndoes not say: {text}");
        self
    }

    /// Asserts that nothing was written to standard error, but for what a slow machine is told of
    /// what takes its time: `Refreshing the token of Anthropic...`.
    #[track_caller]
    pub fn is_quiet(&self) -> &Self {
        assert!(self.stderr.lines().all(|line| line.ends_with("...")), "{self}");
        self
    }

    #[track_caller]
    fn keeps_the_promises(&self, prints_token: bool) {
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let control = watch::control(text);
            assert!(control.is_none(), "a control character on {name}: {control:?}\n{self}");
            let secret =
                watch::secret(text, |_| false).filter(|_| !prints_token || name != "stdout");
            assert!(secret.is_none(), "a secret on {name}: {secret:?}\n{self}");
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        report(f, &self.shown, &self.status.to_string(), &self.stdout, &self.stderr)
    }
}

#[track_caller]
fn events(lines: &str) -> Vec<Value> {
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}\nis no event: {error}"))
    };
    lines.lines().map(parse).collect()
}

fn report(
    f: &mut fmt::Formatter<'_>,
    shown: &str,
    status: &str,
    stdout: &str,
    stderr: &str,
) -> fmt::Result {
    write!(f, "$ {shown}\n[{status}]\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
}

/// What has come out of a pipe so far.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<(Vec<u8>, bool)>>);

impl Heard {
    fn listen(mut pipe: impl Read + Send + 'static) -> Self {
        let heard = Self::default();
        let told = heard.clone();
        thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                told.lock().0.extend_from_slice(&chunk[..length]);
            }
            told.lock().1 = true;
        });
        heard
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().0).into_owned()
    }

    fn is_complete(&self) -> bool {
        self.lock().1
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<u8>, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
