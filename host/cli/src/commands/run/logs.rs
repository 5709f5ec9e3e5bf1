//! `sedge run logs`

use clap::Args;
use sedge_api::view::run::{LogFieldView, LogLineView, LogOf};
use sedge_app::Cx;
use sedge_app::run::logs::run_logs;
use sedge_app::run::logs_follow::run_logs_follow;
use sedge_app::run::watch::run_watch;
use sedge_app::types::Scan;

use crate::commands::Run;
use crate::commands::run::watch::notes;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::live::LiveLines;
use crate::output::Output;
use crate::progress::{log_origin, log_text};
use crate::rows::{ListOptions, Rows};
use crate::run_shown::{ShownFor, wait_shown};
use crate::screen::transient_columns;

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
        let app = cx.app()?;
        let (id, step) = (self.run.as_deref(), self.step.as_deref());
        if cx.json {
            let mut rows = Rows::new(cx, &ListOptions::default(), &[]);
            let take = |line: LogLineView| rows.push(&line, Vec::new);
            let of = match self.follow {
                true => cx.wait(run_logs_follow(&app, id, step, take))?,
                false => run_logs(&app, id, step, take)?,
            };
            return rows.output_with("", of);
        }
        let mut lines = Vec::new();
        let mut n_lines = 0_u64;
        let take = |line: LogLineView| {
            n_lines += 1;
            match self.follow {
                // A line is printed as soon as it is stored.
                true => cx.screen.stdout_above(
                    &cx.screen
                        .shown(guest_text::visible(&text(&line)) + "\n", false),
                )?,
                false => lines.push(text(&line)),
            }
            Ok::<_, CliError>(Scan::More)
        };
        let (of, ended) = match self.follow {
            true => followed(cx, &app, (id, step), take)?,
            false => (run_logs(&app, id, step, take)?, Vec::new()),
        };
        if n_lines == 0 {
            let by = step.map(|step| format!(" by the step `{step}`"));
            let nothing = format!(
                "Nothing was logged in run {}{}.",
                of.run,
                // ignored: no error is dropped, because this is an `Option`.
                by.unwrap_or_default()
            );
            let output = Output::default().note(nothing);
            return Ok(ended.into_iter().fold(output, Output::note));
        }
        let output = Output::default().text(lines.join("\n"));
        Ok(ended.into_iter().fold(output, Output::note))
    }
}

/// Passes the lines of a run to `take` until it ends or waits. On a terminal, the steps that are
/// under way are drawn below the lines, and the sentences about the end are returned.
fn followed(
    cx: &Context,
    app: &Cx,
    (id, step): (Option<&str>, Option<&str>),
    take: impl FnMut(LogLineView) -> Result<Scan, CliError>,
) -> Result<(LogOf, Vec<String>), CliError> {
    if cx.quiet || transient_columns().is_none() {
        let of = cx.wait(run_logs_follow(app, id, step, take))?;
        return Ok((of, Vec::new()));
    }
    wait_shown(
        cx,
        app,
        ShownFor::Follow,
        LiveLines::Nothing,
        |app| async move {
            let logs = run_logs_follow(&app, id, step, take);
            let watched = async { Ok(run_watch(&app, id).await?) };
            let (of, watched) = tokio::try_join!(logs, watched)?;
            Ok::<_, CliError>((of, notes(&watched)))
        },
    )
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
