//! What a store can look up by itself, as a query says.

use super::*;

fn check_selection(predicate: &str, is_exact: bool, expect: Selection) {
    let query = Query::parse(predicate, None, NOW_MS).expect(predicate);
    assert_eq!(*query.selection(), expect, "{predicate}");
    assert_eq!(query.is_exact(), is_exact, "{predicate}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table of cases")]
fn selection_contains_what_a_store_can_look_up() {
    let check = check_selection;
    let text = |it: &str| Some(it.to_owned());
    let all = Selection::default;
    check(
        "model == 'a' && ('b' == name && spec == 'c') && kind == 'file'",
        true,
        Selection {
            model: text("a"),
            name: text("b"),
            spec: text("c"),
            kind: text("file"),
            ..all()
        },
    );
    check(
        "type == '@a/b' && run == 'r' && method == 'm' && version == 4 && latest",
        true,
        Selection {
            type_name: text("@a/b"),
            run: text("r"),
            method: text("m"),
            version: Some(4),
            latest: Some(true),
            ..all()
        },
    );
    check(
        "name.startsWith('a') && name.startsWith('a' + 'b') && attributes.x == 1",
        false,
        Selection {
            name_prefix: text("ab"),
            ..all()
        },
    );
    check(
        "tags.env == 'prod' && tags['team'] == 'a' && tags.env == 'prod'",
        true,
        Selection {
            tags: vec![
                ("env".to_owned(), "prod".to_owned()),
                ("team".to_owned(), "a".to_owned()),
            ],
            ..all()
        },
    );
    check(
        "createdAt > now - duration('1h') && timestamp('2026-11-26T09:59:59.0005Z') >= createdAt",
        true,
        Selection {
            created_from_ms: Some(NOW_MS - 3_600_000 + 1),
            created_before_ms: Some(NOW_MS - 1_000 + 1),
            ..all()
        },
    );
    check(
        "modelName == 'a' && specName == 'c' && dataType == 'file' && modelType == '@a/b'",
        true,
        Selection {
            model: text("a"),
            spec: text("c"),
            kind: text("file"),
            type_name: text("@a/b"),
            ..all()
        },
    );
    check(
        "workflowRunId == 'r' && methodName == 'm' && isLatest == true",
        true,
        Selection {
            run: text("r"),
            method: text("m"),
            latest: Some(true),
            ..all()
        },
    );
    let not_latest = Selection {
        latest: Some(false),
        ..all()
    };
    check("!latest", true, not_latest.clone());
    check("!isLatest", true, not_latest.clone());
    check("latest == false", true, not_latest);
    check("true", true, all());
}

#[test]
fn selection_omits_other_conditions() {
    for predicate in [
        "model == 'a' || model == 'b'",
        "model != 'a'",
        "model == name",
        "model == 1",
        "size == 3",
        "has(tags.env)",
        "version > 3",
        "attributes.name == 'a'",
        "latest ? model == 'a' : false",
        "[1].exists(x, model == 'a')",
    ] {
        check_selection(predicate, false, Selection::default());
    }
}

#[test]
fn contradiction_selects_nothing() {
    for predicate in [
        "false",
        "model == 'a' && model == 'b'",
        "name == 'a' && name.startsWith('b')",
        "name.startsWith('a') && name.startsWith('b')",
        "tags.a == '1' && tags.a == '2'",
        "version == 1 && version == 2",
        "version == -1",
        "latest && !latest",
        "createdAt < timestamp('1970-01-01T00:00:00Z')",
        "createdAt < now && createdAt > now",
        "createdAt == timestamp('2026-11-26T09:59:59.0005Z')",
    ] {
        let query = Query::parse(predicate, None, NOW_MS).expect(predicate);
        assert!(query.selection().nothing, "{predicate}");
        check(predicate, false);
    }
}
