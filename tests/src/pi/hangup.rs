//! A hangup ends what the tests start, also where they run under `nohup`.

use std::fs;
use std::sync::OnceLock;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Lets a hangup reach the programs that are started from now on.
///
/// `nohup` has SIGHUP ignored, and every program inherits that. A handler is not inherited, so this
/// process takes one that does nothing: it survives a hangup as before, and its children do not.
pub(super) fn reach_children() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if is_ignored(&status) {
            let runtime = Builder::new_current_thread().enable_io().build();
            let runtime = runtime.expect("a runtime can be started");
            let _inside = runtime.enter();
            // The handler stays when the runtime and this stream are gone.
            drop(signal(SignalKind::hangup()).expect("a handler can be set"));
        }
    });
}

/// Returns whether SIGHUP is ignored, by `/proc/PID/status`; unknown on other systems.
fn is_ignored(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|it| it & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status =
            |mask: &str| format!("Name:\tpi\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(is_ignored(&status("0000000000001001")));
        assert!(!is_ignored(&status("0000000000001000")));
        assert!(!is_ignored("") && !is_ignored(&status("")));
    }
}
