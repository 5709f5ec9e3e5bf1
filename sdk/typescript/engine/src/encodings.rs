//! Text as bytes: UTF-8 and base64.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The settings of all encodings here: padding is written, and need not be there to be read.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

const OF_URLS: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT.with_encode_padding(false));

/// Returns the length of the beginning of `bytes` after which no character of UTF-8 is cut in two.
/// Bytes that are no UTF-8 count as characters of their own, so at most 3 bytes are left over.
#[must_use]
pub fn complete(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    for (at, byte) in tail.iter().enumerate().rev() {
        let needed = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x00..=0x7f | 0xc0 | 0xc1 | 0xf5..=0xff => 1,
        };
        let begun = &tail[at..];
        let is_cut = needed > begun.len() && is_beginning(begun);
        return bytes.len() - if is_cut { begun.len() } else { 0 };
    }
    bytes.len()
}

/// Returns whether bytes that end too early could become one character.
fn is_beginning(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .err()
        .is_some_and(|error| error.error_len().is_none() && error.valid_up_to() == 0)
}

/// Returns the text of `bytes`, or `None` if they are no UTF-8.
#[must_use]
pub fn decode_strictly(bytes: Vec<u8>) -> Option<String> {
    // ignored: the caller says what is wrong, and the position would not help it.
    String::from_utf8(bytes).ok()
}

/// Returns the text of `bytes`, with U+FFFD for what is no UTF-8, as the WHATWG standard puts it.
#[must_use]
pub fn decode(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Returns the longest beginning of `text` that has at most `bytes_max` bytes in UTF-8, and how many
/// UTF-16 units it has.
#[must_use]
pub fn fitting(text: &str, bytes_max: usize) -> (&str, usize) {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let fits = &text[..end];
    (fits, fits.chars().map(char::len_utf16).sum())
}

/// Returns `bytes` in base64 (RFC 4648), or in its form for URLs, which has no padding.
#[must_use]
pub fn to_base64(bytes: &[u8], is_for_urls: bool) -> String {
    match is_for_urls {
        true => OF_URLS.encode(bytes),
        false => STANDARD.encode(bytes),
    }
}

/// Returns the bytes of a text in base64, as the WHATWG standard decodes it: white space is ignored,
/// and padding may be missing. With `is_for_urls`, the letters of both forms are accepted. Returns
/// `None` if the text is something else.
#[must_use]
pub fn from_base64(text: &str, is_for_urls: bool) -> Option<Vec<u8>> {
    let letters: String = text
        .chars()
        .filter(|letter| !matches!(letter, '\t' | '\n' | '\x0c' | '\r' | ' '))
        .map(|letter| match (letter, is_for_urls) {
            ('-', true) => '+',
            ('_', true) => '/',
            (_, _) => letter,
        })
        .collect();
    // Padding is whole or missing, but not in part.
    let is_padded = letters.ends_with('=');
    if is_padded && !letters.len().is_multiple_of(4) {
        return None;
    }
    // ignored: the caller says what is wrong.
    STANDARD.decode(letters).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_ends_before_a_cut_character() {
        let text = "aé€😀".as_bytes();
        for (length, expected) in [
            (1, 1),
            (2, 1),
            (3, 3),
            (4, 3),
            (5, 3),
            (6, 6),
            (7, 6),
            (8, 6),
            (9, 6),
            (10, 10),
        ] {
            assert_eq!(complete(&text[..length]), expected, "{length} bytes");
        }
    }

    #[test]
    fn complete_counts_invalid_bytes_as_characters() {
        for bytes in [
            &b""[..],
            b"\x80\x80\x80\x80",
            b"a\xff",
            b"\xc0",
            b"\xe0\x80",
            b"\xf8",
        ] {
            assert_eq!(complete(bytes), bytes.len(), "{bytes:?}");
        }
    }

    #[test]
    fn invalid_bytes_are_replaced_or_refused() {
        assert_eq!(decode(b"a\xf0\x9f\x98b".to_vec()), "a\u{fffd}b");
        assert_eq!(decode(b"\xed\xa0\x80".to_vec()), "\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(decode_strictly(b"a\xff".to_vec()), None);
        assert_eq!(decode_strictly("é".into()).as_deref(), Some("é"));
    }

    #[test]
    fn fitting_ends_between_characters() {
        assert_eq!(fitting("a😀b", 4), ("a", 1));
        assert_eq!(fitting("a😀b", 5), ("a😀", 3));
        assert_eq!(fitting("a😀b", 99), ("a😀b", 4));
    }

    #[test]
    fn base64_is_read_leniently() {
        for text in ["YWI=", "YWI", " Y W\nI= "] {
            assert_eq!(
                from_base64(text, false).as_deref(),
                Some(&b"ab"[..]),
                "{text:?}"
            );
        }
        for text in ["YWI==", "Y", "YW-_", "YW=I", "ä"] {
            assert_eq!(from_base64(text, false), None, "{text:?}");
        }
        assert_eq!(from_base64("-_8", true).as_deref(), Some(&b"\xfb\xff"[..]));
        assert_eq!(to_base64(b"\xfb\xff", true), "-_8");
        assert_eq!(to_base64(b"\xfb\xff", false), "+/8=");
    }
}
