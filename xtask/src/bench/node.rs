//! The module and the npm package in Node: how long they take to load, and to tell a fresh token.
//!
//! The measures are a Node that does nothing, the OAuth module of the agent's own library, and a
//! check that is written by hand in JavaScript.

mod packages;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::measure::median;
use super::turns::{Contestant, Turns};
use crate::{Result, cargo, wasm};

const WARM_UP: usize = 3;
const ROUNDS: usize = 40;

const NOTHING: &str = "node -e 0";
const MODULE: &str = "the module, loaded";
const PI_AUTH: &str = "import pi-auth";
const PI_AI: &str = "import pi-ai/oauth";

/// Measures, and prints what it finds. It has no budgets: what it depends on most is the Node here.
pub(super) fn run() -> Result {
    println!("\nBuilding the npm package, and installing what it is compared with ...");
    let folder = cargo::target_directory()?.join("bench");
    let module = wasm::built()?.wasm();
    let own = packages::pi_auth(&folder.join("pi-auth"), &module)?;
    let other = packages::pi_ai(&folder.join("pi-ai"))?;

    println!();
    let all = vec![
        Contestant::new(NOTHING, || node(&["-e", "0"])),
        Contestant::new(MODULE, || script(include_str!("node/load.mjs"), &[&module])),
        Contestant::new(PI_AUTH, || import("pi-auth", &own)),
        Contestant::new(PI_AI, || import("@mariozechner/pi-ai/oauth", &other)),
    ];
    let turns = Turns::take(all, WARM_UP, ROUNDS)?;
    turns.print(NOTHING)?;

    let (compile, instantiate) = loads(&module)?;
    let check = tell({
        let mut check = script(include_str!("node/check.mjs"), &[&module]);
        check.current_dir(&own);
        check
    })?;
    let (by_flow, ratio) = (number(&check, "wasm_us")?, number(&check, "ratio")?);
    let nothing = turns.of(NOTHING)?;
    let import = turns.of(PI_AUTH)?.median_more_than(nothing);
    let import_of_other = turns.of(PI_AI)?.median_more_than(nothing);
    println!();
    println!("load the module     {compile:.2} ms to compile, {instantiate:.2} ms to instantiate");
    println!(
        "check a token       {by_flow:.1} µs through wasm, {ratio:.0} x JSON.parse and a look"
    );
    println!(
        "import the package  {import:.1} ms more than nothing; pi-ai/oauth {import_of_other:.1} ms"
    );
    Ok(())
}

/// How long the module takes to compile, and to instantiate, in milliseconds; each time in a new
/// process, since an engine remembers what it has compiled.
fn loads(module: &Path) -> Result<(f64, f64)> {
    let (mut compile, mut instantiate) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let told = tell(script(include_str!("node/load.mjs"), &[module]))?;
        compile.push(number(&told, "compile_ms")?);
        instantiate.push(number(&told, "instantiate_ms")?);
    }
    Ok((median(compile), median(instantiate)))
}

fn import(package: &str, folder: &Path) -> Command {
    let mut node = node(&["--input-type=module", "-e", &format!("import {package:?};")]);
    node.current_dir(folder);
    node
}

fn script(text: &str, arguments: &[&Path]) -> Command {
    let mut node = node(&["--input-type=module", "-e", text, "--"]);
    node.args(arguments);
    node
}

fn node(arguments: &[&str]) -> Command {
    let mut node = Command::new("node");
    node.args(arguments).env_remove("NODE_OPTIONS").stdin(Stdio::null());
    node
}

/// The JSON that a script prints.
fn tell(script: Command) -> Result<Value> {
    Ok(serde_json::from_str(&cargo::read(script)?)?)
}

fn number(told: &Value, name: &str) -> Result<f64> {
    Ok(told[name].as_f64().ok_or_else(|| format!("the script does not tell `{name}`"))?)
}
