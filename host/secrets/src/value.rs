//! The value of a secret: shown to nobody, and erased when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

/// The most bytes that a value may have.
///
/// The operator chooses it. A redactor holds some twenty forms of each value, so without a
/// limit one secret could take all memory; a key or a certificate has a few KiB.
pub const VALUE_BYTES_MAX: usize = 64 << 10;

/// The fewest bytes that a value may have.
///
/// The operator chooses it. What is shorter stands in many texts by chance, all the more so in
/// base64, so it could not be told from them; and it is guessed at once.
pub const VALUE_BYTES_MIN: usize = 4;

/// The value of a secret, of [`VALUE_BYTES_MIN`] to [`VALUE_BYTES_MAX`] bytes.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

/// A value is none that can be kept secret.
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
    /// Makes a value of bytes. They are erased if they are none.
    ///
    /// # Errors
    /// It is too short or too long.
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

    /// Returns the value itself. Whoever asks keeps it out of logs, errors and records.
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
    fn a_value_has_bounds_and_is_not_shown() {
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
