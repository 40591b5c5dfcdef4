//! Every committed input, through its target: what once was found stays found.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{panic, thread};

use pi_auth_properties::{Check, TARGETS};

/// The folders of inputs; each has a folder for each target.
const FOLDERS: [&str; 2] = ["corpus", "crashers"];

#[test]
fn what_must_hold_holds_for_every_committed_input() {
    let mut failed = Vec::new();
    for (name, check) in TARGETS {
        let inputs: Vec<PathBuf> = FOLDERS.iter().flat_map(|it| inputs(it, name)).collect();
        assert!(!inputs.is_empty(), "there is nothing to try {name} with");
        failed.extend(failures(&inputs, check));
        // Past the test runner, which shows only failures.
        let told = format!("{} inputs: {name}\n", inputs.len());
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
    assert!(failed.is_empty(), "the reasons are above: {failed:#?}");
}

#[test]
fn every_target_has_its_inputs_a_dictionary_and_a_wrapper_that_calls_it() {
    let targets: BTreeSet<String> = TARGETS.map(|(name, _)| name.into()).into();
    let there = |folder: &str, ending: &str| -> BTreeSet<String> {
        let names = names(&top().join(folder)).into_iter();
        names.map(|name| name.trim_end_matches(ending).to_owned()).collect()
    };
    assert_eq!(there("corpus", ""), targets);
    assert!(there("crashers", "").is_subset(&targets));
    assert_eq!(there("dictionaries", ".dict"), targets);
    assert_eq!(there("fuzz_targets", ".rs"), targets);
    for target in targets {
        let wrapper = top().join("fuzz_targets").join(&target).with_extension("rs");
        let call = format!("pi_auth_properties::{target}::check(data)");
        assert!(fs::read_to_string(wrapper).unwrap().contains(&call), "{target}");
    }
}

/// Those that fail, tried on as many cores as there are.
fn failures(inputs: &[PathBuf], check: Check) -> Vec<PathBuf> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failed = Vec::new();
        while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let data = fs::read(input).unwrap();
            if panic::catch_unwind(|| check(&data)).is_err() {
                failed.push(input.clone());
            }
        }
        failed
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

fn inputs(folder: &str, target: &str) -> Vec<PathBuf> {
    let folder = top().join(folder).join(target);
    names(&folder).into_iter().map(|name| folder.join(name)).collect()
}

/// What is in a folder, in its order; nothing where there is none.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries.map(|it| name(it).into_string().unwrap()).collect();
    names.sort();
    names
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
