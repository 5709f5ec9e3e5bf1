//! Texts with expressions in them.

use super::*;

fn parse(text: &str) -> Result<Template, Diagnostic> {
    Template::parse(text, &TextPlace::of_text("text", text), &variables())
}

fn check_template(text: &str, expect: Value) {
    let template = parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let found = with_env(|env| template.eval(env));
    assert_eq!(found, Ok(Evaluated::Value(expect)), "{text}");
}

#[test]
fn text_that_is_one_expression_keeps_the_type() {
    check_template("${{ inputs.n }}", json!(3));
    check_template("${{inputs.list}}", json!([3, 1, 2]));
    check_template("${{ inputs.none }}", json!(null));
    check_template("${{ {'a': {'b': 1}} }}", json!({"a": {"b": 1}}));
    check_template("${{ {'a': {'b': 1}}}}", json!({"a": {"b": 1}}));
    check_template("${{ '}}' }}", json!("}}"));
    check_template("${{ \"${{ }}\" }}", json!("${{ }}"));
    check_template("${{ inputs.n // }} is no end\n }}", json!(3));
}

#[test]
fn values_are_embedded() {
    check_template("", json!(""));
    check_template("plain {{ text }} $ ${ }", json!("plain {{ text }} $ ${ }"));
    check_template("db-${{ inputs.region }}", json!("db-eu"));
    check_template("${{ inputs.region }}-${{ inputs.n }}", json!("eu-3"));
    check_template(" ${{ inputs.n }}", json!(" 3"));
    check_template(
        "a${{ inputs.price }}b${{ inputs.flag }}",
        json!("a2.5btrue"),
    );
    check_template("[${{ 1.0 }}]", json!("[1]"));
    check_template("[${{ inputs.none }}]", json!("[]"));
    check_template("x ${{ inputs.map }}", json!("x {\"a\":1,\"b\":2}"));
    check_template("x ${{ inputs.names }}", json!("x [\"ann\",\"bob\"]"));
    check_template("${{ now }}!", json!("2026-11-26T10:00:00Z!"));
    check_template("$${{ inputs.n }}", json!("${{ inputs.n }}"));
    check_template("a $${{ b }} ${{ inputs.n }}", json!("a ${{ b }} 3"));
    check_template("$$${{ x }}", json!("$${{ x }}"));
}

#[test]
fn template_knows_its_parts() {
    let template = parse("a ${{ inputs.n }} b").expect("it is valid");
    assert_eq!(
        template.exprs().map(Expr::text).collect::<Vec<_>>(),
        [" inputs.n "]
    );
    assert_eq!(template.parts().len(), 3);
    assert_eq!(template.literal(), None);
    assert_eq!(parse("a").expect("it is valid").literal(), Some("a"));
    assert_eq!(parse("$${{").expect("it is valid").literal(), Some("${{"));
    assert!(!Template::is_plain("a $${{ b") && Template::is_plain("{{ a }}"));
}

/// A value with `$${{` in it used to count as an expression, so a secret that a file writes out was
/// not refused.
#[test]
fn escaped_beginning_is_no_expression() {
    for (text, expect) in [
        ("a", false),
        ("$${{ a }}", false),
        ("$${{ a }} $${{", false),
        ("${{ a }}", true),
        ("$${{ a }} ${{ b }}", true),
        ("$${{${{ a }}", true),
        ("$ ${{ a }}", true),
    ] {
        assert_eq!(Template::has_expression(text), expect, "{text}");
    }
    assert_eq!(Template::unescaped("a $${{ b }} $"), "a ${{ b }} $");
}

#[test]
fn needs_of_all_expressions_are_found() {
    let template = parse("${{ env.A }}-${{ env.B }}-${{ env.A }}").expect("it is valid");
    let Ok(Evaluated::Needs(needs)) = with_env(|env| template.eval(env)) else {
        panic!("it needs values");
    };
    let names: Vec<Value> = needs.into_iter().flat_map(|it| it.arguments).collect();
    assert_eq!(names, [json!("A"), json!("B")]);
}

/// Checks the part of the text that a fault marks.
fn check_fault(text: &str, place: &str, message: &str, hint: Option<&str>) {
    let fault = match parse(text) {
        Ok(template) => with_env(|env| template.eval(env)).expect_err(text),
        Err(fault) => fault,
    };
    let found = (
        &text[fault.span.clone()],
        fault.message.as_str(),
        fault.hint.as_deref(),
    );
    assert_eq!(found, (place, message, hint), "{text}");
}

#[test]
fn fault_has_its_place_in_the_text() {
    let open = "the expression that begins here does not end: `}}` is missing";
    let escape = "for the text `${{` itself, write `$${{`";
    check_fault("é ${{ inputs.n", "${{", open, Some(escape));
    check_fault("${{ 'a }}", "${{", open, Some("a ' in it has no partner"));
    check_fault("a ${{ }}", "", "the expression is empty", None);
    check_fault(
        "${{ 1 }} ${{ inputs.regoin }}",
        "regoin",
        "`inputs` has no member `regoin`",
        Some("did you mean `region`?"),
    );
    check_fault(
        "é ${{ inputs.my-name + 1 }}",
        "inputs.my-name + 1",
        "`+` does not take `string` and `int`",
        None,
    );
    check_fault(
        "${{ 1 }} ${{ 1 + }}",
        "",
        "something is missing at its end",
        None,
    );
    check_fault(
        "${{ 1 / (inputs.n - 3) }}",
        "1 / (inputs.n - 3",
        "it divides by zero",
        None,
    );
}

#[test]
fn place_follows_the_escapes_of_the_file() {
    // A double-quoted scalar in which a quote and a line feed are escaped.
    let file = SourceFile::new("f.yaml", "name: \"a\\\"\\n${{ 'x' + 1 }}\"\n");
    let text = "a\"\n${{ 'x' + 1 }}";
    let offsets = vec![(0, 7), (1, 8), (2, 10), (3, 12)];
    let place = TextPlace::mapped(file, offsets);
    let fault = Template::parse(text, &place, &variables()).expect_err("it is wrong");
    assert_eq!(&fault.file.text[fault.span.clone()], "'x' + 1");
    assert_eq!(fault.line_column(), (1, 17));
    let quote = place.span(1..2);
    assert_eq!(quote, 8..9);
}
