//! Detects values that are too weak to be masked in all texts.
//!
//! The redactor looks for the values of secrets in all texts that leave a call. A value that other
//! texts contain by chance, such as `prod`, would change texts that have nothing to do with the
//! secret.

use std::fmt;

use crate::value::SecretValue;

/// The fewest bytes of a value that is not weak.
///
/// The operator chooses the value. A shorter one appears in other texts by chance, and is easily
/// guessed.
pub const STRONG_BYTES_MIN: usize = 8;

/// The most digits of a number that is weak because it is a number.
///
/// There are only a million such numbers, so a PIN or a date is easily guessed and appears in many
/// texts.
const WEAK_DIGITS_MAX: usize = 6;

/// Words that appear in many texts, and passwords that attackers try first; one per line, in lower
/// case.
const EVERYDAY_WORDS: &str = include_str!("everyday_words.txt");

/// Why a value is weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// It is white space, or characters that cannot be seen.
    Blank,
    /// It has fewer than [`STRONG_BYTES_MIN`] bytes.
    Short,
    /// It is a number of few digits.
    Number,
    /// It is one of a list of everyday words.
    EverydayWord,
}

impl Weakness {
    /// Returns the name of the weakness in machine output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Short => "short",
            Self::Number => "number",
            Self::EverydayWord => "everydayWord",
        }
    }

    /// Returns why `value` is weak; `None` if it is not.
    #[must_use]
    pub fn of(value: &SecretValue) -> Option<Self> {
        let bytes = value.expose();
        // ignored: a value that is not text is no everyday word.
        let text = std::str::from_utf8(bytes).ok().map(str::trim);
        if text.is_some_and(|text| text.chars().all(is_invisible)) {
            return Some(Self::Blank);
        }
        if text.is_some_and(is_small_number) {
            return Some(Self::Number);
        }
        if text.is_some_and(is_everyday_word) {
            return Some(Self::EverydayWord);
        }
        (bytes.trim_ascii().len() < STRONG_BYTES_MIN).then_some(Self::Short)
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("it is blank"),
            Self::Short => write!(f, "it has fewer than {STRONG_BYTES_MIN} bytes"),
            Self::Number => write!(f, "it is a number of up to {WEAK_DIGITS_MAX} digits"),
            Self::EverydayWord => f.write_str("it is an everyday word"),
        }
    }
}

fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Returns whether a text is a number of few digits, with any separators: `12-34-56`.
fn is_small_number(text: &str) -> bool {
    let is_between = |c: char| matches!(c, '+' | '-' | '.' | ',' | '\'' | '_' | '/' | ':' | ' ');
    let n_digits = text.chars().filter(char::is_ascii_digit).count();
    (1..=WEAK_DIGITS_MAX).contains(&n_digits)
        && text.chars().all(|c| c.is_ascii_digit() || is_between(c))
}

fn is_everyday_word(text: &str) -> bool {
    EVERYDAY_WORDS
        .lines()
        .any(|word| word.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expect: Option<Weakness>) {
        let made = SecretValue::new(value.as_bytes().to_vec()).expect("it has a fitting length");
        assert_eq!(Weakness::of(&made), expect, "{value:?}");
    }

    #[test]
    fn weak_values_are_classified() {
        for blank in [
            "        ",
            "\t\t\n\r\u{a0}   ",
            "\u{200b}\u{200b}\u{200b}",
            "\0\0\0\0",
        ] {
            check(blank, Some(Weakness::Blank));
        }
        for short in ["prox", "hunter2", "  hunter2  "] {
            check(short, Some(Weakness::Short));
        }
        for number in [
            "1234",
            "123456",
            " 123456\r\n",
            "-12.34",
            "2026-11",
            "+12 34 56",
        ] {
            check(number, Some(Weakness::Number));
        }
        for word in ["prod", "Production", "PASSWORD", " localhost\n", "changeme"] {
            check(word, Some(Weakness::EverydayWord));
        }
        for strong in [
            "1234567 and more",
            "87654321",
            "correct horse",
            "passwordpassword",
            "zażółć!",
        ] {
            check(strong, None);
        }
        let bytes =
            SecretValue::new(vec![0xff; STRONG_BYTES_MIN]).expect("it has a fitting length");
        assert_eq!(Weakness::of(&bytes), None, "what is no text is no word");
    }

    #[test]
    fn word_list_is_sorted_and_lower_case() {
        let words: Vec<&str> = EVERYDAY_WORDS.lines().collect();
        assert!((190..=230).contains(&words.len()), "{}", words.len());
        assert!(words.is_sorted_by(|one, next| one < next));
        for word in words {
            let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            assert!(word.len() >= 4 && word.bytes().all(is_plain), "{word}");
        }
    }
}
