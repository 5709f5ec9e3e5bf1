//! Property test for any predicate and any row: the predicate implies its selection, and an exact
//! selection is equivalent to it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The time near which the times of rows and predicates lie, in milliseconds since 1970.
const NOW_MS: u64 = 1_000_000;

/// A row that owns its parts. Each part has few possible values, so that predicates often match.
#[derive(Debug, Clone)]
struct OwnedRow {
    texts: [String; 7],
    version: u64,
    is_latest: bool,
    created_at_ms: u64,
    tags: BTreeMap<String, String>,
    content: Option<String>,
}

impl OwnedRow {
    fn borrow(&self) -> DataRow<'_> {
        let [model, name, kind, spec, type_name, run, method] = &self.texts;
        DataRow {
            model,
            name,
            kind,
            spec,
            type_name,
            version: self.version,
            is_latest: self.is_latest,
            media_type: "text/plain",
            size: self.version * 10,
            digest: "0",
            tags: &self.tags,
            lifetime: "infinite",
            created_at_ms: self.created_at_ms,
            run,
            job: None,
            step: Some("a"),
            call: "a/1",
            method,
            plugin: "a",
            definition: "a",
            environment: &[],
            workflow: None,
            content: self.content.as_deref(),
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "ab", "b", ""]).prop_map(str::to_owned)
}

fn row() -> impl Strategy<Value = OwnedRow> {
    let tags = prop::collection::btree_map(word(), word(), 0..3);
    let contents = vec![
        None,
        Some("{}"),
        Some("{\"x\": 1}"),
        Some("{\"x\": \"a\"}"),
        Some("["),
    ];
    let content = prop::sample::select(contents);
    let texts = prop::array::uniform7(word());
    let created_at_ms = NOW_MS - 3..NOW_MS + 4;
    let parts = (texts, 0..4_u64, any::<bool>(), created_at_ms, tags, content);
    parts.prop_map(
        |(texts, version, is_latest, created_at_ms, tags, content)| OwnedRow {
            texts,
            version,
            is_latest,
            created_at_ms,
            tags,
            content: content.map(str::to_owned),
        },
    )
}

/// A point in time as expressions write it. It may lie between two milliseconds.
fn time() -> impl Strategy<Value = String> {
    let shift = (-3_000..4_000_i64, prop::sample::select(vec!["+", "-"]));
    let shifted = shift.prop_map(|(us, sign)| format!("now {sign} duration('{us}us')"));
    let written = (0..4).prop_map(|ms| format!("timestamp('1970-01-01T00:16:40.00{ms}Z')"));
    let old = Just("timestamp('1969-12-31T23:59:59Z')".to_owned());
    prop_oneof![4 => shifted, 3 => written, 1 => old]
}

fn condition() -> impl Strategy<Value = String> {
    let fields = [
        "model", "name", "kind", "spec", "type", "run", "method", "step",
    ];
    let field = || prop::sample::select(fields.to_vec());
    let compared = || prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    prop_oneof![
        (field(), word()).prop_map(|(field, it)| format!("{field} == '{it}'")),
        (field(), word()).prop_map(|(field, it)| format!("'{it}' == {field}")),
        (field(), compared(), word()).prop_map(|(it, how, word)| format!("{it} {how} '{word}'")),
        word().prop_map(|it| format!("name.startsWith('{it}')")),
        word().prop_map(|it| format!("model.startsWith('{it}' + 'a')")),
        ("[ab]", word()).prop_map(|(key, it)| format!("tags.{key} == '{it}'")),
        (word(), word()).prop_map(|(key, it)| format!("'{it}' == tags['{key}']")),
        (compared(), -1..4_i32).prop_map(|(how, n)| format!("version {how} {n}")),
        (0..4_u32).prop_map(|n| format!("{n}u == version")),
        (compared(), time()).prop_map(|(how, time)| format!("createdAt {how} {time}")),
        (compared(), time()).prop_map(|(how, time)| format!("{time} {how} createdAt")),
        prop::sample::select(vec![
            "latest",
            "!latest",
            "latest == true",
            "false == latest",
            "latest != true",
            "true",
            "false",
            "attributes.x == 1",
            "attributes.x > 0",
            "has(attributes.x)",
            "model == name",
            "size == version * 10",
            "model in ['a', 'b']",
        ])
        .prop_map(str::to_owned),
    ]
}

fn predicate() -> impl Strategy<Value = String> {
    condition().prop_recursive(4, 12, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            5 => pair.clone().prop_map(|(one, other)| format!("({one} && {other})")),
            1 => pair.clone().prop_map(|(one, other)| format!("({one} || {other})")),
            1 => pair.prop_map(|(one, other)| format!("(latest ? {one} : {other})")),
            1 => inner.prop_map(|it| format!("!({it})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn selection_is_implied(predicate in predicate(), rows in prop::collection::vec(row(), 8)) {
        let query = Query::parse(&predicate, None, NOW_MS).expect("it is of the grammar");
        for row in &rows {
            let row = row.borrow();
            // A row for which the predicate is wrong does not match.
            let is_match = query.evaluate(&row).is_ok_and(|it| it.is_some());
            let is_admitted = query.selection().admits(&row);
            prop_assert!(is_admitted || !is_match, "{:?}", query.selection());
            prop_assert!(!query.is_exact() || is_admitted == is_match, "{:?}", query.selection());
        }
    }
}
