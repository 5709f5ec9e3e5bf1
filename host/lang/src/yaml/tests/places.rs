//! The places of keys and values, and of the characters of a text.

use super::*;

/// Returns the node at a pointer, with what its place shows of the file.
fn shown(text: &str, pointer: &str) -> String {
    let root = tree(text);
    file(text).slice(root.at(pointer).span.clone()).to_owned()
}

#[test]
fn each_value_has_its_place() {
    let check = |text: &str, pointer: &str, expect: &str| {
        assert_eq!(shown(text, pointer), expect, "{text:?} {pointer}");
    };
    check("a: plain text  # comment\n", "/a", "plain text");
    check("a: 'it''s'\n", "/a", "'it''s'");
    check("a: \"x\\n\" # c\n", "/a", "\"x\\n\"");
    check("a: x\n  y\nb: 1\n", "/a", "x\n  y");
    check("a: |\n  x\n  y\n\nb: 1\n", "/a", "x\n  y");
    check("a: >-\n    x\n\n    y\n", "/a", "x\n\n    y");
    check("a: 12\n", "/a", "12");
    check("é: 12\n", "/é", "12");
    check("a: true\n", "/a", "true");
    check("a: ~\n", "/a", "~");
    check("a: [1, {b: 2}]  \n", "/a", "[1, {b: 2}]");
    check("a: [1, {b: 2}]\n", "/a/1", "{b: 2}");
    check("a: [1, {b: 2}]\n", "/a/1/b", "2");
    check(
        "a:\n- 1\n- b: 2\n  c: 3\n\nd: 4\n",
        "/a",
        "- 1\n- b: 2\n  c: 3",
    );
    check("a:\n- 1\n- b: 2\n  c: 3\n\nd: 4\n", "/a/1", "b: 2\n  c: 3");
    check("a:\n  b: 1\n# comment\nc: 2\n", "/a", "b: 1");
    check("a: &x 5\nb: *x\n", "/b", "5");
    check("a: &x [1]\nb: *x\n", "/a", "[1]");
    check("a: !!str 5\n", "/a", "5");
    check("\u{feff}a: 12\n", "/a", "12");
    check("a: 1\r\nb: x\r\n", "/b", "x");
}

#[test]
fn absent_value_is_after_its_colon() {
    for text in [
        "a:\nb: 1\n",
        "a:   # comment\nb: 1\n",
        "{a: , b: 1}\n",
        "a:",
    ] {
        let root = tree(text);
        let at = text.find(':').expect("there is one") + 1;
        assert_eq!(root.at("/a").span, at..at, "{text:?}");
    }
}

#[test]
fn each_key_has_its_place() {
    let check = |text: &str, expect: &[&str]| {
        let root = tree(text);
        let members = root.members().expect("it has keys").iter();
        let keys: Vec<String> = members
            .map(|it| file(text).slice(it.key.span.clone()).to_owned())
            .collect();
        assert_eq!(keys, expect, "{text:?}");
    };
    check("a: 1\n\"b c\": 2\n'd': 3\n", &["a", "\"b c\"", "'d'"]);
    check("{a: 1, b: 2}", &["a", "b"]);
    check("? a\n: 1\n? b\n", &["a", "b"]);
    check("é: 1\nü: 2\n", &["é", "ü"]);
}

/// Checks that the part `part` of the text at `/a` comes from the part `raw` of the file.
#[track_caller]
fn check_part(text: &str, part: &str, raw: &str) {
    let source = file(text);
    let root = tree(text);
    let node = root.at("/a");
    let value = node.text().expect("it is a text");
    let place = node.text_place(&source).expect("it is a text");
    let at = value
        .find(part)
        .unwrap_or_else(|| panic!("{value:?} has no {part:?}"));
    let span = place.span(at..at + part.len());
    let expect = text
        .find(raw)
        .unwrap_or_else(|| panic!("{text:?} has no {raw:?}"));
    assert_eq!(
        span,
        expect..expect + raw.len(),
        "{text:?}: {:?}",
        source.slice(span.clone())
    );
}

#[test]
fn part_of_a_text_has_its_place() {
    check_part("a: x ${{ y }} z\n", "${{ y }}", "${{ y }}");
    check_part("a: 'x ${{ y }} z'\n", "${{ y }}", "${{ y }}");
    check_part("a: \"x ${{ y }} z\"\n", "${{ y }}", "${{ y }}");
    // Escapes.
    check_part("a: 'it''s ${{ y }}'\n", "${{ y }}", "${{ y }}");
    check_part("a: 'p ${{ ''q'' }} r'\n", "q", "q");
    check_part("a: \"x\\n\\t\\\" ${{ y }}\"\n", "${{ y }}", "${{ y }}");
    check_part(
        "a: \"\\x41\\u00e9\\U0001F600 ${{ y }}\"\n",
        "${{ y }}",
        "${{ y }}",
    );
    check_part("a: \"\\uD83D\\uDE00 ${{ y }}\"\n", "${{ y }}", "${{ y }}");
    check_part("a: \"${{ \\\"p\\\" + q }}\"\n", "+ q", "+ q");
    check_part("a: \"x \\\n    y ${{ z }}\"\n", "${{ z }}", "${{ z }}");
    // Folded lines.
    check_part("a: x\n  y\n\n  ${{ z }}\n", "${{ z }}", "${{ z }}");
    check_part("a: 'x\n\n\n  y ${{ z }}'\n", "${{ z }}", "${{ z }}");
    check_part("a: \"x   \n   y   ${{ z }}\"\n", "${{ z }}", "${{ z }}");
    // Block texts.
    check_part("a: |\n  x\n  y ${{ z }}\n", "${{ z }}", "${{ z }}");
    check_part("a: |\n  x\n    y ${{ z }}\n", "${{ z }}", "${{ z }}");
    check_part("a: |\n\n\n  x\n\n  ${{ z }}\n", "${{ z }}", "${{ z }}");
    check_part("a: >\n  x\n  y\n\n  ${{ z }}\n", "${{ z }}", "${{ z }}");
    check_part(
        "a: >-\n  x\n    more\n\n  ${{ z }}\n",
        "${{ z }}",
        "${{ z }}",
    );
    check_part("a: |2\n    x\n  ${{ z }}\n", "${{ z }}", "${{ z }}");
    check_part("a: |+\n  x\n  ${{ z }}\n\n", "${{ z }}", "${{ z }}");
    check_part("a: |\r\n  x\r\n  ${{ z }}\r\n", "${{ z }}", "${{ z }}");
}
