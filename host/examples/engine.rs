//! A core in a WebAssembly module, spoken to in JSON: a call a line on standard input, its answer a
//! line on standard output.
//!
//! ```text
//! {"start": "REQUEST"}    {"step": "EVENT", "handle": 7, "now_ms": 1700000000000}    {"drop": 7}
//! ```
//!
//! It is how the tests hold wasmtime to the vectors, for which `tests/conformance/run.mjs` does the
//! same in Node. Each answer also has to be one that this host can read, and loses nothing of.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::io::{BufRead as _, stdin};
use std::path::Path;

use pi_auth::WasmCore;
use pi_auth_core::flow::{Effect, Event, Request};
use pi_auth_core::json::{from_str, to_string};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Call {
    start: Option<String>,
    step: Option<String>,
    drop: Option<u32>,
    #[serde(default)]
    handle: u32,
    #[serde(default)]
    now_ms: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("usage: engine FILE.wasm")?;
    let mut instance = WasmCore::load(Path::new(&file))?.instantiate()?;
    for line in stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Call { start: Some(request), .. } => {
                // As a host writes it.
                let request = to_string(&from_str::<Request>(&request)?);
                print(instance.start(&request)?.expose())?;
            }
            Call { step: Some(event), handle, now_ms, .. } => {
                let event = to_string(&from_str::<Event>(&event)?);
                print(instance.step(handle, &event, now_ms)?.expose())?;
            }
            Call { drop: Some(handle), .. } => instance.give_up(handle)?,
            _ => return Err("it is no call".into()),
        }
    }
    Ok(())
}

fn print(answer: &str) -> Result<(), Box<dyn Error>> {
    let effect = &serde_json::from_str::<Value>(answer)?["effect"];
    let read: Effect = from_str(&effect.to_string())?;
    if serde_json::from_str::<Value>(&to_string(&read))? != *effect {
        return Err(format!("this host reads something else than {effect}").into());
    }
    println!("{answer}");
    Ok(())
}
