//! What is wrong with a call, at both doors of the module: answered, and no trap.

use std::path::Path;
use std::process::{Command, Stdio};

use pi_auth_tests::npm::module;

#[test]
fn a_wrong_call_is_answered_at_both_doors() {
    let folder = module().parent().unwrap();
    let doors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/tests/doors.mjs");
    let node = Command::new("node").arg(doors).arg(folder).stdin(Stdio::null()).output();
    let ended = node.unwrap_or_else(|error| panic!("node does not start ({error})"));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}\n{said}", ended.status);
}
