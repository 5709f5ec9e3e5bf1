//! `sedge run logs`

use clap::Args;
use sedge_app::run_logs::run_logs;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::progress::log_text;

/// Show what the calls of a run logged
#[derive(Debug, Args)]
pub(crate) struct RunLogsArgs {
    /// The run, or the beginning of its id [default: the newest]
    run: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &RunLogsArgs) -> Result<Output, CliError> {
    let (run, lines) = run_logs(&*cx.repository()?, args.run.as_deref())?;
    let data: Vec<Value> = lines
        .iter()
        .map(|record| {
            let mut line = json!(record.line);
            line["call"] = json!(record.lineage);
            line["model"] = json!(record.model);
            line["method"] = json!(record.method);
            line
        })
        .collect();
    let output = Output::new(json!({"run": run, "lines": data}));
    if lines.is_empty() {
        return Ok(output.note(format!("Nothing was logged in run {run}")));
    }
    let text: Vec<String> = lines
        .iter()
        .map(|record| {
            let (path, line) = (record.lineage.path(), log_text(&record.line, "    "));
            format!("{path}  {}.{}: {line}", record.model, record.method)
        })
        .collect();
    Ok(output.text(text.join("\n")))
}
