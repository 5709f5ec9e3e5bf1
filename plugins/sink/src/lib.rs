//! `@sedge/sink`: stores the last note that it received.
//!
//! It is the smallest model that does something: an example for plugin authors, and the callee of
//! tests that measure the cost of a call.

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, MethodKind, Model, NoArguments};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    /// The note to store
    #[serde(default)]
    note: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Record {
    /// The note, if the run had one
    note: Option<String>,
    /// The run that wrote the record
    run: String,
    /// The call in that run
    call: String,
}

fn model() -> Model {
    Model::new(
        "@sedge/sink",
        "2026.11.23.1",
        "Stores the last note that it received",
    )
    .resource::<Record>("record", "The note of the last run")
    .method("run", MethodKind::Action, "Write one small record", run)
    .method(
        "latest",
        MethodKind::Read,
        "Return the latest record",
        latest,
    )
}

fn run(cx: &Context, arguments: RunArguments) -> Result<Record, Failure> {
    let identity = cx.identity();
    let record = Record {
        note: arguments.note,
        run: identity.run.clone(),
        call: identity.call.clone(),
    };
    cx.write("record", &record)?;
    Ok(record)
}

fn latest(cx: &Context, _: NoArguments) -> Result<Option<Record>, Failure> {
    let latest = cx.latest::<Record>("record")?;
    Ok(latest.map(|resource| resource.content))
}

sedge_sdk::export!(model);
