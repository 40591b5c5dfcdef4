//! A module in a process of its own, which takes a call a line and gives its answer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pi_auth_tests::npm::module;
use pi_auth_tests::vectors::{Engine, Turn};
use serde_json::{Value, json};

use crate::build;

/// The process; it ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The flow under way, until it ends.
    handle: Option<Value>,
}

impl Process {
    /// In wasmtime: `host/examples/engine.rs`.
    pub(crate) fn wasmtime() -> Self {
        let mut engine = Command::new(build::wasmtime());
        engine.arg(module());
        Self::start(engine)
    }

    /// In Node, by one of the module's doors: `tests/conformance/run.mjs`.
    pub(crate) fn node(door: &str) -> Self {
        let mut node = Command::new("node");
        node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/run.mjs"));
        node.arg(door).arg(module().parent().unwrap());
        Self::start(node)
    }

    fn start(mut command: Command) -> Self {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (calls, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, calls, answers: BufReader::new(answers), handle: None }
    }

    fn call(&mut self, call: &Value) {
        self.calls.write_all(format!("{call}\n").as_bytes()).unwrap();
    }

    /// Makes a call that is not answered.
    pub(crate) fn tell(&mut self, call: &Value) {
        self.call(call);
    }

    /// Makes a call, and gives the answer as it came.
    pub(crate) fn ask(&mut self, call: &Value) -> String {
        self.call(call);
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line
    }

    fn answer(&mut self) -> Turn {
        let line = self.line();
        let mut answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error} in the answer {line:?}"));
        self.handle = answer.get("handle").cloned();
        let effect = answer["effect"].take();
        let has_ended = matches!(effect["type"].as_str(), Some("done" | "failed"));
        assert_eq!(self.handle.is_none(), has_ended, "{line}");
        let critical = answer["critical"].as_bool();
        Turn { effect, critical: critical.unwrap_or_else(|| panic!("it is no turn: {line}")) }
    }
}

impl Engine for Process {
    fn start(&mut self, request: &Value) -> Turn {
        if let Some(handle) = self.handle.take() {
            self.call(&json!({ "drop": handle }));
        }
        self.call(&json!({ "start": request.to_string() }));
        self.answer()
    }

    fn step(&mut self, event: &Value, now_ms: u64) -> Turn {
        let (step, handle) = (event.to_string(), self.handle.clone());
        self.call(&json!({ "step": step, "handle": handle, "now_ms": now_ms }));
        self.answer()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
