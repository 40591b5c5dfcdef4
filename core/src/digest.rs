//! Short digests by which tokens are recognized.

use alloc::string::String;

use sha2::{Digest, Sha256};

use crate::text::hex;

/// Returns a digest of `parts`: enough to tell tokens apart, and far from enough to find one.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    hex(&digest.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_divided_in_another_way_have_another_digest() {
        assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
        assert_eq!(digest(&["a", "b"]).len(), 16);
        for other in [&["ab"][..], &["a"], &["ab", ""], &["", "ab"], &["b", "a"]] {
            assert_ne!(digest(&["a", "b"]), digest(other), "{other:?}");
        }
    }
}
