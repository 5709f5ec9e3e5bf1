//! How much of a body is held back, and how values are encoded.

use super::*;

#[test]
fn possible_beginning_of_a_placeholder_is_held_back() {
    let check = |text: &str, expect: usize| assert_eq!(open(text.as_bytes()), expect, "{text}");
    check("", 0);
    check("nothing", 0);
    check("its", 1);
    check("a sedge", 5);
    check("sedge-sedge-", 6);
    check("a sedge-secret-", PLACEHOLDER_START.len());
    let whole = format!("sedge-secret-{}", "0".repeat(32));
    check(&whole[..whole.len() - 1], PLACEHOLDER_BYTES - 1);
    check(&whole, 0);
    check(&format!("{whole}s"), 1);
    check(&format!("{whole}{}", &whole[..20]), 20);
}

#[test]
fn value_is_encoded_for_its_position() {
    let text = |value: &SecretText| String::from_utf8_lossy(value).into_owned();
    assert_eq!(
        text(&percent_encoded(b"a-._~/?& \xff")),
        "a-._~%2F%3F%26%20%FF"
    );
    let escaped = json_escaped("a\"b\\\né".as_bytes()).expect("a text");
    assert_eq!(text(&escaped), "a\\\"b\\\\\\né");
    assert!(json_escaped(b"\xff").is_err());
}
