//! Property tests: no text makes the engine panic, and places lie in the text.

use proptest::prelude::*;

use super::*;

/// Pieces of which texts are made.
const PIECES: &[&str] = &[
    "inputs",
    ".",
    ".?",
    "n",
    "list",
    "my-name",
    "-",
    "1",
    "2.5",
    "0x",
    "'a'",
    "\"",
    "'",
    "`",
    "(",
    ")",
    "[",
    "]",
    "[?",
    "{",
    "}",
    "{?",
    ":",
    ",",
    "?",
    "&&",
    "||",
    "!",
    "==",
    "<",
    "in",
    " ",
    "\n",
    "//",
    "map",
    "all",
    "transformMap",
    "(x, ",
    "(i, x, ",
    "x",
    "cel.bind(",
    "has(",
    "env",
    "data.latest(",
    "now",
    "é",
    "😀",
    "r'",
    "b'",
    "\\",
    "'''",
    "${{",
    "}}",
    "$${{",
    "null",
    "range(3)",
    "+",
    "%",
    "size",
    "model",
    "@result",
    "@host",
    "google.protobuf.Timestamp",
    "type",
    "regex.extract(",
    "matches(",
    "format(",
    "steps",
    "0",
    "u",
    "e9",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES.to_vec());
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_is_evaluated_or_refused(text in text()) {
        let result = eval(&text);
        if let Err(fault) = result {
            prop_assert!(text.get(fault.span.clone()).is_some(), "{fault:?}");
            prop_assert!(text.contains('@') || !fault.message.contains('@'), "{fault:?}");
        }
    }

    #[test]
    fn any_template_is_evaluated_or_refused(text in text()) {
        let place = TextPlace::of_text("text", &text);
        let result = Template::parse(&text, &place, &variables());
        let result = result.and_then(|template| with_env(|env| template.eval(env)));
        if let Err(fault) = result {
            prop_assert!(text.get(fault.span.clone()).is_some(), "{fault:?}");
        }
    }
}
