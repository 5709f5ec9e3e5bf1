//! `sedge run list`

use std::time::Duration;

use clap::Args;
use sedge_app::run_list::run_list;
use sedge_app::types::{RunKind, RunRecord, RunStatus};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// List runs, newest first
#[derive(Debug, Args)]
pub(crate) struct RunListArgs {
    /// Show at most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: usize,
}

pub(crate) fn run(cx: &Context, args: &RunListArgs) -> Result<Output, CliError> {
    let runs = run_list(&*cx.repository()?, args.limit)?;
    let data: Vec<Value> = runs
        .iter()
        .map(|(run, status)| run_json(run, *status))
        .collect();
    let output = Output::new(json!(data));
    if runs.is_empty() {
        return Ok(output
            .note("No runs yet; `sedge model method run` and `sedge workflow run` make some."));
    }
    let rows = runs.iter().map(|(run, status)| {
        vec![
            run.id.to_string(),
            what(run),
            status.as_str().to_owned(),
            show::timestamp(run.started_at),
            elapsed(run).map(show::duration).unwrap_or_default(),
            run.by.clone(),
        ]
    });
    Ok(output.text(table(
        &["run", "of", "status", "started", "took", "by"],
        rows,
    )))
}

/// Returns what a run is the run of: `model.method`, or `workflow NAME`.
pub(crate) fn what(run: &RunRecord) -> String {
    match (run.kind, &run.method) {
        (RunKind::Method, Some(method)) => format!("{}.{method}", run.subject),
        (RunKind::Method, None) => run.subject.clone(),
        (RunKind::Workflow, _) => format!("workflow {}", run.subject),
    }
}

/// Returns how long a run took from its start to its end, rests included.
pub(crate) fn elapsed(run: &RunRecord) -> Option<Duration> {
    Some(Duration::from_millis(
        run.ended_at?.0.saturating_sub(run.started_at.0),
    ))
}

/// Returns a run as `--json` shows it.
pub(crate) fn run_json(run: &RunRecord, status: RunStatus) -> Value {
    json!({
        "id": run.id,
        "kind": run.kind,
        "subject": run.subject,
        "method": run.method,
        "exclusive": run.exclusive,
        "status": status,
        "startedBy": run.by,
        "startedAt": show::timestamp(run.started_at),
        "endedAt": run.ended_at.map(show::timestamp),
    })
}
