//! `pi-auth-glue LINKED FOLDER`: makes `pi_auth.js`, `pi_auth.d.ts` and the module that belongs to
//! them from the module that the linker made.
//!
//! It uses wasm-bindgen as a library, so that Cargo.lock alone says which version: the macro and
//! this half of it must be of the same one.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use walrus::{ImportKind, Module};
use wasm_bindgen_cli_support::Bindgen;

/// The one import that wasm-bindgen leaves. It fills a table of JavaScript values, of which a
/// module that takes and returns strings has none.
const UNUSED_IMPORT: &str = "__wbindgen_init_externref_table";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(linked), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pi-auth-glue LINKED FOLDER".into());
    };
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(linked)
        .out_name("pi_auth")
        .web(true)?
        .typescript(true)
        // The caller says where the module is: there is no bundler's guess at a URL.
        .omit_default_module_path(true)
        .remove_producers_section(true);
    let mut output = bindgen.generate_output()?;
    replace_import(output.wasm_mut())?;
    // With the names of its functions: wasm-opt removes them, and until then they can be looked at.
    output.wasm_mut().emit_wasm_file(folder.join("pi_auth.named.wasm"))?;
    fs::write(folder.join("pi_auth.js"), output.js())?;
    fs::write(folder.join("pi_auth.d.ts"), output.ts().unwrap_or_default())?;
    Ok(())
}

/// Replaces the unused import with a function that does nothing.
fn replace_import(module: &mut Module) -> Result<(), Box<dyn Error>> {
    let unused = module.imports.iter().find(|import| import.name == UNUSED_IMPORT);
    if let Some(ImportKind::Function(function)) = unused.map(|import| import.kind.clone()) {
        module.replace_imported_func(function, |_| {})?;
    }
    Ok(())
}
