//! The limits of a query: its text, its stack, its time, and the depth of the content.

use super::*;

#[test]
fn expensive_expression_is_refused() {
    let deep = |n: usize| format!("{}latest{}", "(".repeat(n), ")".repeat(n));
    check(&deep(40), true);
    check_fault(&deep(60), "", "it is nested too deep", None);
    let long = format!("latest || name == '{}'", "x".repeat(EXPRESSION_BYTES_MAX));
    check_fault(
        &long,
        "",
        "the predicate has 4116 bytes, more than 4096",
        None,
    );
    let wide = format!("1{} == 1", " + 1".repeat(OPERATORS_MAX));
    check_fault(&wide, "", "it has more than 500 operators and calls", None);
    let loops = "attributes.items.exists(a, attributes.items.exists(b, \
        attributes.items.exists(c, c == 1)))";
    check_fault(
        loops,
        "attributes.items.exists(c, c == 1",
        "loops are nested more than 2 deep",
        None,
    );
}

/// The most expensive accepted expressions, in the 2 MiB stack of a test thread.
#[test]
fn accepted_expression_fits_into_the_stack() {
    let rows = |n: usize| {
        [
            format!("1{} == 1", " + version".repeat(n)),
            format!("attributes{} == 1", ".a".repeat(n)),
            format!("attributes{} == 1", "[0]".repeat(n)),
            format!("attributes{} == 1", ".?a".repeat(n)),
            format!("latest{}", " && latest || latest".repeat(n / 2)),
            format!("version{}", " < 1".repeat(n)),
            format!("name{} == name", ".trim()".repeat(n)),
            format!("attributes.l{} == []", ".map(x,[x])".repeat(n / 8)),
            format!("{}latest", "!".repeat(n | 1)),
            format!("{}version == 1", "-".repeat(n | 1)),
        ]
    };
    let nested = |open: &str, inner: &str, close: &str| {
        let n = 44;
        format!("{}{inner}{} == 1", open.repeat(n), close.repeat(n))
    };
    let brackets = [
        nested("(", "version", ")"),
        nested("[", "version", "]"),
        nested("{1: ", "version", "}"),
        nested("size(", "name", ")"),
        nested("[0] + [", "version", "]"),
        nested("latest ? 1 : ", "version", ""),
        format!("{}{} == 1", nested("(", "version", ")"), " + 1".repeat(400)),
    ];
    for n in [480, 2_000] {
        for predicate in rows(n).iter().chain(&brackets) {
            let Ok(query) = Query::parse(predicate, Some("attributes"), NOW_MS) else {
                assert!(n > 480 || predicate.len() > 4_000, "{predicate}");
                continue;
            };
            let content = format!("{}1{}", "[".repeat(99), "]".repeat(99));
            let _ = with_row(Some(&content), |row| query.evaluate(row));
            let _ = with_row(Some("{\"l\": [1]}"), |row| query.evaluate(row));
        }
    }
}

#[test]
fn deep_content_is_a_fault_of_its_row() {
    let query = Query::parse("attributes.x == 1 || true", None, NOW_MS).expect("it is valid");
    let skipped = Query::parse("attributes.y == 1", None, NOW_MS).expect("it is valid");
    for n in [90, 101, 200, 100_000] {
        let content = format!("{{\"x\": {}{}, \"y\": 1}}", "[".repeat(n), "]".repeat(n));
        let found = with_row(Some(&content), |row| query.evaluate(row));
        assert!(found.is_ok_and(|it| it.is_some()), "{n}");
        let found = with_row(Some(&content), |row| skipped.evaluate(row));
        assert!(found.is_ok_and(|it| it.is_some()), "{n}");
        let plain = Query::parse("attributes.x == 1", None, NOW_MS).expect("it is valid");
        let found = with_row(Some(&content), |row| plain.evaluate(row));
        assert_eq!(found.is_ok(), n < 99, "{n}");
    }
}

/// Short expressions that would fill the memory or run for hours.
#[test]
fn evaluation_has_a_budget() {
    let list = format!("{{\"l\": [{}1]}}", "1,".repeat(20_000));
    let double = ".map(x, x + x + x + x + x + x + x + x)";
    for predicate in [
        format!("attributes.l.map(x, 'abcdefgh'){} == []", double.repeat(20)),
        "attributes.l.all(x, !attributes.l.exists(y, y == x + 1))".to_owned(),
        "attributes.l.map(x, attributes.l) == []".to_owned(),
        "attributes.l.all(x, attributes.l == attributes.l)".to_owned(),
        "attributes.l.filter(x, attributes.l.map(y, [x, y]) != []) == []".to_owned(),
    ] {
        let query = Query::parse(&predicate, None, NOW_MS).expect("it is valid");
        let found = with_row(Some(&list), |row| query.evaluate(row));
        let error = found.expect_err(&predicate).to_string();
        assert!(error.ends_with("it takes too much work"), "{error}");
    }
    let query = Query::parse("attributes.l.exists(x, x == 2)", None, NOW_MS);
    let found = with_row(Some(&list), |row| query.expect("it is valid").evaluate(row));
    assert_eq!(found, Ok(None));
}

#[test]
fn query_of_a_plugin_has_a_smaller_budget() {
    let list = format!("{{\"l\": [{}1]}}", "1,".repeat(20_000));
    let twice = ".map(x, x + x)".repeat(2);
    let predicate = format!("size(attributes.l{twice}) == 20001");
    let of_user = Query::parse(&predicate, None, NOW_MS).expect("it is valid");
    let found = with_row(Some(&list), |row| of_user.evaluate(row));
    assert!(found.is_ok_and(|it| it.is_some()));
    let of_guest = Query::parse_of_guest(&predicate, None, NOW_MS).expect("it is valid");
    let found = with_row(Some(&list), |row| of_guest.evaluate(row));
    let error = found.expect_err("it is too expensive").to_string();
    assert!(error.ends_with("it takes too much work"), "{error}");
    // The largest resource can be read.
    let text = format!("{{\"text\": \"{}\"}}", "x".repeat((4 << 20) - 20));
    let once = Query::parse_of_guest("attributes.text != ''", None, NOW_MS);
    let found = with_row(Some(&text), |row| once.expect("it is valid").evaluate(row));
    assert!(found.is_ok_and(|it| it.is_some()));
}
