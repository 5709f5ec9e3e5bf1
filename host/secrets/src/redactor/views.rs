//! Views of a text with one encoding removed, which map each part back to its source.

use std::ops::Range;

use crate::keys::hex_digit;

/// An encoding that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `%2F` for a byte (RFC 3986).
    Percent,
    /// `\n`, `\"`, `\u002f`, `\u{2f}`, `\x2f` for a character (RFC 8259, and literals of Rust).
    Backslash,
    /// Line ends, which are removed.
    Wrapped,
}

pub(super) const ENCODINGS: [Encoding; 3] =
    [Encoding::Percent, Encoding::Backslash, Encoding::Wrapped];

/// A text after an encoding was removed.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// The decoded escapes, in order. All bytes between them are unchanged.
    escapes: Vec<Escape>,
    /// How many bytes of the text were read: all of them, unless the last ones may be the beginning
    /// of an escape.
    n_read: usize,
}

/// A part of a text and the part of the view that it was decoded to.
#[derive(Debug, Clone)]
struct Escape {
    from: Range<usize>,
    to: Range<usize>,
}

/// The result of decoding at one position.
enum Read {
    /// An ordinary byte.
    Plain,
    /// An escape of `n` bytes that is decoded to `bytes`.
    Escape { n: usize, bytes: Utf8 },
    /// A possible beginning of an escape at the end of an incomplete text.
    Open,
}

/// The bytes of a character, a single byte, or none.
#[derive(Default)]
struct Utf8 {
    bytes: [u8; 4],
    len: usize,
}

impl Encoding {
    /// Returns the decoded text; `None` if it contains no escapes. If `is_end` is false, more of
    /// the text may follow.
    pub(super) fn read(self, text: &[u8], is_end: bool) -> Option<View> {
        let mark = match self {
            Self::Percent => b'%',
            Self::Backslash => b'\\',
            Self::Wrapped => b'\n',
        };
        // The next piece may begin with the second half of the line end.
        let is_half = self == Self::Wrapped && !is_end && text.ends_with(b"\r");
        if !text.contains(&mark) && !is_half {
            return None;
        }
        let mut view = View::default();
        view.bytes.reserve(text.len());
        let mut at = 0;
        while at < text.len() {
            match self.read_one(&text[at..]) {
                Read::Open if !is_end => break,
                Read::Plain | Read::Open => {
                    view.bytes.push(text[at]);
                    at += 1;
                }
                Read::Escape { n, bytes } => {
                    view.push(at..at + n, &bytes);
                    at += n;
                }
            }
        }
        view.n_read = at;
        Some(view)
    }

    fn read_one(self, text: &[u8]) -> Read {
        match (self, text[0]) {
            (Self::Percent, b'%') => percent(text),
            (Self::Backslash, b'\\') => backslash(text),
            (Self::Wrapped, b'\n') => escape(1, Utf8::default()),
            (Self::Wrapped, b'\r') => match text.get(1) {
                Some(b'\n') => escape(2, Utf8::default()),
                Some(_) => Read::Plain,
                None => Read::Open,
            },
            (Self::Percent | Self::Backslash | Self::Wrapped, _) => Read::Plain,
        }
    }
}

impl View {
    /// Returns the part of the text that this part of the view was decoded from, with whole
    /// escapes.
    pub(super) fn source(&self, part: Range<usize>) -> Range<usize> {
        let start = self.source_of(part.start).start;
        if part.is_empty() {
            return start..start;
        }
        start..self.source_of(part.end - 1).end
    }

    /// Returns the part of the text that the byte at `at` was decoded from. `at` may be the end.
    fn source_of(&self, at: usize) -> Range<usize> {
        if at == self.bytes.len() {
            return self.n_read..self.n_read;
        }
        let n_before = self.escapes.partition_point(|it| it.to.start <= at);
        // Escapes that decode to nothing precede the byte, at the same position of the view.
        let Some(escape) = n_before.checked_sub(1).map(|n| &self.escapes[n]) else {
            return at..at + 1;
        };
        if escape.to.contains(&at) {
            return escape.from.clone();
        }
        let start = escape.from.end + (at - escape.to.end);
        start..start + 1
    }

