//! The door for any runtime: integers in, integers out. See the crate's documentation.
//!
//! No address is followed here: a `ptr` is a name by which [`Buffers`](crate::buffers::Buffers)
//! finds what it has lent.

#![allow(unsafe_code, reason = "an export needs a name that nothing else has: `no_mangle`")]

use crate::bare;
use crate::module::{Lent, RAW_VERSION};

// SAFETY (of each `no_mangle`): nothing else that is linked into the module begins with `raw_`; the
// linker would refuse two of one name.

#[unsafe(no_mangle)]
extern "C" fn raw_version() -> u32 {
    RAW_VERSION
}

#[unsafe(no_mangle)]
extern "C" fn raw_alloc(len: usize) -> usize {
    bare::with_module(|module| module.buffers.lend(len).unwrap_or(0))
}

#[unsafe(no_mangle)]
extern "C" fn raw_free(ptr: usize) {
    bare::with_module(|module| module.buffers.take_back(ptr));
}

#[unsafe(no_mangle)]
extern "C" fn raw_start(ptr: usize, len: usize) -> u64 {
    packed(bare::with_module(|module| module.start(ptr, len)))
}

#[unsafe(no_mangle)]
extern "C" fn raw_step(handle: u32, ptr: usize, len: usize, now_ms: u64) -> u64 {
    packed(bare::with_module(|module| module.step(handle, ptr, len, now_ms)))
}

#[unsafe(no_mangle)]
extern "C" fn raw_drop(handle: u32) {
    bare::with_module(|module| module.registry.drop(handle));
}

#[unsafe(no_mangle)]
extern "C" fn raw_call(ptr: usize, len: usize) -> u64 {
    packed(bare::with_module(|module| module.call(ptr, len)))
}

/// Both fit 32 bits on this machine.
fn packed((ptr, len): Lent) -> u64 {
    (ptr as u64) << 32 | len as u64
}
