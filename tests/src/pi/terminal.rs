//! A terminal with a program in it, and somebody who looks at it and presses keys.

use std::fs::OpenOptions;
use std::io::{Read as _, Write};
use std::num::NonZero;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Home, PATIENCE, binary, watch};
use portable_pty::{Child, CommandBuilder, ExitStatus, PtyPair, PtySize, native_pty_system};
use rustix::fs::OFlags;

const SIZE: PtySize = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };

/// What is written to it when its program has ended.
const END: u8 = 0;

/// What each prompt of `pi` begins with: it asks for brackets around what is pasted.
const OPENING: &str = "\x1b[?2004h";

/// A terminal in which a program runs, as the leader of its session.
pub struct Terminal {
    pair: PtyPair,
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    seen: Arc<Mutex<Seen>>,
    /// What it was given by its keys, without white space.
    typed: String,
    /// How many prompts had been opened when a key was pressed last.
    prompts: usize,
    /// True if it is `pi`, which is held to its promises, and not to print a token.
    is_watched: bool,
    /// How the terminal was set before.
    settings: String,
    deadline: Instant,
}

struct Seen {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

impl Terminal {
    /// Runs `pi ARGUMENTS` with these variables beside the home's own.
    pub fn run(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::open(SIZE, home, binary(), arguments, variables)
    }

    /// Runs any program so, in a terminal of this size.
    pub fn open(
        size: PtySize,
        home: &Home,
        program: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let pair = native_pty_system().openpty(size).expect("there is a free terminal");
        let settings = settings(&pair);
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(home.path());
        command.env_clear();
        command.env("TERM", "xterm-256color");
        for (name, value) in home.environment() {
            command.env(name, value);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("it starts");
        let mut screen = pair.master.try_clone_reader().expect("it can be read");
        let keyboard = pair.master.take_writer().expect("it can be written");
        let [rows, columns] =
            [size.rows, size.cols].map(|it| NonZero::new(it).expect("it has a size"));
        let parser = vt100::Parser::new(rows, columns, 1000);
        let seen = Arc::new(Mutex::new(Seen { screen: parser, bytes: Vec::new() }));
        let told = Arc::clone(&seen);
        // It ends with the terminal.
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut chunk) {
                let mut seen = told.lock().unwrap_or_else(PoisonError::into_inner);
                seen.screen.process(&chunk[..length]);
                seen.bytes.extend_from_slice(&chunk[..length]);
            }
        });
        let is_watched = program == binary() && !watch::prints_token(arguments);
        let (typed, deadline) = (String::new(), Instant::now() + PATIENCE);
        Self { pair, child, keyboard, seen, typed, prompts: 0, is_watched, settings, deadline }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.typed.extend(keys.chars().filter(|c| !c.is_whitespace()));
        self.prompts = self.bytes().matches(OPENING).count();
        self.keyboard
            .write_all(keys.as_bytes())
            .and_then(|()| self.keyboard.flush())
            .expect("it takes keys");
    }

    /// Pastes a text, as a terminal with bracketed paste does.
    pub fn paste(&mut self, text: &str) {
        assert!(self.seen().screen.screen().bracketed_paste(), "nobody asked for brackets");
        self.press(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.seen().screen.screen().contents()
    }

    /// Every byte that was written to it.
    pub fn bytes(&self) -> String {
        String::from_utf8_lossy(&self.seen().bytes).into_owned()
    }

    /// Waits until this is on the screen.
    #[track_caller]
    pub fn see(&mut self, text: &str) {
        while !self.screen().contains(text) {
            self.pause(text);
        }
    }

    /// Waits until a prompt is open: keys arrive one by one.
    #[track_caller]
    pub fn see_prompt(&mut self, text: &str) {
        self.see(text);
        while settings(&self.pair) == self.settings {
            self.pause("an open prompt");
        }
    }

    /// Waits until `pi` has answered the last key with another prompt. That the text is on the
    /// screen would not tell: the prompt that was there before it may have had the same.
    #[track_caller]
    pub fn see_another_prompt(&mut self, text: &str) {
        while !self.bytes().split(OPENING).skip(self.prompts + 1).any(|it| it.contains(text)) {
            self.pause("another prompt");
        }
    }

    /// The address of the authorize page, which may be wrapped on the screen.
    #[track_caller]
    pub fn authorize_url(&mut self) -> String {
        loop {
            let bytes = self.bytes();
            if let Some(at) = bytes.find("http")
                && let Some(length) =
                    bytes[at..].find(|c: char| c.is_whitespace() || c.is_control())
            {
                return bytes[at..at + length].to_owned();
            }
            self.pause("an authorization URL");
        }
    }

    /// Waits for its end, and asserts its exit code and that the terminal is as it was.
    #[track_caller]
    pub fn exits(&mut self, code: u32) {
        let status = self.end();
        self.hear_all();
        assert_eq!(status.exit_code(), code, "{}", self.screen());
        self.keeps_the_promises();
        assert_eq!(settings(&self.pair), self.settings, "the terminal is set otherwise");
        let seen = self.seen();
        let screen = seen.screen.screen();
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "pastes are bracketed");
        assert!(!screen.alternate_screen(), "another screen is shown");
        assert_eq!(screen.cursor_position().1, 0, "the shell's prompt would not begin a line");
    }

    /// Waits for its last words, which may still be on their way: what is written after them comes
    /// after them. A terminal does nothing at a NUL.
    #[track_caller]
    fn hear_all(&mut self) {
        let path = self.pair.master.tty_name().expect("it has a name");
        // Without the flag it could become this process's own.
        let flag = i32::try_from(OFlags::NOCTTY.bits()).expect("flags fit");
        let opened = OpenOptions::new().write(true).custom_flags(flag).open(path);
        let written = opened.and_then(|mut terminal| terminal.write_all(&[END]));
        written.expect("it can be written to");
        loop {
            let end = self.seen().bytes.iter().rposition(|byte| *byte == END);
            if let Some(end) = end {
                self.seen().bytes.remove(end);
                return;
            }
            self.pause("its last words");
        }
    }

    /// It obeyed nobody but `pi`, and shows no secret that was not typed.
    #[track_caller]
    fn keeps_the_promises(&self) {
        let bytes = self.bytes();
        let control = watch::control(&watch::without_ours(&bytes)).filter(|_| self.is_watched);
        assert!(control.is_none(), "a control character: {control:?} in {bytes:?}");
        let secret = watch::secret(&bytes, |secret| self.typed.contains(secret));
        let secret = secret.filter(|_| self.is_watched);
        assert!(secret.is_none(), "a secret: {secret:?} in {bytes:?}");
    }

    /// Waits until a signal of this name has ended it, and asserts that the terminal is as it was.
    #[track_caller]
    pub fn ends_by(&mut self, signal: &str) {
        let status = self.end();
        assert_eq!(status.signal(), Some(signal), "{}", self.screen());
        assert_eq!(settings(&self.pair), self.settings, "the terminal is set otherwise");
    }

    #[track_caller]
    fn end(&mut self) -> ExitStatus {
        loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => return status,
                None => self.pause("its end"),
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn pause(&mut self, what: &str) {
        if Instant::now() > self.deadline {
            panic!("waited in vain for {what}; the screen shows:\n{}", self.screen());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(pair: &PtyPair) -> String {
    format!("{:?}", pair.master.get_termios().expect("it has settings"))
}
