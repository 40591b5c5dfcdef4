//! The whole part of a number, however it is spelled: `1.5e3` is 1500.
//!
//! Times and intervals are all that is read here, and they are whole. Going by the digits is exact,
//! and needs none of the tables that a floating-point number does.

/// The whole part, 0 for a negative one; `None` for what is no number, or more than a `u64` holds.
pub(super) fn whole(text: &str) -> Option<u64> {
    if text.starts_with('-') {
        return Some(0);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = signed(exponent);
    let wanted = (whole.len() as i64) + exponent;
    let mut digits = whole.bytes().chain(fraction.bytes());
    let mut value = 0u64;
    let mut taken = 0;
    while taken < wanted {
        let digit = match digits.next() {
            Some(byte @ b'0'..=b'9') => u64::from(byte - b'0'),
            Some(_) => return None,
            // Zeros without end stay zero.
            None if value == 0 => break,
            None => 0,
        };
        if value > (u64::MAX - digit) / 10 {
            return None;
        }
        value = value * 10 + digit;
        taken += 1;
    }
    (!whole.is_empty()).then_some(value)
}

/// An exponent. One that is further from 0 than any text is long is as good as infinite.
fn signed(text: &str) -> i64 {
    let magnitude = text.bytes().filter(u8::is_ascii_digit).fold(0, |value: i64, byte| {
        if value > i64::from(u32::MAX) { value } else { value * 10 + i64::from(byte - b'0') }
    });
    if text.starts_with('-') { -magnitude } else { magnitude }
}
