//! The agent's move of the file of its oldest versions: it renames `oauth.json` away, and then
//! writes `auth.json`, without the lock. For a moment in between there is neither, though nobody
//! has logged out.

/// How often a file is looked for that the agent is about to write.
pub const LOOKS: u8 = 10;
/// How long to wait between two looks, in milliseconds.
pub const LOOK_EVERY_MS: u64 = 20;

/// Returns whether it may be under way: `oauth.json` was renamed just now. Both are in epoch
/// milliseconds. A file system may tell its time to the second, and clocks disagree a little.
pub fn is_under_way(renamed_ms: u64, now_ms: u64) -> bool {
    now_ms < renamed_ms.saturating_add(3_000) && renamed_ms <= now_ms.saturating_add(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_a_moment() {
        for (renamed_ms, expected) in [
            (100_000, true),
            (97_001, true),
            (97_000, false),
            (101_000, true),
            (101_001, false),
            (0, false),
            (u64::MAX, false),
        ] {
            assert_eq!(is_under_way(renamed_ms, 100_000), expected, "{renamed_ms}");
        }
    }
}
