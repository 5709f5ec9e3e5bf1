//! The cases of the CEL specification.
//!
//! The variable `SEDGE_CEL_SPEC` names a folder with `cases.json`: the simple test cases of
//! `google/cel-spec`, converted to JSON. They are not part of this project. Without the variable,
//! the test runs the cases in `conformance/cases.json`, which have the same form.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the cases where a variable of the environment says"
)]

use std::collections::BTreeMap;
use std::path::Path;

use cel::common::types::{
    CelBytes, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelString, CelType,
    CelUInt,
};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use super::*;

/// The files of the specification that are not supported, and why.
const FILES_NOT_SUPPORTED: &[(&str, &str)] = &[
    ("block_ext", "`cel.block` is for compilers"),
    ("dynamic", "protobuf messages"),
    ("enums", "protobuf enumerations"),
    ("network_ext", "`ip()` and `cidr()`"),
    ("proto2", "protobuf messages"),
    ("proto2_ext", "protobuf messages"),
    ("proto3", "protobuf messages"),
    ("type_deduction", "there is no static type checker"),
    ("wrappers", "protobuf messages"),
];

/// The cases that are not supported, by file, section and name, and why.
const CASES_NOT_SUPPORTED: &[(&str, &str)] = &include!("conformance/not_supported.in");

#[derive(Debug, Deserialize)]
struct Case {
    file: String,
    section: String,
    name: String,
    expr: String,
    #[serde(default)]
    container: String,
    #[serde(default)]
    check_only: bool,
    #[serde(default)]
    bindings: Vec<(String, Value)>,
    matcher: String,
    #[serde(default)]
    value: Value,
}