    /// Returns the parts of the text that are escapes.
    pub(super) fn escapes(&self) -> impl Iterator<Item = Range<usize>> {
        self.escapes.iter().map(|it| it.from.clone())
    }

    fn push(&mut self, from: Range<usize>, bytes: &Utf8) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&bytes.bytes[..bytes.len]);
        let to = start..self.bytes.len();
        self.escapes.push(Escape { from, to });
    }
}

impl Utf8 {
    fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            len: 1,
        }
    }

    /// The character with this code point, or the replacement character if there is none.
    fn character(number: u32) -> Self {
        let c = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut bytes = [0; 4];
        let len = c.encode_utf8(&mut bytes).len();
        Self { bytes, len }
    }
}

fn escape(n: usize, bytes: Utf8) -> Read {
    Read::Escape { n, bytes }
}

fn percent(text: &[u8]) -> Read {
    match hex_number(&text[1..], 2) {
        Number::Is(byte) => escape(3, Utf8::byte(low_byte(byte))),
        Number::Open => Read::Open,
        Number::IsNot => Read::Plain,
    }
}

fn backslash(text: &[u8]) -> Read {
    let Some(kind) = text.get(1) else {
        return Read::Open;
    };
    let byte = match kind {
        b'"' | b'\\' | b'/' | b'\'' => *kind,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        b'x' => {
            return match hex_number(&text[2..], 2) {
                Number::Is(byte) => escape(4, Utf8::byte(low_byte(byte))),
                Number::Open => Read::Open,
                Number::IsNot => Read::Plain,
            };
        }
        b'u' if text.get(2) == Some(&b'{') => return braced(text),
        b'u' => return code_unit(text),
        _ => return Read::Plain,
    };
    escape(2, Utf8::byte(byte))
}

/// Decodes `\u{2f}`, as Rust writes it.
fn braced(text: &[u8]) -> Read {
    const DIGITS_MAX: usize = 6;
    let digits = &text[3..text.len().min(3 + DIGITS_MAX + 1)];
    let n_digits = digits.iter().take_while(|it| hex_digit(**it).is_some());
    let n_digits = n_digits.count();
    match (digits.get(n_digits), hex_number(digits, n_digits)) {
        (Some(b'}'), Number::Is(number)) if n_digits > 0 => {
            escape(3 + n_digits + 1, Utf8::character(number))
        }
        (None, _) if n_digits <= DIGITS_MAX => Read::Open,
        (Some(_) | None, Number::Is(_) | Number::Open | Number::IsNot) => Read::Plain,
    }
}

/// Decodes `\u002f`, or two such escapes for a character beyond 16 bits.
fn code_unit(text: &[u8]) -> Read {
    const UNIT: usize = 6;
    let high = match hex_number(&text[2..], 4) {
        Number::Is(unit) => unit,
        Number::Open => return Read::Open,
        Number::IsNot => return Read::Plain,
    };
    if !(0xd800..0xdc00).contains(&high) {
        return escape(UNIT, Utf8::character(high));
    }
    let rest = &text[UNIT..];
    if rest.len() < 2 && b"\\u".starts_with(rest) {
        return Read::Open;
    }
    let low = rest.strip_prefix(b"\\u").map(|rest| hex_number(rest, 4));
    match low {
        Some(Number::Open) => Read::Open,
        Some(Number::Is(low)) if (0xdc00..0xe000).contains(&low) => {
            let number = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            escape(2 * UNIT, Utf8::character(number))
        }
        Some(Number::Is(_) | Number::IsNot) | None => escape(UNIT, Utf8::character(high)),
    }
}

enum Number {
    Is(u32),
    IsNot,
    /// The text ends before the last digit.
    Open,
}

