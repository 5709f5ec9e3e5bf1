//! `sedge data list`

use clap::Args;
use sedge_app::data_list::data_list;
use sedge_app::types::DataRecord;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// List data
#[derive(Debug, Args)]
pub(crate) struct DataListArgs {
    /// Only the data of this model
    model: Option<String>,
    #[command(flatten)]
    list: ListOptions,
}

/// What there is to say where there is no data.
const NONE: &str = "No data yet; methods write some: `sedge model method run MODEL METHOD`.";

pub(crate) fn run(cx: &Context, args: &DataListArgs) -> Result<Output, CliError> {
    let heading = ["model", "name", "kind", "latest", "size", "written"];
    let mut rows = Rows::new(cx, &args.list, &heading);
    let repository = cx.repository()?;
    cx.look(|_| {
        data_list(&repository, args.model.as_deref(), |record| {
            rows.push(&record_json(record), || row(record))
        })
    })?;
    rows.output(NONE)
}

fn row(record: &DataRecord) -> Vec<String> {
    vec![
        record.model.to_string(),
        guest_text::cell(record.name.as_str()),
        record.kind.as_str().to_owned(),
        record.version.to_string(),
        show::bytes(record.size),
        show::timestamp(record.created_at),
    ]
}

/// Returns a version as `--json` shows it, without its content.
pub(crate) fn record_json(record: &DataRecord) -> Value {
    let step = record.step.as_deref().and_then(|it| it.split_once('/'));
    json!({
        "model": record.model,
        "name": record.name,
        "version": record.version,
        "latest": record.is_latest,
        "kind": record.kind,
        "spec": record.spec,
        "mediaType": record.media_type(),
        "size": record.size,
        "digest": record.digest,
        "tags": record.tags,
        "lifetime": record.lifetime,
        "createdAt": show::timestamp(record.created_at),
        "writtenBy": {
            "run": record.by.run(),
            "job": step.map(|(job, _)| job),
            "step": step.map(|(_, step)| step),
            "call": record.by,
            "method": record.origin.method,
            "type": record.origin.type_name,
            "plugin": record.origin.plugin,
            "definition": record.origin.definition,
        },
    })
}
