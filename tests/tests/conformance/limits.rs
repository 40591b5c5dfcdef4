//! What is no core, or a core gone wrong: told, stopped, and nothing touched.

use std::fs;

use pi_auth_tests::pi::{Age, Home};
use pi_auth_tests::sandbox::{Config, Sandbox};

use crate::flows::with_core;

/// The exports that a core has, but for those that a case is about.
const EXPORTS: [(&str, &str); 7] = [
    ("memory", r#"(memory (export "memory") 1)"#),
    ("raw_version", r#"(func (export "raw_version") (result i32) i32.const 1)"#),
    ("raw_alloc", r#"(func (export "raw_alloc") (param i32) (result i32) i32.const 8)"#),
    ("raw_free", r#"(func (export "raw_free") (param i32))"#),
    ("raw_start", r#"(func (export "raw_start") (param i32 i32) (result i64) i64.const 0)"#),
    ("raw_step", r#"(func (export "raw_step") (param i32 i32 i32 i64) (result i64) i64.const 0)"#),
    ("raw_drop", r#"(func (export "raw_drop") (param i32))"#),
];

/// A module with these exports in place of those of their names.
fn module(own: &[(&str, &str)], more: &str) -> Vec<u8> {
    let mut text = String::from("(module ");
    text += more;
    for (name, export) in EXPORTS {
        let own = own.iter().find(|(of, _)| *of == name);
        text += own.map_or(export, |(_, export)| export);
    }
    wat::parse_str(text + ")").unwrap()
}

#[test]
fn what_is_no_core_is_refused_before_anything_is_read() {
    let cases: [(&str, Vec<u8>); 13] = [
        ("it is no WebAssembly module", b"#!/bin/sh\n".into()),
        ("it is no WebAssembly module", Vec::new()),
        ("it does not compile", b"\0asm\x01\0\0\0\x7f".into()),
        // Memory that is not counted, and more than one.
        ("it does not compile", module(&[], "(type (struct (field i32)))")),
        ("it does not compile", module(&[], "(memory 1)")),
        ("it is larger than 4 MiB", vec![0; (4 << 20) + 1]),
        (
            "it wants to import `fd_write` of `wasi_snapshot_preview1`, and gets nothing",
            module(&[], r#"(import "wasi_snapshot_preview1" "fd_write" (func))"#),
        ),
        ("it exports no `memory`", module(&[("memory", "(memory 1)")], "")),
        ("it exports no `raw_step`", module(&[("raw_step", "")], "")),
        (
            "it exports no `raw_start`, or not the one that is meant",
            module(&[("raw_start", r#"(func (export "raw_start") (result i64) i64.const 0)"#)], ""),
        ),
        (
            "it speaks version 2 of the interface, this program version 1",
            module(
                &[("raw_version", r#"(func (export "raw_version") (result i32) i32.const 2)"#)],
                "",
            ),
        ),
        (
            "it wants more than 64 MiB of memory",
            module(&[("memory", r#"(memory (export "memory") 1025)"#)], ""),
        ),
        ("it takes too long", module(&[], "(func $begin (loop br 0)) (start $begin)")),
    ];
    for (problem, bytes) in cases {
        let home = Home::new();
        home.write("auth.json", "this is not JSON");
        let before = home.snapshot();
        let file = home.path().join("core.wasm");
        fs::write(&file, bytes).unwrap();
        let ended = with_core(&home, &file, &["status"]).run();
        ended.exits(1).says("error: The core in ").says(problem).says("Leave --core out");
        assert_eq!(home.snapshot(), before);
    }
    let home = Home::new();
    let missing = home.path().join("missing.wasm");
    with_core(&home, &missing, &["status"]).run().exits(1).says("No such file");
}

#[test]
fn a_core_that_goes_wrong_is_stopped_and_loses_nothing() {
    let start = |body: &str| {
        format!(r#"(func $start (export "raw_start") (param i32 i32) (result i64) {body})"#)
    };
    let answers = |json: &str| start(&at_1024(json)) + &data(json);
    let cases = [
        ("it takes too long", start("(loop br 0) unreachable")),
        ("it wants more than 64 MiB of memory", {
            start("(loop (drop (memory.grow (i32.const 16))) br 0) unreachable")
        }),
        ("it calls itself too often", start("local.get 0 local.get 1 call $start")),
        ("it has failed (wasm trap: wasm `unreachable`", start("unreachable")),
        ("its answer is not in its memory", start("i64.const 0x7fffffff00000010")),
        ("its answer is not in its memory", start("i64.const 0xffffffff00ffffff")),
        ("it answers more than 16 MiB", start("i64.const 0x00000008ffffffff")),
        ("its answer is no text", {
            start("i64.const 0x0000040000000002") + r#"(data (i32.const 1024) "\ff\fe")"#
        }),
        ("do not understand each other", answers("")),
        ("do not understand each other", answers("{}")),
        ("do not understand each other", answers(r#"{"error":{"code":"bad_input"}}"#)),
        ("do not understand each other", answers(r#"{"effect":{"type":"format_the_disk"}}"#)),
        ("it gives the result of something else", {
            answers(
                r#"{"effect":{"type":"done","output":{"type":"logged_out","providers":[],"path":"","revocations":[],"notes":[]}}}"#,
            )
        }),
        ("it does not say whether the flow has ended", {
            answers(r#"{"critical":false,"effect":{"type":"read_store"}}"#)
        }),
        // A flow under way, with the lock in its hands, and from there on it goes wrong.
        ("do not understand each other", answers(LOCKS)),
    ];
    for (problem, start) in cases {
        stopped(problem, &module(&[("raw_start", &start)], ""));
    }
}

#[test]
fn a_core_that_goes_wrong_later_lets_go_of_the_lock() {
    let start = r#"(func (export "raw_start") (param i32 i32) (result i64) "#.to_owned()
        + &at_1024(LOCKS)
        + ")"
        + &data(LOCKS);
    let step = |body: &str| {
        format!(r#"(func (export "raw_step") (param i32 i32 i32 i64) (result i64) {body})"#)
    };
    for (problem, step) in [
        ("it has failed (wasm trap: wasm `unreachable`", step("unreachable")),
        ("it takes too long", step("(loop br 0) unreachable")),
        // The same effect again and again: each call is short.
        ("its flow comes to no end", step(&at_1024(LOCKS))),
    ] {
        stopped(problem, &module(&[("raw_start", &start), ("raw_step", &step)], ""));
    }
}

/// What has to be done next under the lock.
const LOCKS: &str = r#"{"handle":1,"critical":false,"effect":{"type":"lock_store"}}"#;

/// The answer that [`data`] puts there.
fn at_1024(json: &str) -> String {
    format!("i64.const {}", (1024_u64 << 32) | json.len() as u64)
}

fn data(json: &str) -> String {
    format!(r#"(data (i32.const 1024) "{}")"#, json.replace('"', "\\22"))
}

/// Asserts that a refresh with this core ends with this problem and nothing touched. Its calls are
/// counted, not timed, so that a busy machine stops no core.
#[track_caller]
fn stopped(problem: &str, core: &[u8]) {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let (home, credential) = Home::logged_in(&sandbox, Age::Expired);
    let before = home.contents();
    let file = home.path().join("core.wasm");
    fs::write(&file, core).unwrap();
    let ended = with_core(&home, &file, &["token", "anthropic"]).run();
    ended.exits(1).says("error: The core in ").says(problem).says("Leave --core out");
    assert_eq!(home.contents(), before);
    assert!(!home.names().iter().any(|name| name.ends_with(".lock")), "{:?}", home.names());
    assert!(sandbox.is_valid_refresh(&credential.refresh), "{problem}");
    assert_eq!(sandbox.log(), [], "{problem}");
}

#[test]
fn a_build_without_the_feature_says_how_to_get_one() {
    let home = Home::new();
    for arguments in [&["--core", "core.wasm", "status"][..], &["--core=core.wasm"], &["--core"]] {
        let ended = home.pi(arguments).run();
        ended.exits(2).says("cargo install --locked --path host --features wasm-core");
    }
    assert!(!home.pi(["--help"]).run().stdout.contains("--core"));
}
