//! The forms of a value that are searched for literally.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::keys::hex;
use crate::value::VALUE_BYTES_MIN;

/// The fewest bytes of a line of a value that is searched for by itself. A shorter line, such as a
/// brace of JSON, appears in many texts.
pub(super) const LINE_BYTES_MIN: usize = 8;

/// A form as it appears in texts. Several forms of a value may be equal.
pub(super) type EncodedForm = Zeroizing<Vec<u8>>;

/// Returns the forms of a value. None of them has fewer than [`VALUE_BYTES_MIN`] bytes.
pub(super) fn forms(value: &[u8]) -> Vec<EncodedForm> {
    let mut forms = Forms(Vec::new());
    forms.of_whole(value);
    // Commands print a value with a line end that it does not have when it is used.
    forms.of_whole(value.trim_ascii());
    for line in value.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let line = line.trim_ascii();
        if line.len() >= LINE_BYTES_MIN {
            forms.push(line.to_vec());
        }
    }
    forms.0
}

struct Forms(Vec<EncodedForm>);

impl Forms {
    fn push(&mut self, form: Vec<u8>) {
        if form.len() >= VALUE_BYTES_MIN {
            self.0.push(Zeroizing::new(form));
        }
    }

    fn of_whole(&mut self, value: &[u8]) {
        if value.len() < VALUE_BYTES_MIN {
            return;
        }
        self.push(value.to_vec());
        let plus = |byte: &u8| if *byte == b' ' { b'+' } else { *byte };
        self.push(value.iter().map(plus).collect());
        self.of_bytes_as_text(value);
        let lower = hex(value);
        self.push(lower.to_ascii_uppercase().into_bytes());
        self.push(lower.into_bytes());
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            (0..3).for_each(|shift| self.of_base64(value, shift, engine));
        }
    }

    /// Bytes that are not UTF-8 become replacement characters in a lossy conversion to text.
    fn of_bytes_as_text(&mut self, value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        let is_mark = |c: char| c == char::REPLACEMENT_CHARACTER;
        let n_marks = text.chars().filter(|c| is_mark(*c)).count();
        if n_marks > 0 && text.len() - n_marks * '\u{fffd}'.len_utf8() >= VALUE_BYTES_MIN {
            self.push(text.trim_matches(is_mark).as_bytes().to_vec());
        }
    }

    /// The base64 digits of a value that begins `shift` bytes after the start of a group. A digit
    /// at either end that also encodes bits of neighbouring bytes is not part of the form.
    fn of_base64(&mut self, value: &[u8], shift: usize, engine: &impl Engine) {
        let shifted = Zeroizing::new([&[0; 2][..shift], value].concat());
        let mut digits = engine.encode(&shifted).into_bytes();
        let n_bits = 8 * shifted.len();
        let first = (8 * shift).div_ceil(6);
        let middle = digits[first..n_bits / 6].to_vec();
        if middle.len() < VALUE_BYTES_MIN {
            return;
        }
        self.push(middle);
        // At the end of the encoded text, the last digit depends on the value alone.
        self.push(digits[first..].to_vec());
        while digits.len() % 4 != 0 {
            digits.push(b'=');
        }
        self.push(digits[first..].to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expect: &[&str]) {
        let mut forms: Vec<String> = forms(value.as_bytes())
            .iter()
            .map(|form| String::from_utf8_lossy(form).into_owned())
            .collect();
        forms.sort();
        forms.dedup();
        let mut expect = expect.to_vec();
        expect.sort_unstable();
        assert_eq!(forms, expect, "{value:?}");
    }

    #[test]
    fn short_value_has_few_forms() {
        check(
            "a b?",
            &[
                "a b?", "a+b?", "6120623f", "6120623F", "YSBiP", "YSBiPw", "YSBiPw==", "EgYj8",
                "EgYj8=", "EgYj", "hIGI_", "hIGI/",
            ],
        );
    }

    #[test]
    fn long_lines_are_forms() {
        let forms = forms(b"{\n  \"key\": 1\r\n}\n");
        let is_there = |text: &str| forms.iter().any(|form| form.as_slice() == text.as_bytes());
        assert!(is_there("\"key\": 1"));
        assert!(is_there("{\n  \"key\": 1\r\n}"));
        assert!(!is_there("}") && !is_there("{"));
    }

    #[test]
    fn forms_have_the_minimal_length() {
        for value in ["\n\n\n\n", "a\n\n\n", "\u{1}\u{2}\u{3}\u{4}", "1234"] {
            for form in forms(value.as_bytes()) {
                assert!(form.len() >= VALUE_BYTES_MIN, "{value:?}");
            }
        }
        let forms = forms(&[0xff, 0xfe, b'a', b'b', b'c', b'd', 0xff]);
        assert!(forms.iter().any(|form| form.as_slice() == b"abcd"));
    }
}
