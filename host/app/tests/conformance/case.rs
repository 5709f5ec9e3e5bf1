//! The table of expectations, as it is in its file.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const TABLE: &str = include_str!("../../../../tests/conformance/cases.json");

/// All cases.
pub(crate) struct Cases {
    pub(crate) cases: Vec<Case>,
    /// What has no case, and why.
    pub(crate) exempt: BTreeMap<String, String>,
}

/// One call, and what it must do. `tests/conformance/README.md` explains the keys.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) covers: Vec<String>,
    pub(crate) call: CaseCall,
    pub(crate) expect: Expected,
    pub(crate) versions: BTreeMap<String, Vec<u64>>,
    pub(crate) logs: Option<Value>,
    pub(crate) received: Option<String>,
    pub(crate) within_ms: Option<u128>,
    pub(crate) beside: Option<CaseCall>,
    pub(crate) in_any_order: bool,
    pub(crate) differs: bool,
}

/// The call of a method.
pub(crate) struct CaseCall {
    pub(crate) model: String,
    pub(crate) method: String,
    pub(crate) arguments: Value,
}

/// How the call must end.
pub(crate) enum Expected {
    Returns(Value),
    Fails(Value),
}

impl Cases {
    pub(crate) fn read() -> Self {
        let table: Value = serde_json::from_str(TABLE).expect("the table is JSON");
        let cases = table["cases"].as_array().expect("it is a list");
        let exempt = table["exempt"].as_object().expect("it is an object");
        let reason = |it: &Value| it.as_str().expect("it is a text").to_owned();
        Self {
            cases: cases.iter().map(case).collect(),
            exempt: exempt
                .iter()
                .map(|(key, it)| (key.clone(), reason(it)))
                .collect(),
        }
    }

    /// Returns what the cases cover.
    pub(crate) fn covered(&self) -> impl Iterator<Item = &str> {
        let covered = self.cases.iter().flat_map(|case| &case.covers);
        covered.map(String::as_str)
    }
}

fn case(from: &Value) -> Case {
    let mut rest = from.as_object().expect("a case is an object").clone();
    let name = text(rest.remove("name"));
    let of = |rest: &mut Map<String, Value>, key: &str| rest.remove(key);
    let covers = of(&mut rest, "covers").expect("a case covers something");
    let covers = covers.as_array().expect("it is a list").iter();
    let expect = match (of(&mut rest, "returns"), of(&mut rest, "fails")) {
        (Some(value), None) => Expected::Returns(value),
        (None, Some(error)) => Expected::Fails(error),
        _ => panic!("`{name}` has to return or to fail"),
    };
    let versions = of(&mut rest, "versions").unwrap_or_else(|| Value::Object(Map::new()));
    let made = Case {
        covers: covers.map(|it| text(Some(it.clone()))).collect(),
        expect,
        versions: serde_json::from_value(versions).expect("names and numbers"),
        logs: of(&mut rest, "logs"),
        received: of(&mut rest, "received").map(|it| text(Some(it))),
        within_ms: of(&mut rest, "within_ms").map(|it| it.as_u64().expect("a number").into()),
        beside: of(&mut rest, "beside").map(|mut it| call(it.as_object_mut().expect("a call"))),
        in_any_order: of(&mut rest, "any_order").is_some(),
        differs: of(&mut rest, "differs").is_some(),
        call: call(&mut rest),
        name,
    };
    let unknown: Vec<&String> = rest.keys().collect();
    assert!(unknown.is_empty(), "`{}` has {unknown:?}", made.name);
    made
}

fn call(from: &mut Map<String, Value>) -> CaseCall {
    CaseCall {
        model: text(from.remove("model")),
        method: text(from.remove("method")),
        arguments: from.remove("arguments").expect("a call has arguments"),
    }
}

fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text,
        other => panic!("{other:?} is no text"),
    }
}
