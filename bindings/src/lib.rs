//! The core of pi-auth as one WebAssembly module with two doors.
//!
//! The same bytes serve JavaScript (wasm-bindgen's string functions) and any other runtime (a raw
//! ABI of integers). Both lead to the same flows. The module has **no imports**: it cannot reach a
//! file, a socket, a clock or a random source, whoever runs it. And it decides nothing beyond what
//! `pi-auth-core` decides: what is here turns JSON into events, and effects into JSON.
//!
//! ```text
//!   js.rs    the door for JavaScript ─┐             ┌─ registry.rs  the flows that are under way
//!                                     ├─▶ module.rs ┤
//!   raw.rs   the door for runtimes ───┘             └─ call.rs      what needs no flow
//!   buffers.rs  the memory that the raw door lends      answer.rs   JSON out
//!   bare.rs     what a program without a system brings along: an allocator that wipes
//! ```
//!
//! # The answers
//!
//! All is JSON, as UTF-8. `start` takes a request of `pi_auth_core::flow::Request`, `step` an event
//! of `pi_auth_core::flow::Event`. Both answer
//!
//! ```json
//! {"handle": 7, "critical": false, "effect": {"type": "read_store"}}
//! ```
//!
//! - `effect` is what the host has to perform, and to answer with the next `step` of that `handle`.
//! - `critical` says that the host must neither cancel it nor end before the flow does
//!   (`pi_auth_core::flow::Flow::is_critical`).
//! - `handle` is missing once the flow has ended, with an effect `done` or `failed`: then there is
//!   nothing left to step or to drop. A handle is never used twice.
//!
//! `call` takes a [`call::Call`] and answers `{"value": ...}`.
//!
//! What is wrong with a call itself is an answer, too, and never a trap:
//!
//! ```json
//! {"error": {"code": "bad_input", "message": "...", "advice": "..."}}
//! ```
//!
//! It comes for JSON that does not say what it should (its text holds nothing of what was sent), a
//! handle that names no flow, and a buffer that was not lent. The flow, if there is one, is as it
//! was: the same effect is still to be answered. An event that does not belong to an effect is
//! something else: it ends the flow, with the effect `failed`.
//!
//! # The door for JavaScript
//!
//! | function | |
//! |---|---|
//! | `start(request: string): string` | begins a flow |
//! | `step(handle: number, event: string, now_ms: number): string` | hands an event over, at a time in epoch milliseconds |
//! | `drop(handle: number): void` | gives a flow up; a handle that names none does nothing |
//! | `call(call: string): string` | what needs no flow |
//!
//! # The raw door
//!
//! Exports of the module, in WebAssembly's own types. `ptr` and `len` are an offset into the
//! exported `memory` and a number of bytes.
//!
//! | export | |
//! |---|---|
//! | `raw_version() -> i32` | the version of this ABI, 1 |
//! | `raw_alloc(len: i32) -> i32` | lends `len` bytes, all zero, and answers their `ptr`; 0 where there is no room, or for more than [`buffers::MAX_BYTES`] |
//! | `raw_free(ptr: i32)` | takes a buffer back; one that was not lent does nothing |
//! | `raw_start(ptr: i32, len: i32) -> i64` | as above; the first `len` bytes of the buffer at `ptr` are the request |
//! | `raw_step(handle: i32, ptr: i32, len: i32, now_ms: i64) -> i64` | they are the event |
//! | `raw_drop(handle: i32)` | as above |
//! | `raw_call(ptr: i32, len: i32) -> i64` | they are the call |
//!
//! An answer is a buffer, packed as `ptr << 32 | len`, both unsigned. Every buffer is the caller's
//! to give back with `raw_free`, whether it asked for it or got it as an answer; so input and
//! answer are both freed by whoever holds them. `memory` may grow in any call: a view of it that
//! was taken before is void after it.
//!
//! Nothing is read or written by an address that comes from outside: the module looks a `ptr` up
//! among the buffers that it has lent, and a wrong one is an error like any other.
//!
//! # Secrets
//!
//! Requests, events and effects hold tokens in the clear. Whatever memory the module gives back to
//! its allocator is wiped on the way, the buffers of both doors included. What a host makes of a
//! string that it has read is out of the module's hands.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod answer;
#[cfg(target_arch = "wasm32")]
mod bare;
pub mod buffers;
pub mod call;
#[cfg(target_arch = "wasm32")]
mod js;
pub mod module;
#[cfg(target_arch = "wasm32")]
mod raw;
pub mod registry;
