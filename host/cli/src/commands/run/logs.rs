//! `sedge run logs`

use clap::Args;
use sedge_api::view::run::{LogFieldView, LogLineView};
use sedge_app::run::logs::run_logs;
use sedge_app::types::Scan;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::progress::{log_origin, log_text};
use crate::rows::{ListOptions, Rows};

/// Show the logs of the calls of a run
#[derive(Debug, Args)]
pub(crate) struct RunLogsArgs {
    /// The run, or a prefix of its id [default: the newest]
    run: Option<String>,
}

impl Run for RunLogsArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let repository = cx.repository()?;
        let id = self.run.as_deref();
        if cx.json {
            let mut rows = Rows::new(cx, &ListOptions::default(), &[]);
            let of = run_logs(&repository, id, |line| rows.push(&line, Vec::new))?;
            return rows.output_with("", of);
        }
        let mut lines = Vec::new();
        let of = run_logs(&repository, id, |line| {
            lines.push(text(&line));
            Ok::<_, CliError>(Scan::More)
        })?;
        if lines.is_empty() {
            return Ok(Output::default().note(format!("Nothing was logged in run {}.", of.run)));
        }
        Ok(Output::default().text(lines.join("\n")))
    }
}

fn text(line: &LogLineView) -> String {
    // The name of a call begins with its run, which the user knows already.
    let path = line.call.split_once('/').map_or("", |(_, path)| path);
    let field = |LogFieldView { key, value }: &LogFieldView| format!(" {key}={value}");
    let fields: String = line.fields.iter().map(field).collect();
    let text = log_text(line.level.as_str(), &line.message, &fields, "    ");
    let from = log_origin(line.step.as_deref(), &line.model, &line.method);
    format!("{path}  {from}: {text}")
}
