//! The vectors, in every engine.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pi_auth_tests::vectors::{self, Engine, Native, Turn};
use serde_json::{Value, json};

use crate::build;

#[test]
fn every_engine_does_what_every_vector_says() {
    let native = run("native", &mut Native::default());
    let wasmtime = run("wasm in wasmtime", &mut Process::wasmtime());
    let raw = run("wasm in node, raw", &mut Process::node("raw"));
    let javascript = run("wasm in node, JavaScript's door", &mut Process::node("javascript"));
    assert!(native > 0);
    assert_eq!([wasmtime, raw, javascript], [native; 3]);
}

/// How many vectors `engine` has run. All of them hold.
fn run(name: &str, engine: &mut impl Engine) -> usize {
    let mut count = 0;
    for file in vectors::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")) {
        for vector in file.vectors {
            let actual = vectors::run(engine, &vector);
            let name = format!("{name}: {}/{}", file.flow, vector.name);
            vectors::compare(&name, &vector.steps, &actual);
            count += 1;
        }
    }
    // Past the test runner, which shows only failures.
    std::io::stderr().write_all(format!("{count} vectors: {name}\n").as_bytes()).unwrap();
    count
}

/// A module in a process that takes a call a line and gives its answer.
struct Process {
    child: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The flow under way, until it ends.
    handle: Option<Value>,
}

impl Process {
    fn wasmtime() -> Self {
        let mut engine = Command::new(build::wasmtime());
        engine.arg(build::module().join("pi_auth.wasm"));
        Self::start(engine)
    }

    fn node(door: &str) -> Self {
        let mut node = Command::new("node");
        node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/run.mjs"));
        node.arg(door).arg(build::module());
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

    fn answer(&mut self) -> Turn {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error} in the answer {line:?}"));
        self.handle = answer.get("handle").cloned();
        let effect = answer["effect"].take();
        let has_ended = matches!(effect["type"].as_str(), Some("done" | "failed"));
        assert_eq!(self.handle.is_none(), has_ended, "{line}");
        Turn { effect, critical: answer["critical"].as_bool().unwrap() }
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
