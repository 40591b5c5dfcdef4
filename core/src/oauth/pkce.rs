//! RFC 7636: Proof Key for Code Exchange, S256 only.

use alloc::string::String;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize as _, Serializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::{Exposed, Secret};
use crate::text::hex;

/// The randomness of one login: 32 bytes for the code verifier and 32 other bytes for the state.
///
/// The two are independent on purpose. A client that sends its verifier as the state puts the
/// PKCE secret into a URL, where PKCE no longer protects anything. In JSON: 128 hex digits.
#[derive(Clone)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(type = "string"))]
pub struct Entropy(Zeroizing<[u8; Entropy::LEN]>);

impl Entropy {
    /// Bytes needed.
    pub const LEN: usize = 64;

    /// Takes bytes from a cryptographic random source; they must never be used twice.
    pub fn new(bytes: [u8; Entropy::LEN]) -> Self {
        Entropy(Zeroizing::new(bytes))
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier(Secret::new(URL_SAFE_NO_PAD.encode(&self.0[..32])))
    }

    pub(crate) fn state(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(&self.0[32..]))
    }

    /// A path that nobody can guess, and that tells nothing of the state that it is made of: it
    /// stands among a browser's arguments, where other users can read it.
    pub(crate) fn one_time_path(&self) -> String {
        let digest = Sha256::new().chain_update("one-time address").chain_update(&self.0[32..]);
        let digest = URL_SAFE_NO_PAD.encode(digest.finalize());
        alloc::format!("/open/{digest}")
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl<'de> Deserialize<'de> for Entropy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Secret::deserialize(deserializer)?;
        let mut bytes = Zeroizing::new([0; Entropy::LEN]);
        let (pairs, rest) = text.expose().as_bytes().as_chunks::<2>();
        let digits = text.expose().bytes().all(|byte| byte.is_ascii_hexdigit());
        if pairs.len() != Entropy::LEN || !rest.is_empty() || !digits {
            return Err(D::Error::custom("not 128 hex digits"));
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let digit = |c: &u8| char::from(*c).to_digit(16).unwrap_or_default();
            *byte = (digit(high) << 4 | digit(low)) as u8;
        }
        Ok(Entropy(bytes))
    }
}

impl Exposed for Entropy {
    fn serialize_exposed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hex(&*self.0).serialize(serializer)
    }
}

/// A code verifier: 43 unreserved characters from 32 random bytes (RFC 7636, 4.1).
#[derive(Clone, Debug)]
pub struct Verifier(Secret);

impl Verifier {
    /// The verifier as it is sent to the token endpoint.
    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }

    /// The code challenge that goes into the authorization request: method S256 (RFC 7636, 4.2).
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7636_appendix_b() {
        let mut bytes = [0; Entropy::LEN];
        bytes[..32].copy_from_slice(&[
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ]);
        let verifier = Entropy::new(bytes).verifier();
        assert_eq!(verifier.secret().expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn the_state_shares_nothing_with_the_verifier() {
        let mut bytes = [1; Entropy::LEN];
        bytes[32..].fill(2);
        let entropy = Entropy::new(bytes);
        assert_ne!(entropy.state().expose(), entropy.verifier().secret().expose());
        assert_eq!(entropy.state().expose().len(), 43);
        bytes[..32].fill(9);
        assert_eq!(Entropy::new(bytes).state(), entropy.state());
    }

    #[test]
    fn the_one_time_path_is_another_for_each_state_and_does_not_hold_it() {
        let path = |byte| Entropy::new([byte; Entropy::LEN]).one_time_path();
        let entropy = Entropy::new([1; Entropy::LEN]);
        assert_ne!(path(1), path(2));
        assert_eq!(path(1).len(), "/open/".len() + 43);
        assert!(!path(1).contains(entropy.state().expose()));
        assert!(!path(1).contains(&entropy.verifier().challenge()));
    }

    #[test]
    fn entropy_is_read_from_hex_and_never_shown() {
        let hex = "0f".repeat(64);
        let entropy: Entropy = crate::json::from_str(&alloc::format!("\"{hex}\"")).unwrap();
        assert_eq!(*entropy.0, [0x0f; 64]);
        assert_eq!(alloc::format!("{entropy:?}"), "[REDACTED]");
        assert!(crate::json::from_str::<Entropy>("\"0f\"").is_err());
        let not_hex = alloc::format!("\"{}\"", "zz".repeat(64));
        assert!(crate::json::from_str::<Entropy>(&not_hex).is_err());
    }
}
