//! No form of a value gets through, whether alone, within a longer text, or split into pieces.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::keys::hex;

fn redactor(secrets: &[(&str, &[u8])]) -> Arc<Redactor> {
    let secret = |(name, value): &(&str, &[u8])| {
        let value = SecretValue::new(value.to_vec()).expect("it has a fitting length");
        (name.parse().expect("it is a name"), value)
    };
    Arc::new(Redactor::new(secrets.iter().map(secret)))
}

fn check(secret: &str, text: &str, expect: &str) {
    let redactor = redactor(&[("S", secret.as_bytes())]);
    assert_eq!(redactor.redact(text), expect);
}

#[test]
fn value_is_found_in_each_form() {
    let secret = "canary/+7 \"é\"";
    for text in [
        "canary/+7 \"é\"",
        "canary/+7+\"é\"",
        "Y2FuYXJ5Lys3ICLDqSI=",
        "Y2FuYXJ5Lys3ICLDqSI",
        "63616e6172792f2b372022c3a922",
        "63616E6172792F2B372022C3A922",
        "canary%2F%2B7%20%22%C3%A9%22",
        "canary%2f%2b7%20%22%c3%a9%22",
        "canary%2F%2B7+%22%c3%A9%22",
        "%63%61%6e%61%72%79%2f%2b%37%20%22%c3%a9%22",
        r#"canary/+7 \"é\""#,
        r#"canary\/+7 \"\u00e9\""#,
        r"canary/+7 \u0022\u00E9\u0022",
        r#"canary/+7 \"\u{e9}\""#,
        r"\u0063\u0061\u006e\u0061\u0072\u0079\u002f\u002b\u0037\u0020\u0022\u00e9\u0022",
        r#"canary/+7 \\\"é\\\""#,
        "Y2FuYXJ5Lys3ICLDqSI%3D",
        r"Y2FuYXJ5Lys3ICLDqSI\u003d",
        "Y2FuYXJ5\nLys3ICLD\r\nqSI=",
        "canary%252F%252B7%2520%2522%25C3%25A9%2522",
    ] {
        check(secret, text, "[secret S]");
        check(
            secret,
            &format!("a {text}, {text}"),
            "a [secret S], [secret S]",
        );
    }
}

#[test]
fn base64_is_found_at_each_offset() {
    for (before, after) in [
        ("", "abc"),
        ("a", ""),
        ("a", "bc"),
        ("ab", ""),
        ("ab", "c"),
        ("abc", "de"),
    ] {
        for secret in ["s3cr", "s3cret", "s3cret>?~"] {
            let text = format!("{before}{secret}{after}");
            for digits in [
                STANDARD.encode(&text),
                STANDARD_NO_PAD.encode(&text),
                URL_SAFE.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
            ] {
                let redacted = redactor(&[("S", secret.as_bytes())])
                    .redact(&digits)
                    .into_owned();
                assert!(
                    redacted.contains("[secret S]"),
                    "{text}: {digits}: {redacted}"
                );
                let left = redacted.len() - "[secret S]".len();
                let others = 4 * (before.len() + after.len()).div_ceil(3) + 4;
                assert!(left <= others, "{text}: {digits}: {redacted}");
            }
        }
    }
}

#[test]
fn each_long_line_of_a_value_is_found() {
    let secret = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\r\nhkiG\n-----END KEY-----\n";
    check(secret, "got MIIEvQIBADANBgkq!", "got [secret S]!");
    check(secret, secret, "[secret S]");
    check(secret, secret.trim(), "[secret S]");
    check(secret, "hkiG", "hkiG");
}

#[test]
fn overlapping_values_become_one_mark() {
    let redactor = redactor(&[("A", b"abcdef"), ("B", b"defghi"), ("C", b"cdef")]);
    assert_eq!(
        redactor.redact("abcdefghi abcdef cdef"),
        "[secret A] [secret A] [secret C]"
    );
    assert_eq!(redactor.redact("abcdefabcdef"), "[secret A][secret A]");
    check("aaaa", "aaaaaaaaa b", "[secret S] b");
}

