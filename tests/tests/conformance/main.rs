//! One core, three engines: what is linked into `pi`, and the WebAssembly module in wasmtime and in
//! Node.
//!
//! | file | what it claims |
//! |---|---|
//! | `engines.rs` | every vector, in every engine, with the same effects to the byte |
//! | `doors.rs` | a wrong call is answered at both doors of the module |
//! | `inputs.rs` | whatever was found by fuzzing, the module answers as native code does |
//! | `flows.rs` | `pi --core` does with the module what it does without |
//! | `origins.rs` | a module that sends secrets elsewhere is stopped before it does |
//! | `limits.rs` | a module that is no core, or goes wrong, is stopped and loses nothing |
//!
//! `build.rs` builds what they run, and `process.rs` runs the vectors in it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod build;
mod doors;
mod engines;
mod flows;
mod inputs;
mod limits;
mod origins;
mod process;
