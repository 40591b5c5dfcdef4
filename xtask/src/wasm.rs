//! `cargo xtask wasm`: the core as one WebAssembly module, small and without imports.
//!
//! | file | what is in it |
//! |---|---|
//! | `wasm/build.rs` | cargo: the target, the profile, the crate type |
//! | `wasm/bindgen.rs` | wasm-bindgen as a library; its last import replaced |
//! | `wasm/binaryen.rs` | wasm-opt, from npm, pinned in `bindings/package-lock.json` |
//! | `wasm/measure.rs`, `wasm/measure.mjs` | what node says about the result: imports and sizes |
//!
//! What comes of it is in `TARGET/wasm`: `pi_auth.wasm`, and `pi_auth.js` with `pi_auth.d.ts`, which
//! lead JavaScript to it.

mod binaryen;
mod bindgen;
mod build;
mod measure;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::{Result, paint};
use measure::Sizes;

/// The budget of the module as it is shipped, in bytes.
const RAW_BUDGET_BYTES: u64 = 150_000;
/// The budget of the module as it is downloaded, in bytes.
const GZIP_BUDGET_BYTES: u64 = 60_000;

/// What was built.
pub(crate) struct Built {
    /// The module.
    pub(crate) wasm: PathBuf,
    pub(crate) sizes: Sizes,
}

/// Builds the module and prints its sizes; exit code 1 if one is over its budget.
pub(crate) fn run() -> Result<ExitCode> {
    let built = build()?;
    let Sizes { raw, gzip, brotli } = built.sizes;
    println!("\n{}", built.wasm.display());
    println!("     imports none");
    let within = [
        budget("raw", raw, Some(RAW_BUDGET_BYTES)),
        budget("gzip", gzip, Some(GZIP_BUDGET_BYTES)),
        budget("brotli", brotli, None),
    ];
    Ok(if within.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Builds the module.
///
/// # Errors
/// When a tool is missing or fails, or the module has imports.
pub(crate) fn build() -> Result<Built> {
    let target = build::target_directory()?;
    let tools = binaryen::install(&target.join("wasm-tools"))?;
    let linked = build::link(&target)?;
    let out = target.join("wasm");
    fs::create_dir_all(&out)?;
    let bound = bindgen::bind(&linked, &out)?;
    let wasm = out.join("pi_auth.wasm");
    binaryen::optimize(&tools, &bound, &wasm)?;
    let sizes = measure::measure(&wasm)?;
    Ok(Built { wasm, sizes })
}

fn budget(what: &str, bytes: u64, budget: Option<u64>) -> bool {
    match budget {
        None => {
            println!("     {what:<7} {bytes:>7} bytes");
            true
        }
        Some(budget) => {
            let within = bytes <= budget;
            let verdict = if within { paint::green("ok  ") } else { paint::red("over") };
            println!("{verdict} {what:<7} {bytes:>7} bytes, budget {budget}");
            within
        }
    }
}