#[test]
fn value_that_is_not_utf8_is_found_after_lossy_conversion() {
    let secret = [0xff, 0xfe, b'c', b'a', b'n', b'a', b'r', b'y', 0x80];
    let redactor = redactor(&[("S", &secret)]);
    let text = String::from_utf8_lossy(&secret);
    assert_eq!(redactor.redact(&text), "\u{fffd}\u{fffd}[secret S]\u{fffd}");
    assert_eq!(redactor.redact_bytes(&secret).as_ref(), b"[secret S]");
    // The value begins in the middle of a character.
    let redactor = self::redactor(&[("S", b"\xa9canary")]);
    assert_eq!(redactor.redact("écanary"), "\u{fffd}[secret S]");
}

#[test]
fn sealed_values_have_their_own_mark_beside_secrets() {
    let value = |text: &str| SecretValue::new(text.as_bytes().to_vec()).expect("long enough");
    let name = "TOKEN".parse().expect("it is a name");
    let secrets = [(name, value("open sesame"))];
    let sealed = [value("open sesame"), value("hunter22"), value("hunter22")];
    let redactor = Redactor::with_sealed(secrets, sealed);
    let text = redactor.redact("open sesame, hunter22").into_owned();
    assert_eq!(text, "[secret TOKEN], [sealed]");
}

#[test]
fn text_without_values_is_borrowed_unchanged() {
    let none = Arc::new(Redactor::default());
    assert!(none.is_empty() && Redactor::new([]).is_empty());
    assert!(matches!(none.redact("canary"), Cow::Borrowed("canary")));
    assert!(matches!(
        StreamRedactor::new(none).push(b"canary"),
        Cow::Borrowed(b"canary")
    ));
    let redactor = redactor(&[("S", b"canary")]);
    assert!(!redactor.is_empty());
    assert!(matches!(redactor.redact("a\\nb %41 \n"), Cow::Borrowed(_)));
}

#[test]
fn debug_output_contains_no_value() {
    let redactor = redactor(&[("S", b"canary")]);
    let mut stream = StreamRedactor::new(Arc::clone(&redactor));
    let _ = stream.push(b"cana");
    assert_eq!(format!("{redactor:?}"), "Redactor(Some([\"[secret S]\"]))");
    let expect = "StreamRedactor { redactor: Redactor(Some([\"[secret S]\"])), n_held: 4 }";
    assert_eq!(format!("{stream:?}"), expect);
}

#[test]
fn documents_are_redacted_in_keys_strings_and_numbers() {
    let redactor = redactor(&[("S", b"canary"), ("N", b"12345678")]);
    let mut document = json!({
        "canary": [1, 12345678, null, true, {"a": "my canary"}],
        "first": "c\u{61}nary",
        "63616e617279": 1,
        "last": 1.5,
    });
    redactor.redact_json(&mut document);
    let text = document.to_string();
    let expect = r#"{"[secret S]":[1,"[secret N]",null,true,{"a":"my [secret S]"}],"first":"[secret S]","[secret S]*":1,"last":1.5}"#;
    assert_eq!(text, expect);
}

#[test]
fn stream_holds_back_only_a_possible_value() {
    let redactor = redactor(&[("S", b"canary")]);
    let mut stream = StreamRedactor::new(redactor);
    for (piece, expect) in [
        ("a can", "a "),
        ("dle ca", "candle "),
        ("nar", ""),
        ("y.", "[secret S]."),
        ("%6", ""),
        ("3%6", ""),
        ("1x", "%63%61x"),
        ("c\\u006", ""),
        ("1t", "c\\u0061t"),
        ("end\r", "end"),
    ] {
        assert_eq!(
            stream.push(piece.as_bytes()),
            expect.as_bytes(),
            "{piece:?}"
        );
    }
    assert_eq!(stream.finish(), b"\r");
}

/// Pieces that look like the beginning of an escape or of a value.
const PIECES: &[&str] = &[
    "a", "b", "ab", "abab", "%", "%6", "%61", "%62", "%25", "\\", "\\\\", "\\u", "\\u0061",
    "\\u00", "\\n", "\\u{62}", "\\ud83d", "\\ude00", "\n", "\r", "\r\n", "61", "62", "YWJh", "YmE",
    "=", "é",
];

fn piece() -> impl Strategy<Value = String> {
    prop::sample::select(PIECES).prop_map(str::to_owned)
}

/// An encoding of a text.
#[derive(Debug, Clone, Copy)]
enum Form {
    Plain,
    Base64(bool, bool),
    Hex(bool),
    Percent { all: bool, upper: bool },
    Json,
    JsonAll { upper: bool },
    Debug,
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        escaped(),
        any::<(bool, bool)>().prop_map(|(url, padded)| Form::Base64(url, padded)),
        any::<bool>().prop_map(Form::Hex),
    ]
}

