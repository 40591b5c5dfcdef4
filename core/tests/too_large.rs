//! What could not be read again is not written.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use pi_auth_core::flow::{Effect, Event, Flow};
use pi_auth_core::json::from_str;

#[test]
fn a_login_that_would_make_the_file_too_large_is_refused() {
    let note = "x".repeat(1 << 20);
    let request = format!(
        r#"{{"type":"write_credential","provider":"p","credential":
            {{"refresh":"r","access":"a","expires":5,"note":"{note}"}}}}"#
    );
    let (mut flow, effect) = Flow::start(from_str(&request).unwrap());
    assert_eq!(effect, Effect::ProbeStore);
    let read = || Event::StoreRead { path: "s".into(), contents: None, access: None };
    assert_eq!(flow.step(read(), 0), Effect::LockStore);
    assert_eq!(flow.step(Event::Locked, 0), Effect::ReadStore);
    let Effect::Failed { error } = flow.step(read(), 0) else { panic!("it was written") };
    assert_eq!(error.to_string(), "Could not write s: it is larger than 1 MiB.");
}
