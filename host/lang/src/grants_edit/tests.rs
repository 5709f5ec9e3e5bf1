//! Tests of the edits of grants.

use super::*;

const HEAD: &str = "# The sink.\nname: sink\ntype: \"@sedge/sink\"   # of Sedge\n";

fn definition(text: &str) -> Definition {
    let file = SourceFile::new("models/sink.yaml", text);
    Definition::parse(&file).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
}

/// Parses grants in YAML; an empty text stands for none.
fn grants(text: &str) -> Grants {
    let text = match text {
        "" => HEAD.to_owned(),
        text => format!("{HEAD}grants: {text}\n"),
    };
    definition(&text).grants
}

/// Checks that the text of a definition, which begins with [`HEAD`], becomes another one.
#[track_caller]
fn check(text: &str, wanted: &str, expect: &str) {
    let (text, expect) = (format!("{HEAD}{text}"), format!("{HEAD}{expect}"));
    let edited = grants_edited(&definition(&text), &grants(wanted));
    assert_eq!(edited.as_deref(), Ok(expect.as_str()));
}

#[track_caller]
fn check_refused(text: &str, wanted: &str, form: GrantsForm) {
    let text = format!("{HEAD}{text}");
    let refused = grants_edited(&definition(&text), &grants(wanted)).expect_err("a refusal");
    assert_eq!(refused.form, form, "{text}");
    // The lines to write by hand mean what was wanted.
    let by_hand = definition(&format!("{HEAD}{}", refused.yaml));
    assert_eq!(by_hand.grants, grants(wanted));
}

const GET: &str = "{url: \"https://a.test\", methods: [GET]}";

#[test]
fn grants_are_added_at_the_end_of_a_file_without_any() {
    let expect = format!("grants:\n  http:\n    - {GET}\n  env:\n    - REGION\n");
    check("", &format!("{{http: [{GET}], env: [REGION]}}"), &expect);
    // A file whose last line has no end, and comments and blank lines at the end.
    check(
        "tags: {a: b}",
        "{env: [REGION]}",
        "tags: {a: b}\ngrants:\n  env:\n    - REGION\n",
    );
    check(
        "\n# The end.\n",
        "{env: [REGION]}",
        "\n# The end.\ngrants:\n  env:\n    - REGION\n",
    );
    check(
        "grants: {}   # none yet\ntags: {}\n",
        "{env: [REGION]}",
        "grants:   # none yet\n  env:\n    - REGION\ntags: {}\n",
    );
}

#[test]
fn kind_is_added_below_the_others() {
    check(
        "grants:\n    # Why.\n    env: [A]\n\n# Labels.\ntags: {}\n",
        "{models: [sink], env: [A]}",
        "grants:\n    # Why.\n    env: [A]\n    models:\n      - sink\n\n# Labels.\ntags: {}\n",
    );
}

#[test]
fn grant_is_added_below_the_others_of_its_kind() {
    check(
        "grants:\n  http:\n  # One.\n  - url: \"https://b.test\"   # by hand\n    methods: [GET]\n  # Two.\n  env: [A]\n",
        &format!("{{http: [{{url: \"https://b.test\", methods: [GET]}}, {GET}], env: [A]}}"),
        &format!(
            "grants:\n  http:\n  # One.\n  - url: \"https://b.test\"   # by hand\n    methods: [GET]\n  - {GET}\n  # Two.\n  env: [A]\n"
        ),
    );
    check(
        "grants:\n  env:\n      - A",
        "{env: [A, B]}",
        "grants:\n  env:\n      - A\n      - B\n",
    );
}

#[test]
fn grant_is_added_in_brackets() {
    check(
        "grants:\n  models: [sink, '*' ]  # all\n",
        "{models: [sink, '*', tub]}",
        "grants:\n  models: [sink, '*', tub ]  # all\n",
    );
    check(
        "grants:\n  http: [{url: 'https://b.test', methods: [GET, PUT]}]\n",
        &format!("{{http: [{{url: 'https://b.test', methods: [GET, PUT]}}, {GET}]}}"),
        &format!("grants:\n  http: [{{url: 'https://b.test', methods: [GET, PUT]}}, {GET}]\n"),
    );
    check(
        "grants:\n  env: []\n",
        "{env: [A, B]}",
        "grants:\n  env: [A, B]\n",
    );
    check(
        "grants:\n  env: [A, ]\n",
        "{env: [A, B]}",
        "grants:\n  env: [A, B, ]\n",
    );
}

