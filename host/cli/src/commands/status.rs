//! `sedge status`

use clap::Args;
use sedge_api::view::run::RunView;
use sedge_api::view::status::StatusReport;
use sedge_api::view::workflow::GateView;
use sedge_app::status::status;

use crate::commands::Run;
use crate::commands::run::list::what;
use crate::commands::workflow::approvals::approve_command;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, table};
use crate::permission_text::permission_text;
use crate::screen::Screen;
use crate::show;

/// The number of rows of each table. The commands in the hints show all.
const ROWS_SHOWN: usize = 10;

/// Show what waits, runs, failed or is missing
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {}

impl Run for StatusArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let report = cx.wait(status(&app))?;
        if cx.json {
            return Ok(Output::new(report));
        }
        let sections = sections(&cx.screen, &report);
        let disk = &report.disk;
        let summary = format!(
            "{} and {} on record; {} on disk.",
            show::count(disk.versions, "version"),
            show::count(disk.runs, "run"),
            show::bytes(disk.database_bytes + disk.log_bytes + disk.file_bytes),
        );
        let mut output = Output::default().text(sections.join("\n\n"));
        if sections.is_empty() {
            output = output.note("Nothing needs attention.");
        }
        output = output.note(summary);
        for hint in hints(&report) {
            output = output.note(format!("hint: {hint}"));
        }
        Ok(output)
    }
}

/// Returns a heading and a table for each kind of thing that needs attention.
fn sections(screen: &Screen, report: &StatusReport) -> Vec<String> {
    let section = |title: &str, heading: &[&str], rows: Vec<Vec<String>>| {
        section(screen, title, heading, rows)
    };
    let gates = report.gates.iter().map(|gate| {
        vec![
            gate.workflow.clone(),
            gate.gate.clone(),
            gate.run.clone(),
            show::time_in_table(gate.since),
            guest_text::cell(&prompt_text(gate)),
        ]
    });
    let missing = report.missing_components.iter().map(|it| {
        let (type_name, source) = (it.type_name.clone(), it.source.clone());
        vec![type_name, it.version.clone(), source]
    });
    let not_granted = report
        .not_granted
        .iter()
        .map(|it| vec![it.model.clone(), permission_text(&it.request.permission)]);
    let secrets = report.secrets_closed.iter();
    let secrets = secrets.map(|it| vec![guest_text::unbroken(it)]);
    let files = report.faulty_files.iter().map(|file| vec![file.clone()]);
    [
        section(
            "Waiting for a decision",
            &["workflow", "gate", "run", "since", "prompt"],
            gates.collect(),
        ),
        section("Running", &RUN, report.running.iter().map(row).collect()),
        section(
            "Interrupted",
            &RUN,
            report.interrupted.iter().map(row).collect(),
        ),
        section("Failed", &RUN, report.failed.iter().map(row).collect()),
        section(
            "Components that are not on this machine",
            &["type", "version", "source"],
            missing.collect(),
        ),
        section(
            "Requested and not granted",
            &["model", "request"],
            not_granted.collect(),
        ),
        section("Files that cannot be used", &["file"], files.collect()),
        section(
            "No run begins, because secrets cannot be opened",
            &["reason"],
            secrets.collect(),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns the question of a gate, behind a warning if the run can only fail.
fn prompt_text(gate: &GateView) -> String {
    let prompt = gate.prompt.replace('\n', " ");
    match gate.failed_steps.iter().any(|step| !step.is_allowed) {
        true => format!("(a step has failed) {prompt}"),
        false => prompt,
    }
}

/// The columns of a table of runs.
const RUN: [&str; 4] = ["run", "of", "status", "started"];

fn row(run: &RunView) -> Vec<String> {
    vec![
        run.id.clone(),
        what(run),
        run.status.as_str().to_owned(),
        show::time_in_table(run.started_at),
    ]
}

fn section(
    screen: &Screen,
    title: &str,
    heading: &[&str],
    mut rows: Vec<Vec<String>>,
) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let n_more = rows.len().saturating_sub(ROWS_SHOWN);
    rows.truncate(ROWS_SHOWN);
    let mut text = format!("{title}:\n{}", table(screen, heading, rows));
    if n_more > 0 {
        text.push_str(&format!("\n… ({n_more} more)"));
    }
    Some(text)
}

/// Returns what the user can do next, one sentence for each kind of thing.
fn hints(report: &StatusReport) -> Vec<String> {
    let mut hints = Vec::new();
    if let Some(gate) = report.gates.first() {
        hints.push(format!(
            "decide a gate: `{}`",
            approve_command(&gate.workflow, &gate.gate, &gate.run)
        ));
    }
    if let Some(run) = report.interrupted.first().or(report.failed.first()) {
        hints.push(format!(
            "see how far a run got: `sedge run show {}`",
            run.id
        ));
    }
    if let Some(denied) = report.not_granted.first() {
        hints.push(format!(
            "see what a model may do: `sedge model permissions {}`",
            show::typed(&denied.model)
        ));
    }
    if !report.missing_components.is_empty() {
        hints.push("find the components: `sedge plugin restore`".to_owned());
    }
    if !report.faulty_files.is_empty() {
        hints.push("see each problem: `sedge doctor`".to_owned());
    }
    if report.secrets_closed.is_some() {
        hints.push("see the state of each secret: `sedge secret list`".to_owned());
    }
    hints
}