#[test]
fn cases_of_the_specification_pass() {
    let folder = std::env::var("SEDGE_CEL_SPEC").ok();
    let text = match &folder {
        Some(folder) => {
            let path = Path::new(folder).join("cases.json");
            std::fs::read_to_string(&path).expect("SEDGE_CEL_SPEC names a folder with cases.json")
        }
        None => {
            println!("SEDGE_CEL_SPEC is not set: only the cases of this project are run");
            include_str!("conformance/cases.json").to_owned()
        }
    };
    let cases: Vec<Case> = serde_json::from_str(&text).expect("the cases are JSON of this form");
    let reasons: BTreeMap<&str, &str> = CASES_NOT_SUPPORTED.iter().copied().collect();
    let (mut n_passed, mut n_not_supported, mut n_of_others) = (0, 0, 0);
    let (mut wrong, mut stale) = (Vec::new(), Vec::new());
    for case in &cases {
        let name = format!("{}/{}/{}", case.file, case.section, case.name);
        let is_of_others = FILES_NOT_SUPPORTED.iter().any(|(it, _)| *it == case.file);
        if is_of_others || speaks_of_messages(case) {
            n_of_others += 1;
            continue;
        }
        let result = run(case);
        match (reasons.contains_key(name.as_str()), result) {
            (false, Ok(())) => n_passed += 1,
            (true, Err(_)) => n_not_supported += 1,
            (true, Ok(())) => stale.push(name),
            (false, Err(why)) => wrong.push(format!("{name}: {}: {why}", case.expr)),
        }
    }
    println!(
        "{n_passed} of {} cases pass, {n_not_supported} are not supported, {n_of_others} are about \
        messages, types and extensions that Sedge does not have",
        n_passed + n_not_supported + wrong.len() + stale.len()
    );
    assert!(
        wrong.is_empty(),
        "{} fail:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(stale.is_empty(), "listed, but they pass: {stale:#?}");
}

/// Returns whether a case is about protobuf messages or containers, or only about type checking.
fn speaks_of_messages(case: &Case) -> bool {
    let is_message = |text: &str| {
        ["TestAllTypes", "google.protobuf.", "cel.expr"]
            .iter()
            .any(|it| text.contains(it))
    };
    let bindings = case
        .bindings
        .iter()
        .any(|(_, value)| value.to_string().contains("\"proto\""));
    let known = ["google.protobuf.Timestamp", "google.protobuf.Duration"];
    let expr = known
        .iter()
        .fold(case.expr.clone(), |text, it| text.replace(it, ""));
    case.check_only
        || bindings
        || is_message(&expr)
        || !case.container.is_empty()
        || case.value.to_string().contains("\"proto\"")
        || case.matcher == "typed_result"
        || case.matcher == "unknown"
}

fn run(case: &Case) -> Result<(), String> {
    let names = case.bindings.iter().map(|(name, _)| name.as_str());
    let variables = names.fold(Variables::new(), |known, name| {
        known.with(name.split('.').next().unwrap_or(name), Shape::Any)
    });
    let place = TextPlace::of_text("case", &case.expr);
    let expr = match Expr::compile(&case.expr, &place, &variables) {
        Ok(expr) => expr,
        Err(_) if case.matcher == "eval_error" => return Ok(()),
        Err(fault) => return Err(format!("{fault} {:?}", fault.hint)),
    };
    let mut context = Context::with_env(environment().clone());
    context.add_variable_as_val(BUDGET_NAME, Box::new(Budget::new(LIMITS.cost)));
    for (at, constant) in expr.constants.iter().enumerate() {
        context.add_variable_as_val(format!("@{at}"), constant.clone());
    }
    for (name, value) in &case.bindings {
        context.add_variable_as_val(name.as_str(), boxed(value)?);
    }
    let resolved = with_stack(expr.n_nodes, || context.resolve(&expr.compiled));
    let expect = match case.matcher.as_str() {
        "eval_error" => {
            return match resolved {
                Err(_) => Ok(()),
                Ok(value) => Err(format!("it is {value:?}")),
            };
        }
        "true" => json!({"bool": true}),
        _ => case.value.clone(),
    };
    let value = resolved.map_err(|error| format!("{error:?}"))?;
    if expect.get("double").and_then(Value::as_str) == Some("NaN") {
        let is_nan = matches!(value, cel::Value::Float(it) if it.is_nan());
        return if is_nan {
            Ok(())
        } else {
            Err(format!("it is {value:?}"))
        };
    }
    let value = Boxed::try_from(value).map_err(|_| "it is no value".to_owned())?;
    if let Some(name) = expect.get("type").and_then(Value::as_str) {
        let name_is = value.downcast_ref::<CelType>().map(CelType::name);
        let text_is = value.downcast_ref::<CelString<'_>>().map(CelString::inner);
        return match name_is.or(text_is) {
            Some(it) if it == name => Ok(()),
            it => Err(format!("its type is {it:?}")),
        };
    }
    let expect = boxed(&expect)?;
    if expect.get_type().name() == value.get_type().name() && value.equals(&*expect) {
        Ok(())
    } else {
        Err(format!("it is {value:?}"))
    }
}

/// Returns the value that a case writes.
fn boxed(value: &Value) -> Result<Boxed<'static>, String> {
    let unknown = || format!("the case has the value {value}");
    let (kind, value) = value
        .as_object()
        .and_then(|it| it.iter().next())
        .ok_or_else(unknown)?;
    let text = || value.as_str().map(str::to_owned).ok_or_else(unknown);
    Ok(match kind.as_str() {
        "null" => Box::new(cel::common::types::CelNull),
        "bool" => Box::new(cel::common::types::CelBool::from(value == &json!(true))),
        "int" => Box::new(CelInt::from(
            text()?.parse::<i64>().map_err(|it| it.to_string())?,
        )),
        "uint" => Box::new(CelUInt::from(
            text()?.parse::<u64>().map_err(|it| it.to_string())?,
        )),
        "double" => Box::new(CelDouble::from(double(value)?)),
        "string" => Box::new(CelString::from(text()?)),
        "bytes" => Box::new(CelBytes::from(bytes(&text()?)?)),
        "duration" => Box::new(CelDuration::from(duration(value).ok_or_else(unknown)?)),
        "timestamp" => {
            let since = duration(value).ok_or_else(unknown)?;
            let time = DateTime::UNIX_EPOCH + since;
            Box::new(CelTimestamp::from(time.fixed_offset()))
        }
        "list" => {
            let items = value.as_array().ok_or_else(unknown)?.iter().map(boxed);
            Box::new(CelList::from(items.collect::<Result<Vec<_>, _>>()?))
        }
        "map" => {
            let mut members = std::collections::HashMap::new();
            for pair in value.as_array().ok_or_else(unknown)? {
                let key = CelMapKey::try_from(boxed(&pair[0])?).map_err(|it| it.to_string())?;
                members.insert(key, boxed(&pair[1])?);
            }
            Box::new(CelMap::from(members))
        }
        _ => return Err(unknown()),
    })
}

/// Returns the span of `["SECONDS", NANOSECONDS]`.
fn duration(value: &Value) -> Option<TimeDelta> {
    let seconds = value.get(0)?.as_str()?.parse().ok()?;
    let nanos = value.get(1)?.as_i64()?;
    Some(TimeDelta::seconds(seconds) + TimeDelta::nanoseconds(nanos))
}

fn double(value: &Value) -> Result<f64, String> {
    match (value.as_f64(), value.as_str()) {
        (Some(it), _) => Ok(it),
        (None, Some("Infinity")) => Ok(f64::INFINITY),
        (None, Some("-Infinity")) => Ok(f64::NEG_INFINITY),
        (None, Some(text)) => text.parse().map_err(|_| format!("{text} is no number")),
        (None, None) => Err(format!("{value} is no number")),
    }
}

fn bytes(base64: &str) -> Result<Vec<u8>, String> {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    engine.decode(base64).map_err(|error| error.to_string())
}