/// Parses a number of exactly `n_digits` hexadecimal digits.
fn hex_number(text: &[u8], n_digits: usize) -> Number {
    let mut number = 0;
    for at in 0..n_digits {
        let Some(digit) = text.get(at) else {
            return Number::Open;
        };
        let Some(digit) = hex_digit(*digit) else {
            return Number::IsNot;
        };
        number = number << 4 | u32::from(digit);
    }
    Number::Is(number)
}

fn low_byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(encoding: Encoding, text: &str, expect: &str) {
        let view = encoding.read(text.as_bytes(), true);
        let read = view.map_or(text.as_bytes().to_vec(), |view| view.bytes);
        assert_eq!(String::from_utf8_lossy(&read), expect, "{text}");
    }

    #[test]
    fn each_encoding_is_removed_once() {
        check(Encoding::Percent, "a%2Fb%2fc%2", "a/b/c%2");
        check(Encoding::Percent, "%%41%zz%2541", "%A%zz%41");
        check(Encoding::Percent, "%c3%A9", "é");
        check(
            Encoding::Backslash,
            r#"\"\\\/\b\f\n\r\t\'"#,
            "\"\\/\u{8}\u{c}\n\r\t'",
        );
        check(Encoding::Backslash, r"\u0041\u00e9\uD83D\ude00", "Aé😀");
        check(
            Encoding::Backslash,
            r"\ud83d \ud83d\n\ude00",
            "\u{fffd} \u{fffd}\n\u{fffd}",
        );
        check(Encoding::Backslash, r"\u{e9}\u{1f600}\x41\0", "é😀A\0");
        check(
            Encoding::Backslash,
            r"\u{}\u{1234567}\u12\q\x4",
            r"\u{}\u{1234567}\u12\q\x4",
        );
        check(Encoding::Backslash, r"\\u0041\", r"\u0041\");
        check(Encoding::Wrapped, "a\nb\r\nc\rd\n\n", "abc\rd");
    }

    #[test]
    fn text_without_escapes_has_no_view() {
        for encoding in ENCODINGS {
            assert!(encoding.read(b"plain \r", true).is_none());
        }
    }

    #[test]
    fn parts_of_a_view_map_to_their_source() {
        let text = br"a\u00e9b";
        let view = Encoding::Backslash.read(text, true).expect("an escape");
        assert_eq!(view.bytes, "aéb".as_bytes());
        for (part, expect) in [
            (0..1, 0..1),
            (1..2, 1..7),
            (2..3, 1..7),
            (3..4, 7..8),
            (0..2, 0..7),
        ] {
            assert_eq!(view.source(part), expect);
        }
        let view = Encoding::Wrapped
            .read(b"\n\na\nb\n", true)
            .expect("an escape");
        assert_eq!(view.bytes, b"ab");
        for (part, expect) in [(0..1, 2..3), (1..2, 4..5), (0..2, 2..5), (2..2, 6..6)] {
            assert_eq!(view.source(part), expect);
        }
    }

    #[test]
    fn possible_beginning_of_an_escape_is_not_read() {
        let check = |encoding: Encoding, text: &str, n_read: usize| {
            let view = encoding.read(text.as_bytes(), false).expect("a mark");
            assert_eq!(view.n_read, n_read, "{text}");
            assert_eq!(
                view.source(view.bytes.len()..view.bytes.len()),
                n_read..n_read
            );
        };
        check(Encoding::Percent, "ab%", 2);
        check(Encoding::Percent, "ab%2", 2);
        check(Encoding::Percent, "ab%z", 4);
        for open in [
            r"\",
            r"\u",
            r"\u0",
            r"\u00e",
            r"\u{",
            r"\u{1f6",
            r"\x",
            r"\x4",
            r"\ud83d",
            r"\ud83d\",
            r"\ud83d\ude0",
        ] {
            check(Encoding::Backslash, &format!("ab{open}"), 2);
        }
        check(Encoding::Backslash, r"ab\ud83dx", 9);
        check(Encoding::Backslash, r"ab\u{1234567", 12);
        check(Encoding::Wrapped, "ab\r", 2);
    }
}
