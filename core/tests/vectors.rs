//! Every flow, by the vectors in `tests/vectors`, in the core as it is. How a vector is run, and
//! how the same vectors run in other engines, is told in `tests/src/vectors.rs`.
//!
//! With `PI_AUTH_BLESS=1` the files are written anew from what this core does: read the difference
//! before you commit it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::print_stdout)]

// That crate itself would bring its servers along.
#[allow(unreachable_pub, reason = "in that crate it is public")]
#[path = "../../tests/src/vectors.rs"]
mod vectors;

use std::fs;
use std::path::Path;

use serde::Serialize;
use vectors::{Native, Step, Vector};

#[test]
fn every_flow_does_what_its_vectors_say() {
    let bless = std::env::var_os("PI_AUTH_BLESS").is_some();
    let mut count = 0;
    for mut file in vectors::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")) {
        for vector in &mut file.vectors {
            let actual = vectors::run(&mut Native::default(), vector);
            count += 1;
            if bless {
                vector.steps = actual;
            } else {
                vectors::compare(&format!("{}/{}", file.flow, vector.name), &vector.steps, &actual);
            }
        }
        if bless {
            fs::write(&file.path, layout(&file.vectors)).unwrap();
        }
    }
    println!("{count} vectors");
}

/// The file as people read it and as it differs: a line for each effect, and one for each event.
fn layout(vectors: &[Vector]) -> String {
    let vectors: Vec<String> = vectors.iter().map(|vector| {
        let steps: Vec<String> = vector.steps.iter().map(step_layout).collect();
        format!(
            "  {{\n    \"name\": {},\n    \"claim\": {},\n    \"start\": {},\n    \"steps\": [\n{}\n    ]\n  }}",
            json(&vector.name), json(&vector.claim), json(&vector.start), steps.join(",\n")
        )
    }).collect();
    format!("[\n{}\n]\n", vectors.join(",\n"))
}

fn step_layout(step: &Step) -> String {
    let mut fields = vec![format!("\"effect\": {}", json(&step.effect))];
    if step.critical {
        fields.push("\"critical\": true".to_owned());
    }
    if let Some(now_ms) = step.now_ms {
        fields.push(format!("\"now_ms\": {now_ms}"));
    }
    if !step.event.is_null() {
        fields.push(format!("\"event\": {}", json(&step.event)));
    }
    format!("      {{\n        {}\n      }}", fields.join(",\n        "))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}
