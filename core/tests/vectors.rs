//! Every flow, by the vectors in `tests/vectors`: scripts of events, and the exact effects expected.
//!
//! A vector is a claim in words, a request, and steps: the effect that must come, whether it is
//! critical, and the event that answers it at a time. With `PI_AUTH_BLESS=1` the files are written
//! anew from what this core does: read the difference before you commit it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::print_stdout)]

use std::fs;
use std::path::Path;

use pi_auth_core::flow::{Effect, Event, Flow, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The time of every step that names none.
const NOW_MS: u64 = 1_700_000_000_000;

/// The files of vectors, by what they are about.
const FILES: [&str; 9] = [
    "copilot_login",
    "copilot_token",
    "device_login",
    "headers",
    "login",
    "logout",
    "own_providers",
    "status",
    "token",
];

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    claim: String,
    start: Value,
    steps: Vec<Step>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default, skip_serializing_if = "Value::is_null")]
    effect: Value,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    critical: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    now_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    event: Value,
}

#[test]
fn every_flow_does_what_its_vectors_say() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let bless = blessing();
    let mut count = 0;
    for flow in FILES {
        let path = directory.join(flow).with_extension("json");
        let text = fs::read_to_string(&path).unwrap();
        let mut vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
        for vector in &mut vectors {
            let actual = run(vector);
            count += 1;
            if bless {
                vector.steps = actual;
            } else {
                compare(&format!("{flow}/{}", vector.name), &vector.steps, &actual);
            }
        }
        if bless {
            fs::write(&path, layout(&vectors)).unwrap();
        }
    }
    let there = fs::read_dir(&directory).unwrap().count();
    assert_eq!(there, FILES.len(), "a file of vectors that is not in the list is not run");
    println!("{count} vectors");
}

fn blessing() -> bool {
    std::env::var_os("PI_AUTH_BLESS").is_some()
}

/// The file as people read it and as it differs: a line for each effect, and one for each event.
fn layout(vectors: &[Vector]) -> String {
    let vectors: Vec<String> = vectors.iter().map(|vector| {
        let steps: Vec<String> = vector.steps.iter().map(|step| step.layout()).collect();
        format!(
            "  {{\n    \"name\": {},\n    \"claim\": {},\n    \"start\": {},\n    \"steps\": [\n{}\n    ]\n  }}",
            json(&vector.name), json(&vector.claim), json(&vector.start), steps.join(",\n")
        )
    }).collect();
    format!("[\n{}\n]\n", vectors.join(",\n"))
}

/// What this core does with the events of `vector`: the same steps, with the effects it gave, and
/// one more for the effect that no event answers.
fn run(vector: &Vector) -> Vec<Step> {
    let request: Request = serde_json::from_value(vector.start.clone()).unwrap();
    let (mut flow, mut effect) = Flow::start(request);
    let mut steps = Vec::new();
    let answered = vector.steps.iter().filter(|step| !step.event.is_null());
    for step in answered {
        let over = matches!(effect, Effect::Done { .. } | Effect::Failed { .. });
        if over && blessing() {
            // What it did not wait for is no part of it any more.
            break;
        }
        assert!(!over, "{}: ended before {}: {effect:?}", vector.name, step.event);
        steps.push(Step {
            effect: serde_json::to_value(&effect).unwrap(),
            critical: flow.is_critical(),
            now_ms: step.now_ms,
            event: step.event.clone(),
        });
        let event: Event = serde_json::from_value(step.event.clone()).unwrap();
        effect = flow.step(event, step.now_ms.unwrap_or(NOW_MS));
    }
    let effect = serde_json::to_value(&effect).unwrap();
    let critical = flow.is_critical();
    steps.push(Step { effect, critical, now_ms: None, event: Value::Null });
    steps
}

impl Step {
    fn layout(&self) -> String {
        let mut fields = vec![format!("\"effect\": {}", json(&self.effect))];
        if self.critical {
            fields.push("\"critical\": true".to_owned());
        }
        if let Some(now_ms) = self.now_ms {
            fields.push(format!("\"now_ms\": {now_ms}"));
        }
        if !self.event.is_null() {
            fields.push(format!("\"event\": {}", json(&self.event)));
        }
        format!("      {{\n        {}\n      }}", fields.join(",\n        "))
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

fn compare(name: &str, expected: &[Step], actual: &[Step]) {
    let pretty = |steps: &[Step]| serde_json::to_string_pretty(steps).unwrap();
    let (expected, actual) = (pretty(expected), pretty(actual));
    if expected != actual {
        let at = expected.lines().zip(actual.lines()).position(|(e, a)| e != a).unwrap_or_default();
        let line = |text: &str| text.lines().nth(at).unwrap_or("(nothing)").trim().to_owned();
        panic!(
            "{name}: expected {}\n{}but got {}",
            line(&expected),
            " ".repeat(name.len() - 4),
            line(&actual)
        );
    }
}
