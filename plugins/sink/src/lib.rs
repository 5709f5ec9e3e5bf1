//! `@sedge/sink`: keeps the last thing that it was told.
//!
//! The smallest model that does something: an example for authors, and what others
//! call to find out what a call costs.

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, MethodKind, Model, NoArguments};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    /// What to note down
    #[serde(default)]
    note: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Record {
    /// What the run was told, if anything
    note: Option<String>,
    /// The run that told it
    run: String,
    /// The call in that run
    call: String,
}

fn model() -> Model {
    Model::new(
        "@sedge/sink",
        "2026.11.23.1",
        "Keeps the last thing that it was told",
    )
    .resource::<Record>("record", "What the last run was told")
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
