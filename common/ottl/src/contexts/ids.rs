//! Ids as hexadecimal text.

use crate::RunError;

/// Reads exactly `N` bytes of hexadecimal digits.
pub(super) fn parse<const N: usize>(text: &str, what: &str) -> Result<[u8; N], RunError> {
    let mut id = [0; N];
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(RunError::new(format!("{what} ids must be {} hex characters", 2 * N)));
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            return Err(RunError::new(format!("{text:?} is not hexadecimal")));
        };
        *byte = (high << 4 | low) as u8;
    }
    Ok(id)
}