#[test]
fn grant_is_removed() {
    check(
        "grants:\n  env: [A, B,  C]\n",
        "{env: [A, C]}",
        "grants:\n  env: [A, C]\n",
    );
    check(
        "grants:\n  env: [A, B,  C] # three\n",
        "{env: [C]}",
        "grants:\n  env: [C] # three\n",
    );
    check(
        "grants:\n  http:\n    - url: \"https://b.test\"\n      methods: [GET]\n    # The other.\n    - {url: \"https://a.test\"}\ntags: {}\n",
        "{http: [{url: \"https://a.test\"}]}",
        "grants:\n  http:\n    # The other.\n    - {url: \"https://a.test\"}\ntags: {}\n",
    );
    check(
        "grants:\n  env:\n    - A\n    - B\n    - C\n",
        "{env: [B]}",
        "grants:\n  env:\n    - B\n",
    );
}

#[test]
fn list_and_key_go_with_their_last_grant() {
    check(
        "grants:\n  env: [A]\n  models:\n    - sink\n",
        "{models: [sink]}",
        "grants:\n  models:\n    - sink\n",
    );
    check(
        "grants:\n  # Why.\n  env:\n    - A\n  models: [sink]\ntags: {}\n",
        "",
        "  # Why.\ntags: {}\n",
    );
}

#[test]
fn folder_is_replaced() {
    check(
        "grants:\n  files:\n    - {name: inbox, path: /old, access: read}\n",
        "{files: [{name: inbox, path: '/new one', access: write}]}",
        "grants:\n  files:\n    - {name: inbox, path: \"/new one\", access: write}\n",
    );
}

#[test]
fn line_ends_are_kept() {
    check(
        "grants:\r\n  env:\r\n    - A\r\n",
        "{env: [A, B]}",
        "grants:\r\n  env:\r\n    - A\r\n    - B\r\n",
    );
}

#[test]
fn unusual_text_is_quoted() {
    let check = |text: &str, expect: &str| assert_eq!(scalar(text), expect);
    check("sink-two", "sink-two");
    check("*", "\"*\"");
    check("no", "\"no\"");
    check("Null", "\"Null\"");
    check("7", "\"7\"");
    check("a: b", "\"a: b\"");
    check("say \"hi\"\n", "\"say \\\"hi\\\"\\n\"");
    check("", "\"\"");
}

#[test]
fn other_forms_are_refused() {
    let check = check_refused;
    check("grants: {env: [A]}\n", "{env: [A, B]}", GrantsForm::Braces);
    check("grants: {env: [A]}\n", "", GrantsForm::Braces);
    check(
        "grants: &all\n  env: [A]\n",
        "{env: [A, B]}",
        GrantsForm::Anchor,
    );
    check(
        "grants:\n  env: &names [A]\n",
        "{env: [A, B]}",
        GrantsForm::Anchor,
    );
    check(
        "tags: {a: &a A}\ngrants:\n  env: [*a]\n",
        "{env: [A, B]}",
        GrantsForm::Anchor,
    );
    check(
        "tags: {a: &a A}\ngrants:\n  env:\n    - *a\n",
        "{env: [A, B]}",
        GrantsForm::Anchor,
    );
    check(
        "grants:\n  env: [A,\n    B]\n",
        "{env: [A]}",
        GrantsForm::List("env"),
    );
    check(
        "\"grants\":\n  env: [A]\n",
        "{env: [A, B]}",
        GrantsForm::Other,
    );
    check("\"grants\":\n  env: [A]\n", "", GrantsForm::Other);
    check(
        "grants:\n  \"env\": [A]\n",
        "{env: [A, B]}",
        GrantsForm::Other,
    );
}

/// What looks like the key, but is not, is left alone.
#[test]
fn same_words_elsewhere_are_left_alone() {
    check(
        "description: |\n  grants:\n    env: [A]\nglobalArguments: {grants: [1]}\n",
        "{env: [B]}",
        "description: |\n  grants:\n    env: [A]\nglobalArguments: {grants: [1]}\ngrants:\n  env:\n    - B\n",
    );
}

/// An item in quotes may have all characters that end an item.
#[test]
fn quotes_are_respected() {
    check(
        "grants:\n  files: [{name: in, path: \"/a, ]\\\"}\"}, {name: out, path: '/it''s, ]'}]\n",
        "{files: [{name: out, path: \"/it's, ]\"}]}",
        "grants:\n  files: [{name: out, path: '/it''s, ]'}]\n",
    );
}
