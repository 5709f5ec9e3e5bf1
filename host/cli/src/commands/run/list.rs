//! `sedge run list`

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use sedge_api::view::run::{RunKindView, RunStatusView, RunView};
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::types::Timestamp;

use crate::commands::Run;
use crate::commands::shared::{time_or_age, whole_number};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// The number of runs in a table, unless the user sets another one. In a longer table, the newest
/// run would scroll out of view.
const ROWS_SHOWN: u64 = 20;

/// List runs, newest first
#[derive(Debug, Args)]
pub(crate) struct RunListArgs {
    /// Show only runs of this model, method (MODEL.METHOD) or workflow
    #[arg(long, value_name = "NAME")]
    of: Option<String>,
    #[command(flatten)]
    options: RunListOptions,
}

/// List the runs of workflows, newest first, as `sedge run list` does
#[derive(Debug, Args)]
pub(crate) struct WorkflowHistoryArgs {
    /// The workflow [default: all workflows]
    name: Option<String>,
    #[command(flatten)]
    options: RunListOptions,
}

/// The options of commands that list runs.
#[derive(Debug, Args)]
struct RunListOptions {
    /// Show only runs with this status; may be repeated, or be a list: failed,cancelled
    #[arg(long, value_parser = status(), value_delimiter = ',')]
    status: Vec<RunStatusView>,
    /// Show only runs started since: an age such as 7d, or a time such as 2026-11-23T21:34:00Z
    #[arg(long, value_name = "TIME", value_parser = time_or_age)]
    since: Option<Timestamp>,
    /// Show at most N runs [default: 20 in a table, else all]
    #[arg(long, short = 'n', value_name = "N", value_parser = whole_number)]
    limit: Option<u64>,
    /// Write one JSON document per line to stdout while runs are found
    #[arg(long)]
    json_lines: bool,
}

/// Returns the parser of the status of a run.
fn status() -> impl TypedValueParser<Value = RunStatusView> {
    let words = RunStatusView::ALL.iter().map(|it| it.as_str());
    PossibleValuesParser::new(words).map(|word| {
        let mut all = RunStatusView::ALL.iter().copied();
        let found = all.find(|it| it.as_str() == word);
        found.expect("the parser accepts only words of the list")
    })
}

impl Run for RunListArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let none = "No runs yet; `sedge model method run` and `sedge workflow run` start them.";
        self.options.list(cx, self.of, None, none)
    }
}

impl Run for WorkflowHistoryArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let none = "No workflow has run yet; `sedge workflow run` starts one.";
        let kind = Some(RunKindView::Workflow);
        self.options.list(cx, self.name, kind, none)
    }
}

impl RunListOptions {
    /// Lists the runs of a model or workflow, or all. `none` is the note about a repository that has
    /// no such run.
    fn list(
        self,
        cx: &Context,
        of: Option<String>,
        kind: Option<RunKindView>,
        none: &str,
    ) -> Result<Output, CliError> {
        let is_filtered = !self.status.is_empty() || of.is_some() || self.since.is_some();
        let request = RunListRequest {
            statuses: self.status,
            of,
            kind,
            since: self.since,
        };
        let heading = ["run", "of", "status", "started", "took", "by"];
        let in_table = !cx.json && !self.json_lines;
        let limit = self.limit.or(in_table.then_some(ROWS_SHOWN));
        let options = ListOptions::new(limit, self.json_lines);
        let mut rows = Rows::new(cx, &options, &heading);
        run_list(&cx.app()?, &request, |run| rows.push(&run, || row(&run)))?;
        rows.output(match is_filtered {
            true => "No run matches.",
            false => none,
        })
    }
}

fn row(run: &RunView) -> Vec<String> {
    vec![
        run.id.clone(),
        what(run),
        status_text(run),
        show::time_in_table(run.started_at),
        elapsed(run).map(show::duration).unwrap_or_default(),
        run.started_by.clone(),
    ]
}

/// Returns the status of a run, and what is known of its end.
pub(crate) fn status_text(run: &RunView) -> String {
    let status = run.status.as_str();
    match (run.deadline_passed, run.can_only_fail) {
        (true, _) => format!("{status}, its deadline has passed"),
        (false, true) => format!("{status}, can only fail"),
        (false, false) => status.to_owned(),
    }
}

/// Returns the subject of a run: `model.method`, or `workflow NAME`.
pub(crate) fn what(run: &RunView) -> String {
    match (run.kind, &run.method) {
        (RunKindView::Method, Some(method)) => format!("{}.{method}", run.subject),
        (RunKindView::Method, None) => run.subject.clone(),
        (RunKindView::Workflow, _) => format!("workflow {}", run.subject),
    }
}

/// Returns how long a run took from its start to its end, including suspensions.
pub(crate) fn elapsed(run: &RunView) -> Option<Duration> {
    run.duration_ms.map(Duration::from_millis)
}
