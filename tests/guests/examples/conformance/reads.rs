//! Queries for data, filtered lists, and definitions of models.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use sedge_sdk::{
    Context, DataError, DataFilter, Failure, MethodKind, Model, ModelFilter, ModelsError, Value,
    json,
};
use serde::Deserialize;

use crate::outcome;

#[derive(Deserialize, JsonSchema)]
struct QueryArguments {
    predicate: String,
    select: String,
}

#[derive(Deserialize, JsonSchema)]
struct ListArguments {
    model: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    spec: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize, JsonSchema)]
struct ModelsArguments {
    prefix: String,
}

#[derive(Deserialize, JsonSchema)]
struct ModelArguments {
    name: String,
}

pub(crate) fn methods(model: Model) -> Model {
    let read = MethodKind::Read;
    model
        .method("query", read, "Find data by a predicate", query)
        .method("list-matching", read, "List data by a filter", list)
        .method("models", read, "List models", models)
        .method("model", read, "Read a definition", definition)
        .method(
            "observe",
            MethodKind::Observe,
            "Write what it sees",
            observe,
        )
}

/// Returns the selected value of each version that fits.
fn query(cx: &Context, arguments: QueryArguments) -> Result<Value, Failure> {
    let found = cx.query::<Value>(&arguments.predicate, &arguments.select);
    let found: Result<Vec<Value>, DataError> = found.map(|it| Ok(it?.value)).collect();
    Ok(outcome(found))
}

fn list(cx: &Context, arguments: ListArguments) -> Result<Value, Failure> {
    let mut filter = DataFilter::new().prefix(&arguments.prefix);
    if let Some(spec) = &arguments.spec {
        filter = filter.spec(spec);
    }
    for (key, value) in &arguments.tags {
        filter = filter.tag(key, value);
    }
    let found = cx.list_matching(&arguments.model, &filter);
    let found: Result<Vec<String>, DataError> = found.map(|it| Ok(it?.name)).collect();
    Ok(outcome(found))
}

fn models(cx: &Context, arguments: ModelsArguments) -> Result<Value, Failure> {
    let found = cx.models_matching(&ModelFilter::new().prefix(&arguments.prefix));
    let found: Result<Vec<String>, ModelsError> = found.map(|it| Ok(it?.name)).collect();
    Ok(outcome(found))
}

fn definition(cx: &Context, arguments: ModelArguments) -> Result<Value, Failure> {
    Ok(outcome(cx.model(&arguments.name).map(|it| {
        json!({
            "name": it.name,
            "type": it.type_name,
            "tags": it.tags,
            "global_arguments": it.global_arguments,
        })
    })))
}

/// Writes a record, which a method of kind `read` cannot.
fn observe(cx: &Context, arguments: ModelArguments) -> Result<Value, Failure> {
    let written = cx.write_named("record", &arguments.name, &json!({"n": 1}));
    Ok(outcome(written))
}