/// The forms that are decoded, so that another form may be inside.
fn escaped() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Plain),
        any::<(bool, bool)>().prop_map(|(all, upper)| Form::Percent { all, upper }),
        Just(Form::Json),
        any::<bool>().prop_map(|upper| Form::JsonAll { upper }),
        Just(Form::Debug),
    ]
}

fn written(text: &str, form: Form) -> String {
    let quoted = |text: String| text[1..text.len() - 1].to_owned();
    match form {
        Form::Plain => text.to_owned(),
        Form::Base64(false, true) => STANDARD.encode(text),
        Form::Base64(false, false) => STANDARD_NO_PAD.encode(text),
        Form::Base64(true, true) => URL_SAFE.encode(text),
        Form::Base64(true, false) => URL_SAFE_NO_PAD.encode(text),
        Form::Hex(false) => hex(text.as_bytes()),
        Form::Hex(true) => hex(text.as_bytes()).to_uppercase(),
        Form::Percent { all, upper } => percent(text, all, upper),
        Form::Json => quoted(serde_json::to_string(text).expect("a string is JSON")),
        Form::JsonAll { upper } => {
            let units = text.encode_utf16();
            units
                .map(|it| {
                    if upper {
                        format!("\\u{it:04X}")
                    } else {
                        format!("\\u{it:04x}")
                    }
                })
                .collect()
        }
        Form::Debug => quoted(format!("{text:?}")),
    }
}

fn percent(text: &str, all: bool, upper: bool) -> String {
    let byte = |byte: u8| {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        match (is_plain && !all, upper) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        }
    };
    text.bytes().map(byte).collect()
}

/// Returns the part of the encoded text that only the secret determines.
fn core(before: &str, secret: &str, form: Form, text: &str) -> String {
    let Form::Base64(..) = form else {
        return written(secret, form);
    };
    let first = (8 * before.len()).div_ceil(6);
    text[first..8 * (before.len() + secret.len()) / 6].to_owned()
}

fn streamed(redactor: &Arc<Redactor>, text: &[u8], cuts: &[prop::sample::Index]) -> Vec<u8> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    let mut stream = StreamRedactor::new(Arc::clone(redactor));
    let mut redacted = Vec::new();
    for pair in cuts.windows(2) {
        redacted.extend_from_slice(&stream.push(&text[pair[0]..pair[1]]));
    }
    redacted.extend_from_slice(&stream.finish());
    redacted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A secret within a text, encoded in one form and then in another.
    #[test]
    fn no_form_gets_through(
        secret in "[ -~é\u{1f600}\n\t]{4,24}",
        (before, after) in ("[ -~\n]{0,9}", "[ -~\n]{0,9}"),
        (inner, outer) in (form(), escaped()),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let redactor = redactor(&[("CANARY", secret.as_bytes())]);
        let text = written(&format!("{before}{secret}{after}"), inner);
        let core = written(&core(&before, &secret, inner, &text), outer);
        let text = written(&text, outer);
        prop_assert!(text.contains(&core));
        let redacted = redactor.redact(&text);
        prop_assert!(redacted.contains("[secret CANARY]"), "{redacted}");
        prop_assert!(!redacted.contains(&core), "{redacted}");
        let streamed = streamed(&redactor, text.as_bytes(), &cuts);
        prop_assert_eq!(String::from_utf8_lossy(&streamed), redacted);
    }
}

proptest! {
    // Each case takes microseconds only, and the correct cut is subtle, so many cases are run.
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// A text that is cut into pieces is redacted in the same way as a whole.
    #[test]
    fn pieces_are_redacted_like_the_whole_text(
        secrets in vec(vec(piece(), 2..5), 1..3),
        text in vec(piece(), 0..40),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let secrets: Vec<String> = secrets.iter().map(|it| it.concat()).filter(|it| it.len() >= 4).collect();
        let secrets: Vec<(&str, &[u8])> = secrets.iter().map(|it| ("S", it.as_bytes())).collect();
        let redactor = redactor(&secrets);
        let text = text.concat();
        let whole = redactor.redact_bytes(text.as_bytes());
        let streamed = streamed(&redactor, text.as_bytes(), &cuts);
        prop_assert_eq!(String::from_utf8_lossy(&streamed), String::from_utf8_lossy(&whole));
    }
}
