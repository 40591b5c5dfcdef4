//! What node says about the module: it loads, it imports nothing, and it is this large.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Result, cargo};

/// In bytes.
pub(crate) struct Sizes {
    pub(crate) raw: u64,
    pub(crate) gzip: u64,
    pub(crate) brotli: u64,
}

/// Loads the module.
///
/// # Errors
/// When it does not load, or has imports.
pub(super) fn measure(wasm: &Path) -> Result<Sizes> {
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", include_str!("measure.mjs"), "--"]).arg(wasm);
    let said: Value = serde_json::from_str(&cargo::read({
        node.stdin(Stdio::null());
        node
    })?)?;
    let imports = said["imports"].as_array().ok_or("node does not tell the imports")?;
    if !imports.is_empty() {
        return Err(format!("the module has imports, and must have none: {imports:?}").into());
    }
    let size = |name: &str| said[name].as_u64().ok_or("node does not tell the size");
    Ok(Sizes { raw: size("raw")?, gzip: size("gzip")?, brotli: size("brotli")? })
}
