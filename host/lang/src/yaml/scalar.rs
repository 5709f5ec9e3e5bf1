//! Decides the type of a plain scalar: `5` is a number, `true` a boolean, and `012` a text.

use sedge_model::json;
use serde_json::Number;

/// The meaning of a plain scalar.
#[derive(Debug, PartialEq)]
pub(super) enum PlainScalar {
    Null,
    Bool(bool),
    Number(Number),
    Text,
}

/// A number that cannot be stored as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrongNumber {
    Rounded,
    TooLarge,
    NotFinite,
}

/// Returns the meaning of a plain scalar.
///
/// # Errors
/// It is a number that would be rounded.
pub(super) fn plain(text: &str) -> Result<PlainScalar, WrongNumber> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(PlainScalar::Null),
        "true" | "True" | "TRUE" => return Ok(PlainScalar::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(PlainScalar::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(WrongNumber::NotFinite);
    }
    let is_numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !is_numeric || text.contains('_') || has_leading_zero(unsigned) {
        return Ok(PlainScalar::Text);
    }
    if let Some(number) = integer(text, unsigned) {
        return Ok(PlainScalar::Number(number));
    }
    if json::is_beyond_64_bits(text) {
        return Err(WrongNumber::Rounded);
    }
    match text.parse::<f64>() {
        Ok(value) => match Number::from_f64(value) {
            Some(number) => Ok(PlainScalar::Number(number)),
            None => Err(WrongNumber::TooLarge),
        },
        // Not every text that begins with a digit is a number.
        Err(_) => Ok(PlainScalar::Text),
    }
}

/// Returns whether digits begin with a superfluous zero. Such a text is a version or a code, and
/// not a number.
fn has_leading_zero(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Returns a whole number of 64 bits.
fn integer(text: &str, unsigned: &str) -> Option<Number> {
    let prefix = unsigned.get(..2).unwrap_or_default();
    let radix = match prefix {
        "0x" | "0X" => 16,
        "0o" | "0O" => 8,
        "0b" | "0B" => 2,
        _ => 10,
    };
    let digits = if radix == 10 {
        unsigned
    } else {
        &unsigned[2..]
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    if text.starts_with('-') {
        0_i64.checked_sub_unsigned(size).map(Number::from)
    } else {
        Some(Number::from(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalar_has_the_type_of_its_text() {
        let number = |text: &str| {
            let number = serde_json::from_str(text).expect("a number of JSON");
            Ok(PlainScalar::Number(number))
        };
        let check = |text: &str, expect: Result<PlainScalar, WrongNumber>| {
            assert_eq!(plain(text), expect, "{text}");
        };
        for null in ["", "~", "null", "Null", "NULL"] {
            check(null, Ok(PlainScalar::Null));
        }
        for (text, value) in [("true", true), ("TRUE", true), ("False", false)] {
            check(text, Ok(PlainScalar::Bool(value)));
        }
        for (text, json) in [
            ("0", "0"),
            ("7", "7"),
            ("+7", "7"),
            ("-7", "-7"),
            ("1.5", "1.5"),
            ("-.5", "-0.5"),
            ("5.", "5.0"),
            ("1e3", "1000.0"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("0b11", "3"),
            ("-0x10", "-16"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1234567890123456789.5", "1234567890123456789.5"),
        ] {
            check(text, number(json));
        }
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "tRUE",
            "nil",
            "012",
            "-012",
            "1_000",
            "0x1_0",
            "1.2.3",
            "1-2",
            "5m",
            "2026-01-01",
            "0x",
            "0xg",
            "inf",
            "nan",
            "infinity",
            "e5",
            ".",
            "-",
            "+",
            "é",
            "0é",
        ] {
            check(text, Ok(PlainScalar::Text));
        }
        for text in ["18446744073709551616", "-9223372036854775809"] {
            check(text, Err(WrongNumber::Rounded));
        }
        check("1e999", Err(WrongNumber::TooLarge));
        check(".inf", Err(WrongNumber::NotFinite));
        check("-.INF", Err(WrongNumber::NotFinite));
        check(".nan", Err(WrongNumber::NotFinite));
    }
}
