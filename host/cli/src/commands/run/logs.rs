//! `sedge run logs`

use clap::Args;
use sedge_api::view::run::{LogFieldView, LogLineView};
use sedge_app::run::logs::run_logs;
use sedge_app::run::logs_follow::run_logs_follow;
use sedge_app::types::Scan;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, stdout};
use crate::progress::{log_origin, log_text};
use crate::rows::{ListOptions, Rows};

/// Show the logs of the calls of a run
#[derive(Debug, Args)]
pub(crate) struct RunLogsArgs {
    /// The run, or a prefix of its id [default: the newest]
    run: Option<String>,
    /// Show only the lines of this step: JOB/STEP, or STEP; with all its expansions
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Show further lines until the run ends or waits for a decision
    #[arg(long, short)]
    follow: bool,
}

impl Run for RunLogsArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let repository = cx.repository()?;
        let (id, step) = (self.run.as_deref(), self.step.as_deref());
        if cx.json {
            let mut rows = Rows::new(cx, &ListOptions::default(), &[]);
            let take = |line: LogLineView| rows.push(&line, Vec::new);
            let of = match self.follow {
                true => cx.wait(run_logs_follow(&repository, id, step, take))?,
                false => run_logs(&repository, id, step, take)?,
            };
            return rows.output_with("", of);
        }
        let mut lines = Vec::new();
        let mut n_lines = 0_u64;
        let take = |line: LogLineView| {
            n_lines += 1;
            match self.follow {
                // A line is printed as soon as it is stored.
                true => stdout(
                    &cx.screen
                        .shown(guest_text::visible(&text(&line)) + "\n", false),
                )?,
                false => lines.push(text(&line)),
            }
            Ok::<_, CliError>(Scan::More)
        };
        let of = match self.follow {
            true => cx.wait(run_logs_follow(&repository, id, step, take))?,
            false => run_logs(&repository, id, step, take)?,
        };
        if n_lines == 0 {
            let by = step.map(|step| format!(" by the step `{step}`"));
            return Ok(Output::default().note(format!(
                "Nothing was logged in run {}{}.",
                of.run,
                // ignored: no error is dropped, because this is an `Option`.
                by.unwrap_or_default()
            )));
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
