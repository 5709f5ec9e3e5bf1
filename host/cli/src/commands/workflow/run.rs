//! `sedge workflow run`

use std::collections::BTreeMap;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::types::{AssertSeverity, GivenInputs, Workload};
use sedge_app::workflow::dry_run::workflow_dry_run;
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};

use crate::commands::Run;
use crate::commands::shared::{CheckOptions, ExecutionOptions, key_value};
use crate::commands::workflow::approvals::approve_command;
use crate::context::Context;
use crate::error::CliError;
use crate::failed_steps::failed_lines;
use crate::inputs::InputOptions;
use crate::item_runs::{RunResult, SUSPENDED_EXIT, run_each};
use crate::output::Output;
use crate::plan::plan_output;
use crate::run_shown::{RunShown, ShownOptions};

/// The help of an option that has another meaning for methods.
const JSON_LINES: &str = "Write each event of the run as one JSON document per line to stdout, and \
                          nothing to stderr; with --stdin, one document when a run ends";

/// Run a workflow
///
/// Ends when the run has ended, or when every remaining step waits for the decision of a gate,
/// which is not a failure: the exit code is then 4. `--dry-run` shows what would run, and records
/// nothing.
#[derive(Debug, Args)]
#[command(mut_arg("json_lines", |arg| arg.help(JSON_LINES)))]
pub(crate) struct WorkflowRunArgs {
    /// The workflow
    name: String,
    #[command(flatten)]
    inputs: InputOptions,
    /// Lock the whole datastore while the run is executed
    #[arg(long)]
    exclusive: bool,
    /// Fail if an assert of this severity or a higher one does not hold [default: low]
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    fail_on: Option<AssertSeverity>,
    /// Label the run and the data that it writes; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    tag: Vec<(String, String)>,
    #[command(flatten)]
    checks: CheckOptions,
    #[command(flatten)]
    options: ExecutionOptions,
    /// Show what would run, with the inputs as far as they are known before the run
    #[arg(long, conflicts_with_all = ["stdin", "json_lines", "junit"])]
    dry_run: bool,
    #[command(flatten)]
    shown: ShownOptions,
}

/// Returns the parser of the severity of an assert.
fn severity() -> impl TypedValueParser<Value = AssertSeverity> {
    let words = AssertSeverity::ALL.iter().map(|it| it.as_str());
    PossibleValuesParser::new(words).map(|word| {
        let mut all = AssertSeverity::ALL.into_iter();
        let found = all.find(|it| it.as_str() == word);
        found.expect("the parser accepts only words of the list")
    })
}

impl Run for WorkflowRunArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.options.settings(Workload::ManyCalls)?)?;
        let check_skips = self.checks.skips();
        let tags: BTreeMap<String, String> = self.tag.into_iter().collect();
        let request = |inputs: GivenInputs| WorkflowRunRequest {
            workflow: self.name.clone(),
            inputs,
            exclusive: self.exclusive,
            check_skips: check_skips.clone(),
            fail_on: self.fail_on,
            tags: tags.clone(),
        };
        if self.inputs.stdin {
            self.shown.refuse_with_stdin()?;
            let run = async |inputs| workflow_run(&app, &request(inputs)).await;
            return run_each(cx, self.inputs, run);
        }
        let json_lines = self.inputs.items.json_lines;
        let request = request(self.inputs.given()?);
        if self.dry_run {
            let planned = cx.wait(workflow_dry_run(&app, &request))?;
            return Ok(plan_output(cx, planned));
        }
        let request = &request;
        let shown = RunShown::new(cx, &app, &self.shown, json_lines)?;
        let ended = shown.wait(|app| async move { workflow_run(&app, request).await });
        shown.output(ended)
    }

    fn changes(&self) -> bool {
        !self.dry_run
    }
}

impl RunResult for WorkflowEnd {
    fn is_suspended(&self) -> bool {
        match self {
            Self::Succeeded { .. } => false,
            Self::Suspended { .. } => true,
        }
    }

    fn output(self) -> Output {
        end_output(self)
    }
}

/// Returns the exit code for the end of the work on a run.
pub(crate) fn end_exit(end: &WorkflowEnd) -> u8 {
    match end {
        WorkflowEnd::Succeeded { .. } => 0,
        WorkflowEnd::Suspended { .. } => SUSPENDED_EXIT,
    }
}

/// Returns the output for the end of the work on a run.
pub(crate) fn end_output(end: WorkflowEnd) -> Output {
    let exit = end_exit(&end);
    let notes = end_notes(&end);
    let output = notes.into_iter().fold(Output::new(end), Output::note);
    output.exit(exit)
}

/// Returns the sentences about the end of the work on a run: how it ended, and which steps failed.
pub(crate) fn end_notes(end: &WorkflowEnd) -> Vec<String> {
    match end {
        WorkflowEnd::Succeeded {
            run,
            workflow,
            failed_steps,
        } => {
            let mut notes = vec![format!("The workflow `{workflow}` succeeded.")];
            notes.extend(failed_lines(failed_steps));
            notes.push(format!("hint: `sedge run show {run}` shows its calls"));
            notes
        }
        WorkflowEnd::Suspended {
            run,
            workflow,
            gates,
            failed_steps,
        } => {
            let decides = |gate: &String| {
                let command = approve_command(workflow, gate, run);
                format!("hint: decide the gate with `{command}` (or `reject`)")
            };
            let mut notes = vec![format!("The workflow `{workflow}` is suspended.")];
            notes.extend(failed_lines(failed_steps));
            notes.extend(gates.iter().map(decides));
            notes.push(format!(
                "hint: then resume the run with `sedge workflow resume {workflow} --run {run}`"
            ));
            notes
        }
    }
}
