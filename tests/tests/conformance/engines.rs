//! The vectors, in every engine.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use pi_auth_tests::vectors::{self, Engine, Native, Vector};
use serde_json::{Value, json};

use crate::process::Process;

#[test]
fn every_engine_does_what_every_vector_says() {
    let files = vectors::read(&folder());
    let counts = in_each_engine(|name, engine| {
        let mut count = 0;
        for file in &files {
            for vector in &file.vectors {
                let name = format!("{name}: {}/{}", file.flow, vector.name);
                vectors::compare(&name, &vector.steps, &vectors::run(engine, vector));
                count += 1;
            }
        }
        // Past the test runner, which shows only failures.
        std::io::stderr().write_all(format!("{count} vectors: {name}\n").as_bytes()).unwrap();
        count
    });
    assert_eq!(counts, [in_the_files(); 4]);
}

#[test]
fn a_vector_that_is_wrong_fails_in_every_engine() {
    in_each_engine(|name, engine| {
        let right = refresh();
        assert_eq!(
            vectors::difference(&right.steps, &vectors::run(engine, &right)),
            None,
            "{name}"
        );
        for (wrong, alter) in ALTERATIONS {
            let mut vector = refresh();
            alter(&mut vector);
            let differs = vectors::difference(&vector.steps, &vectors::run(engine, &vector));
            assert!(differs.is_some(), "{name} passes a vector in which {wrong}");
        }
    });
}

type Alter = fn(&mut Vector);

/// What can be wrong with the vector of a refresh.
const ALTERATIONS: [(&str, Alter); 9] = [
    ("the request is for another provider", |it| it.start["provider"] = "github-copilot".into()),
    ("another effect comes", |it| it.steps[1].effect = json!({ "type": "lock_store" })),
    ("an effect says something else", |it| request(it)["method"] = "PUT".into()),
    ("an effect says more", |it| request(it)["more"] = true.into()),
    ("an effect says less", |it| drop(request(it).as_object_mut().unwrap().remove("body"))),
    ("the request is not critical", |it| it.steps[5].critical = false),
    ("another time is stored", |it| it.steps[5].now_ms = Some(1_600_000_000_000)),
    ("the provider grants another token", |it| {
        let body = it.steps[5].event["body"].as_str().unwrap().replace("sk-ant-", "sk-ant-x");
        it.steps[5].event["body"] = body.into();
    }),
    ("a step is missing", |it| drop(it.steps.pop())),
];

/// A vector that goes from the file to the provider and back.
fn refresh() -> Vector {
    let token = vectors::read(&folder()).into_iter().find(|file| file.flow == "token").unwrap();
    let vector = token.vectors.into_iter().find(|vector| vector.name == "refresh").unwrap();
    assert_eq!(vector.steps[5].effect["type"], "http");
    vector
}

/// The HTTP request of it.
fn request(vector: &mut Vector) -> &mut Value {
    &mut vector.steps[5].effect["request"]
}

/// What `run` gives for each engine, by its name.
fn in_each_engine<T>(mut run: impl FnMut(&str, &mut dyn Engine) -> T) -> [T; 4] {
    [
        run("native", &mut Native::default()),
        run("wasm in wasmtime", &mut Process::wasmtime()),
        run("wasm in Node, the raw door", &mut Process::node("raw")),
        run("wasm in Node, JavaScript's door", &mut Process::node("javascript")),
    ]
}

/// How many vectors there are, counted without the code that runs them.
fn in_the_files() -> usize {
    let files =
        fs::read_dir(folder()).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.map(|file| serde_json::from_slice::<Vec<Value>>(&file).unwrap().len()).sum()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}
