//! wasm-bindgen as a library, so that Cargo.lock alone says which: the macro and this half of it
//! have to be of one version, and cargo sees to that.

use std::fs;
use std::path::{Path, PathBuf};

use walrus::{ImportKind, Module};
use wasm_bindgen_cli_support::Bindgen;

use crate::Result;

/// What is left to import, of all that wasm-bindgen might: it fills a table of JavaScript's values,
/// of which a module that takes and gives strings has none.
const LEFT_OVER: &str = "__wbindgen_init_externref_table";

/// Writes `pi_auth.js` and `pi_auth.d.ts` into `out`, and tells where the module that belongs to them
/// is.
pub(super) fn bind(linked: &Path, out: &Path) -> Result<PathBuf> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(linked)
        .out_name("pi_auth")
        .web(true)?
        .typescript(true)
        // Where the module is, its user says: there is no bundler's guess at a URL.
        .omit_default_module_path(true)
        .remove_producers_section(true);
    let mut output = bindgen.generate_output()?;
    replace_import(output.wasm_mut())?;
    // With its names: wasm-opt takes them out, and before that they can be looked at.
    let bound = out.join("pi_auth.named.wasm");
    output.wasm_mut().emit_wasm_file(&bound)?;
    fs::write(out.join("pi_auth.js"), output.js())?;
    fs::write(out.join("pi_auth.d.ts"), output.ts().unwrap_or_default())?;
    Ok(bound)
}

/// Puts a function that does nothing in the place of the import.
fn replace_import(module: &mut Module) -> Result {
    let left_over = module.imports.iter().find(|import| import.name == LEFT_OVER);
    let Some(ImportKind::Function(function)) = left_over.map(|import| import.kind.clone()) else {
        return Ok(());
    };
    module.replace_imported_func(function, |_| {})?;
    Ok(())
}
