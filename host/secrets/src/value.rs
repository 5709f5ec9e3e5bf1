//! The value of a secret, which is never displayed, and is erased when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

/// The most bytes that a value may have.
///
/// The operator chooses the value. A redactor holds about twenty forms of each value, so without a
/// limit one secret could take all memory. A key or a certificate has a few KiB.
pub const VALUE_BYTES_MAX: usize = 64 << 10;

/// The fewest bytes that a value may have.
///
/// The operator chooses the value. A shorter value appears in many texts by chance, even more often
/// in base64, so the redactor could not tell it from other text. It would also be guessed easily.
pub const VALUE_BYTES_MIN: usize = 4;

/// The value of a secret, of [`VALUE_BYTES_MIN`] to [`VALUE_BYTES_MAX`] bytes.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

/// Bytes cannot be the value of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// It has fewer than [`VALUE_BYTES_MIN`] bytes.
    #[error("the value has fewer than {VALUE_BYTES_MIN} bytes")]
    Short,
    /// It has more than [`VALUE_BYTES_MAX`] bytes.
    #[error("the value has more than {VALUE_BYTES_MAX} bytes")]
    Long,
}

impl SecretValue {
    /// Creates a value. Bytes that are refused are erased.
    ///
    /// # Errors
    /// The value is too short or too long.
    pub fn new(bytes: impl Into<Zeroizing<Vec<u8>>>) -> Result<Self, ValueError> {
        let bytes = bytes.into();
        if bytes.len() < VALUE_BYTES_MIN {
            return Err(ValueError::Short);
        }
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(ValueError::Long);
        }
        Ok(Self(bytes))
    }

    /// Returns the bytes of the value. The caller must keep them out of logs, errors and records.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_has_length_limits_and_is_not_displayed() {
        let check = |n: usize, expect: Option<ValueError>| {
            assert_eq!(SecretValue::new(vec![b'x'; n]).err(), expect, "{n}");
        };
        check(0, Some(ValueError::Short));
        check(VALUE_BYTES_MIN - 1, Some(ValueError::Short));
        check(VALUE_BYTES_MIN, None);
        check(VALUE_BYTES_MAX, None);
        check(VALUE_BYTES_MAX + 1, Some(ValueError::Long));
        let value = SecretValue::new(b"canary".to_vec()).expect("long enough");
        assert_eq!(format!("{value:?}"), "SecretValue(..)");
        assert_eq!(value.expose(), b"canary");
    }
}
