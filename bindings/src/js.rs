//! The door for JavaScript: strings in, strings out. See the crate's documentation.

#![allow(unsafe_code, reason = "what the attribute expands to")]
#![allow(unreachable_pub, reason = "the attribute takes public functions only")]

use alloc::string::String;

use wasm_bindgen::prelude::wasm_bindgen;

use crate::bare;

/// Begins a flow: a request as JSON; answers its handle and its first effect.
#[wasm_bindgen]
pub fn start(request: &str) -> String {
    bare::with_module(|module| module.registry.start(request))
}

/// Hands over the event that answers the last effect, at a time in epoch milliseconds; answers the
/// next effect.
#[wasm_bindgen]
pub fn step(handle: u32, event: &str, now_ms: f64) -> String {
    // `as` saturates: a time that is none is the beginning of all times.
    bare::with_module(|module| module.registry.step(handle, event, now_ms as u64))
}

/// Gives a flow up.
#[wasm_bindgen(js_name = drop)]
pub fn drop_flow(handle: u32) {
    bare::with_module(|module| module.registry.drop(handle));
}

/// Answers what needs no flow.
#[wasm_bindgen]
pub fn call(call: &str) -> String {
    crate::call::call(call)
}
