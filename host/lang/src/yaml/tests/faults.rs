//! Faults of the syntax: their place, and what to write instead.

use super::*;

/// Checks the first fault of a text: what its place shows, the message, and a part of the hint.
#[track_caller]
fn check(text: &str, place: &str, message: &str, hint: &str) {
    let fault = match parse_tree(&file(text)) {
        Ok(node) => panic!("{text:?} is {}", node.value()),
        Err(fault) => fault,
    };
    let shown = file(text).slice(fault.span.clone()).to_owned();
    assert_eq!((&*shown, &*fault.message), (place, message), "{text:?}");
    let help = fault.hint.clone().unwrap_or_default();
    assert!(help.contains(hint), "{text:?}: {help}");
    for word in [
        "scalar",
        "mapping",
        "sequence",
        "flow",
        "anchor",
        "EOF",
        "token",
        "simple key",
    ] {
        let all = format!("{} {help}", fault.message);
        assert!(!all.contains(word), "{word}: {all}");
    }
}

#[test]
fn fault_of_the_syntax_says_what_to_write() {
    check(
        "name: @acme/sink\n",
        "@acme/sink",
        "a text cannot begin with `@`",
        "`\"@acme/sink\"`",
    );
    check(
        "a: `x`\n",
        "`x`",
        "a text cannot begin with a backtick",
        "`\"`x`\"`",
    );
    check("a: %x\n", "%x", "a text cannot begin with `%`", "`\"%x\"`");
    check(
        "a: *.yaml\n",
        "*.yaml",
        "`*.yaml` stands for a value marked with `&`, and there is none",
        "`\"*.yaml\"`",
    );
    check(
        "a: [@b, c]\n",
        "@b,",
        "a text cannot begin with `@`",
        "`\"@b\"`",
    );
    check(
        "a: &\n",
        "&",
        "a text cannot begin with `*` or `&`",
        "`\"&\"`",
    );
    check(
        "a: !x y\n",
        "!x",
        "the tag `!x` has no meaning here",
        "in quotes",
    );
    check(
        "a: !e!x y\n",
        "!e!x",
        "a text cannot begin with `!`",
        "`\"!e!x\"`",
    );
    check(
        "a: !!int x\n",
        "!!int",
        "the value is not of the type `!!int`",
        "remove it",
    );
    check(
        "%YAML 3.0\n---\na: 1\n",
        "%YAML",
        "a line cannot begin with `%`",
        "`\"%YAML\"`",
    );
    check(
        "a: \u{1}\n",
        "\u{1}",
        "the character U+0001 cannot stand here",
        "remove it",
    );
    check(
        "a: \u{feff}x\n",
        "\u{feff}x",
        "a byte order mark is in the middle of the file",
        "remove",
    );
    let comment = "a `#` begins a comment, and the text before it does not end there";
    check("a: x # c\n  y\n", "#", comment, "in quotes");
    check("a: \"x\"# c\n", "#", comment, "a space before the comment");
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table of cases")]
fn fault_of_brackets_and_quotes_says_what_to_write() {
    check("a: [1, 2\n", "[1,", "the `[` has no `]`", "add `]`");
    check("a: {b: 1\n", "{b:", "the `{` has no `}`", "add `}`");
    check(
        "a: [1, 2}\n",
        "[1,",
        "a `[` is closed with `}`",
        "write `]`",
    );
    check("b: ]\n", "]", "this bracket closes nothing", "remove it");
    check(
        "a: [- b]\n",
        "-",
        "a list inside of brackets has no `- `",
        "write `[a, b]`",
    );
    check(
        "{a: 1 b: 2}\n",
        ":",
        "a `,` or a `}` is missing before this",
        "{key: value, other: value}",
    );
    check(
        "a: {b: ${{ 1 + 1 }} }\n",
        "{{",
        "inside of brackets, an expression has to be in quotes",
        "${{ … }}",
    );
    check(
        "a: \"x\nb: 1\n",
        "\"x",
        "the text that begins with \" does not end",
        "add \"",
    );
    check(
        "a: 'x\n",
        "'x",
        "the text that begins with ' does not end",
        "add '",
    );
    check(
        "a: 'it's'\n",
        "s'",
        "the text ended at the quote before this",
        "write `''`",
    );
    check(
        "a: \"x\" y\n",
        "y",
        "the text ended at the quote before this",
        "write `\\\"`",
    );
    check(
        "a: \"1\\t\\q\"\n",
        "\\q",
        "the escape `\\q` stands for no character",
        "write `\\\\`",
    );
    check(
        "a: \"\\x4z\"\n",
        "\\x4",
        "the escape `\\x4` stands for no character",
        "write `\\\\`",
    );
    check(
        "a: \"\\uD800\"\n",
        "\\uD800",
        "the escape `\\uD800` stands for no character",
        "quotes",
    );
    let header = "after `|` or `>`, only `-`, `+`, a digit from 1 on or a comment can stand";
    check(
        "a: |x\n  y\n",
        "|x",
        header,
        "begin the text on the next line",
    );
    let line = "this line of the text is indented less than its first one";
    check(
        "a: |2\n x\n",
        "x",
        line,
        "indent all lines of the text alike",
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table of cases")]
fn fault_of_the_layout_says_what_to_write() {
    let second = "a second `:` on this line, where no key can stand";
    check("a: b: c\n", ":", second, "in quotes");
    check("a: ${{ x ? y : z }}\n", ":", second, "in quotes");
    check("a: \"b\": 1\n", ":", second, "in quotes");
    check(
        "a: 1\n  b: 2\n",
        "b",
        "a key is not allowed here",
        "indent it like the keys",
    );
    check(
        "a: [1, 2\nb: 3\n",
        "b",
        "a key is not allowed here",
        "close brackets before it",
    );
    check(
        "name\nb: 1\n",
        "b",
        "a key is not allowed here",
        "indent it",
    );
    check(
        "a: 1\nname\nb: 1\n",
        "name",
        "a `:` is missing after this key",
        "write `key: value`",
    );
    let belongs = "this line does not belong to the lines before it";
    check("  a: 1\nb: 2\n", "b:", belongs, "indent it like them");
    let key = "a key with a `:` is expected here";
    check(
        "a:\n    b: 1\n  c: 2\n",
        "c:",
        key,
        "indent it like the keys",
    );
    check("a:\n  - b\n - c\n", "-", key, "indent it like the keys");
    let item = "an item of a list is expected on a line of its own";
    check("- a\nb: 1\n", "b:", item, "after `- `");
    check("a: - b\n", "-", item, "after `- `");
    check("- a: 1\n b: 2\n", "b:", item, "indent all of them alike");
    check(
        "a:\n\tb: 1\n",
        "b:",
        "a tab indents this line",
        "indent with spaces",
    );
    check(
        "a: |\n\tx\n",
        "x",
        "a tab indents this line",
        "indent with spaces",
    );
    check(
        "a: one\n\tb: 1\n",
        "b:",
        "a tab indents this line",
        "indent with spaces",
    );
    check(
        "{{ x }}: 1\n",
        "{ x }",
        "a key has to be a text",
        "`${{ … }}`",
    );
    check("[a]: 1\n", "[a]", "a key has to be a text", "in quotes");
    check(": 1\n", "", "a key is missing before the `:`", "");
    check(
        "a: 1\n---\nb: 2\n",
        "---",
        "a second document begins here",
        "remove `---`",
    );
    check("", "", "the file is empty", "");
    check("# only\n", "", "the file is empty", "");
    check("---\n", "", "the file is empty", "");
    check(
        "a: 1\nb: 2\na: 3\n",
        "a",
        "the key `a` is given twice",
        "the first one is in line 1",
    );
    check(
        "x:\n  b: 2\n  c: &c {b: 1}\n  \"b\": 3\n",
        "\"b\"",
        "the key `b` is given twice",
        "the first one is in line 2",
    );
    check(
        "a: &x [*x]\n",
        "*x",
        "`*x` stands for a value that it is a part of",
        "",
    );
    check(
        "a: {<<: 1}\n",
        "1",
        "`<<` adds the keys of another map",
        "`<<: *name`",
    );
    check(
        "a: 1e999\n",
        "1e999",
        "`1e999` is larger than the largest number",
        "in quotes",
    );
    check(
        "a: .inf\n",
        ".inf",
        "`.inf` is not a number that can be stored",
        "in quotes",
    );
}

#[test]
fn second_use_of_a_key_is_the_place_of_the_fault() {
    let fault = parse_tree(&file("a: 1\nb: 2\na: 3\n")).expect_err("a key twice");
    assert_eq!(
        (fault.code, fault.line_column()),
        (Code::DuplicateKey, (3, 1))
    );
}

#[test]
fn merge_conflict_is_recognised() {
    let text = "name: a\n<<<<<<< HEAD\nflag: true\n=======\nflag: false\n>>>>>>> other\n";
    let fault = parse_tree(&file(text)).expect_err("a conflict");
    assert_eq!(fault.code, Code::MergeConflict);
    assert_eq!(fault.line_column(), (2, 1));
}

#[test]
fn whole_number_is_exact_or_refused() {
    let of = |number: &str| {
        let text = format!("name: a\nglobalArguments: {{a: [1, {{b: {number}}}]}}\n");
        parse_tree(&file(&text))
    };
    for number in [
        "12345678901234567890123",
        "-9223372036854775809",
        "18446744073709551616",
    ] {
        let error = of(number).expect_err(number);
        assert!(
            error
                .message
                .starts_with(&format!("`{number}` is a whole number"))
        );
        assert_eq!(error.line_column(), (2, 30), "{number}");
    }
    for number in [
        "18446744073709551615",
        "-9223372036854775808",
        "\"12345678901234567890123\"",
        "1234567890123456789.5",
        "x12345678901234567890123",
    ] {
        of(number).expect(number);
    }
}
