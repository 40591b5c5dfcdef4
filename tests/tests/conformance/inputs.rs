//! What fuzzing has found for the module's calls (`fuzz/corpus/abi`), at the raw door of the module
//! itself: whether an address is 32 bits or 64 and which allocator there is, the answers are the
//! same.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use pi_auth_properties::abi::transcript;
use serde_json::json;

use crate::process::Process;

#[test]
fn the_module_answers_every_input_as_native_code_does() {
    let mut module = Process::node("raw");
    let mut answers = 0;
    for input in inputs() {
        module.tell(&json!({ "anew": true }));
        for said in transcript(&fs::read(&input).unwrap()) {
            let Some(expected) = said.answer else {
                module.tell(&said.call);
                continue;
            };
            let actual = module.ask(&said.call);
            assert_eq!(actual.trim_end_matches('\n'), expected, "{}", input.display());
            answers += 1;
        }
    }
    // Past the test runner, which shows only failures.
    std::io::stderr().write_all(format!("{answers} answers\n").as_bytes()).unwrap();
    assert!(answers > 1000, "{answers}");
}

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/abi");
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
