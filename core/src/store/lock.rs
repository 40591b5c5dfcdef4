//! The rules of the agent's lock: a directory that its holder keeps touching (npm's proper-lockfile
//! 4), and when one may be taken over.
//!
//! Clocks jump and machines sleep, and then every lock looks old until its holder touches it next.
//! So what its time says is not enough: it must stay as it is for longer than its holder goes
//! without touching it; and one that looks young is dead, too, once it was not touched for long
//! enough.

/// The interval in which a holder touches it, in milliseconds. The agent's shortest idea of a dead
/// lock is 10 s.
pub const TOUCH_EVERY_MS: u64 = 2_000;
/// How long a waiter waits before it gives up, in milliseconds.
pub const PATIENCE_MS: u64 = 40_000;
/// How long a lock must have been left alone before it counts as dead, in milliseconds.
pub const STALE_AFTER_MS: u64 = 30_000;
/// The time for which one of ours, touched every 2 s, is watched before that is believed, in
/// milliseconds.
pub const WATCHED_FOR_MS: u64 = 2_500;
/// The same for any other: the agent touches its own every 15 s, and may be late.
pub const FOREIGN_WATCHED_FOR_MS: u64 = 18_000;

/// Returns whether a lock may be taken over that looks this old, and has stayed as it is for so
/// long; both are in milliseconds. `is_ours` tells whether it bears the mark of our hosts.
pub fn is_dead(age_ms: u64, watched_ms: u64, is_ours: bool) -> bool {
    let enough_ms = if is_ours { WATCHED_FOR_MS } else { FOREIGN_WATCHED_FOR_MS };
    watched_ms > STALE_AFTER_MS || (age_ms > STALE_AFTER_MS && watched_ms > enough_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_old_and_stays_so_or_was_watched_for_long_enough() {
        for (age_ms, watched_ms, ours, foreign) in [
            (31_000, 2_400, false, false),
            (31_000, 2_600, true, false),
            (31_000, 17_900, true, false),
            (31_000, 18_100, true, true),
            (29_000, 29_000, false, false),
            // Its time lies ahead: clocks jump.
            (0, 30_000, false, false),
            (0, 30_001, true, true),
        ] {
            let verdicts = [true, false].map(|is_ours| is_dead(age_ms, watched_ms, is_ours));
            assert_eq!(verdicts, [ours, foreign], "{age_ms} {watched_ms}");
        }
    }
}
