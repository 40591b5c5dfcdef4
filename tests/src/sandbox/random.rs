//! Unguessable strings: codes, tokens, request ids.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::canary;

/// 256 random bits in base64url. What is made of them is a secret: a code, a token, or as good as
/// one.
pub(super) fn random() -> String {
    let random = URL_SAFE_NO_PAD.encode(bytes());
    canary::plant(&random);
    random
}

/// This many characters of an alphabet, at most 32. What is left of 256 over the alphabet's size
/// makes some a little likelier than others, which no code that lives for minutes minds.
pub(super) fn random_of(alphabet: &[u8], length: usize) -> String {
    let character = |byte: &u8| char::from(alphabet[usize::from(*byte) % alphabet.len()]);
    bytes().iter().take(length).map(character).collect()
}

#[expect(clippy::expect_used, reason = "without randomness no test can go on")]
fn bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
