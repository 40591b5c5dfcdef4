//! The vectors in `tests/vectors`: every flow as a script of events, with the exact effects that
//! must come. Whatever runs the core is held to them.
//!
//! A vector is a claim in words, a request, and steps: the effect that must come, whether it is
//! critical, and the event that answers it at a time.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops and says why"
)]

use std::fs;
use std::path::{Path, PathBuf};

use pi_auth_core::flow::{Effect, Event, Flow, Request};
use pi_auth_core::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The time of every step that names none.
const NOW_MS: u64 = 1_700_000_000_000;

/// The files of vectors, by what they are about.
const FILES: [&str; 10] = [
    "copilot_login",
    "copilot_token",
    "credential",
    "device_login",
    "headers",
    "login",
    "logout",
    "own_providers",
    "status",
    "token",
];

/// A flow as a script.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What it is called in its file.
    pub name: String,
    /// What it claims, in words.
    pub claim: String,
    /// The request.
    pub start: Value,
    /// Effects and events in turn.
    pub steps: Vec<Step>,
}

/// An effect, and the event that answers it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the flow asks for.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub effect: Value,
    /// True if a host must wait for the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub critical: bool,
    /// When it is answered, in epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now_ms: Option<u64>,
    /// The answer; null at the end.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub event: Value,
}

/// A file of vectors.
#[derive(Debug)]
pub struct Vectors {
    /// The file.
    pub path: PathBuf,
    /// What they are about.
    pub flow: &'static str,
    /// What is in it.
    pub vectors: Vec<Vector>,
}

/// Reads all vectors from the folder they are in.
///
/// # Panics
/// When there is something in it that is not in the list, or the other way round.
pub fn read(directory: &Path) -> Vec<Vectors> {
    let there = fs::read_dir(directory).expect("there are vectors").count();
    assert_eq!(there, FILES.len(), "a file of vectors that is not in the list is not run");
    let read = |flow| {
        let path = directory.join(flow).with_extension("json");
        let text = fs::read_to_string(&path).expect("a file of vectors can be read");
        let vectors = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Vectors { path, flow, vectors }
    };
    FILES.map(read).into()
}

/// What an engine gives when it has begun a flow, or taken an event.
#[derive(Debug)]
pub struct Turn {
    /// What the flow asks for.
    pub effect: Value,
    /// True if a host must wait for the answer.
    pub critical: bool,
}

/// What runs the core, one flow at a time.
pub trait Engine {
    /// Begins a flow, and gives up the one before it.
    fn start(&mut self, request: &Value) -> Turn;
    /// Hands an event over.
    fn step(&mut self, event: &Value, now_ms: u64) -> Turn;
}

/// What `engine` does with the events of `vector`: the same steps, with the effects it gave, and
/// one more for the effect that no event answers. Where it ends too early, so do the steps.
pub fn run(engine: &mut dyn Engine, vector: &Vector) -> Vec<Step> {
    let mut turn = engine.start(&vector.start);
    let mut steps = Vec::new();
    for step in vector.steps.iter().filter(|step| !step.event.is_null()) {
        if matches!(turn.effect["type"].as_str(), Some("done" | "failed")) {
            break;
        }
        let Turn { effect, critical } = turn;
        steps.push(Step { effect, critical, now_ms: step.now_ms, event: step.event.clone() });
        turn = engine.step(&step.event, step.now_ms.unwrap_or(NOW_MS));
    }
    let Turn { effect, critical } = turn;
    steps.push(Step { effect, critical, now_ms: None, event: Value::Null });
    steps
}

/// Holds the steps of an engine to those of a vector.
///
/// # Panics
/// When they differ, telling the first line in which they do.
pub fn compare(name: &str, expected: &[Step], actual: &[Step]) {
    if let Some(difference) = difference(expected, actual) {
        panic!("{name}: {difference}");
    }
}

/// The first line in which two scripts differ, if there is one.
pub fn difference(expected: &[Step], actual: &[Step]) -> Option<String> {
    let pretty = |steps: &[Step]| serde_json::to_string_pretty(steps).expect("it is JSON");
    let (expected, actual) = (pretty(expected), pretty(actual));
    if expected == actual {
        return None;
    }
    let at = expected.lines().zip(actual.lines()).position(|(e, a)| e != a).unwrap_or_default();
    let line = |text: &str| text.lines().nth(at).unwrap_or("(nothing)").trim().to_owned();
    Some(format!("expected {}\nbut got {}", line(&expected), line(&actual)))
}

/// The core as it is linked into a program.
#[derive(Debug, Default)]
pub struct Native(Option<Flow>);

impl Engine for Native {
    fn start(&mut self, request: &Value) -> Turn {
        let request: Request = json::from_str(&request.to_string()).expect("it is a request");
        let (flow, effect) = Flow::start(request);
        turn(self.0.insert(flow), &effect)
    }

    fn step(&mut self, event: &Value, now_ms: u64) -> Turn {
        let event: Event = json::from_str(&event.to_string()).expect("it is an event");
        let flow = self.0.as_mut().expect("a flow was started");
        let effect = flow.step(event, now_ms);
        turn(flow, &effect)
    }
}

fn turn(flow: &Flow, effect: &Effect) -> Turn {
    let effect = serde_json::from_str(&json::to_string(effect)).expect("it is JSON");
    Turn { effect, critical: flow.is_critical() }
}
