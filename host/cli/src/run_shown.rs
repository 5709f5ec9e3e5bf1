//! Shows a run of a workflow while it is worked on, and how it ended: on a terminal as a live tree,
//! else as lines, or as JSON lines; and as a file in JUnit XML.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sedge_api::Time;
use sedge_api::document::{Success, Yes};
use sedge_api::problem::Explain;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::data::get::data_save_to;
use sedge_app::run::event_view::logged_line;
use sedge_app::run::follow::{FOLLOW_INTERVAL, RunFollower};
use sedge_app::run::show::run_show;
use sedge_app::types::{OutputFile, Timestamp, pause};
use sedge_app::{AppError, Cx, Events, ReportedEvent};

use crate::commands::workflow::run::{end_exit, end_output};
use crate::context::Context;
use crate::error::CliError;
use crate::junit::junit_write;
use crate::live::{LiveEvents, LiveLines, LiveProgress};
use crate::lost_output::{LostOutput, WorkDone};
use crate::output::{Output, failure_line, line, stdout};

/// The options of commands that work on a run of a workflow.
#[derive(Debug, Args)]
pub(crate) struct ShownOptions {
    /// Write the steps to this file as JUnit XML, also if the run fails or waits for a decision
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

impl ShownOptions {
    /// Refuses a file for one run if there are several runs.
    ///
    /// # Errors
    /// The option is given.
    pub(crate) fn refuse_with_stdin(&self) -> Result<(), CliError> {
        match self.junit {
            None => Ok(()),
            Some(_) => Err(CliError::Usage {
                message: "`--junit` writes the steps of one run, and `--stdin` can start several"
                    .to_owned(),
                hints: vec!["run the workflow once for each file".to_owned()],
            }),
        }
    }
}

/// What a command does with the run that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShownFor {
    /// It works on the run: an interruption stops the run's calls first.
    Work,
    /// It follows the run, on which another process works: an interruption ends the command only.
    Follow,
}

/// Waits for work on a run, or for a command that follows one, which `work` begins with the context
/// that it is passed. Shows its events: on a terminal as a tree, and else as lines.
///
/// # Errors
/// The work fails.
pub(crate) fn wait_shown<T, E: Into<CliError>, F>(
    cx: &Context,
    app: &Cx,
    shown: ShownFor,
    lines: LiveLines,
    work: impl FnOnce(Cx) -> F,
) -> Result<T, CliError>
where
    F: Future<Output = Result<T, E>>,
{
    let is_silent = cx.json || cx.quiet;
    let live = LiveProgress::new(&cx.screen, lines).filter(|_| !is_silent);
    let app = match &live {
        Some(live) => app.with_events(cx.recorded(LiveEvents(Arc::clone(live)))),
        None => app.clone(),
    };
    let work = work(app);
    let work = async {
        match live {
            Some(live) => live.shown_while(work).await,
            None => work.await,
        }
    };
    match shown {
        ShownFor::Work => cx.wait_run(work),
        ShownFor::Follow => cx.wait(work),
    }
}

/// How a run is shown.
pub(crate) struct RunShown<'c> {
    cx: &'c Context,
    app: Cx,
    junit: Option<OutputFile>,
    json_lines: bool,
    /// Why not all events could be written as JSON lines.
    lines_lost: RefCell<Option<CliError>>,
}

impl<'c> RunShown<'c> {
    /// Checks the options, before a run begins.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn new(
        cx: &'c Context,
        app: &Cx,
        options: &ShownOptions,
        json_lines: bool,
    ) -> Result<Self, CliError> {
        let junit = options.junit.as_ref();
        let junit = junit.map(|path| data_save_to(app, path));
        Ok(Self {
            cx,
            app: app.clone(),
            junit: junit.transpose()?,
            json_lines,
            lines_lost: RefCell::default(),
        })
    }

    /// Waits for the work on a run, which `work` begins with the context that it is passed.
    ///
    /// # Errors
    /// The run failed, or was refused.
    pub(crate) fn wait<F>(&self, work: impl FnOnce(Cx) -> F) -> Result<WorkflowEnd, CliError>
    where
        F: Future<Output = Result<WorkflowEnd, AppError>>,
    {
        if self.json_lines {
            let work = work(self.app.with_events(self.cx.recorded(LoggedLines)));
            return self.cx.wait_run(self.lines_while(work));
        }
        wait_shown(self.cx, &self.app, ShownFor::Work, LiveLines::All, work)
    }

    /// Returns the output for the end of the work, and writes the files that the options name.
    ///
    /// # Errors
    /// The run failed, or its output cannot be written.
    pub(crate) fn output(
        mut self,
        ended: Result<WorkflowEnd, CliError>,
    ) -> Result<Output, CliError> {
        let written = self.junit_written();
        let lost = self.lines_lost.take().or(written.err());
        let ended = match (lost, ended) {
            (None, ended) => ended,
            (Some(error), Ok(end)) => Err(lost_output(self.cx, &end, error)),
            // The failure of the run matters more; the other one is not lost.
            (Some(error), Err(failed)) => {
                for line in error.lines("warning") {
                    self.cx.screen.stderr(&line);
                }
                Err(failed)
            }
        };
        if !self.json_lines {
            return ended.map(end_output);
        }
        match ended {
            Ok(end) => {
                let exit = end_exit(&end);
                let done = WorkDone::of(self.cx, exit);
                let line = line(&Success { ok: Yes, data: end });
                let written = line.map_err(io::Error::from).and_then(|it| stdout(&it));
                written.map_err(|error| CliError::from(error).after(|| done))?;
                Ok(Output::printed().exit(exit))
            }
            Err(error) => {
                let line = failure_line(&error.problem());
                let written = line.map_err(io::Error::from).and_then(|it| stdout(&it));
                // What stdout cannot take is shown on stderr.
                if written.is_err() {
                    error.print(&self.cx.screen);
                }
                Ok(Output::printed().exit(error.class().exit_code()))
            }
        }
    }

    /// Writes the report of the run, if there was one.
    fn junit_written(&mut self) -> Result<(), CliError> {
        let (Some(file), Some(run)) = (self.junit.take(), self.cx.current_run()) else {
            return Ok(());
        };
        let report = run_show(&self.app, Some(run.as_str()))?;
        junit_write(&report, file)
    }

    /// Waits for work, and writes the events of the run to stdout meanwhile.
    async fn lines_while(
        &self,
        work: impl Future<Output = Result<WorkflowEnd, AppError>>,
    ) -> Result<WorkflowEnd, CliError> {
        let mut lines = EventLines {
            since: Time::from_ms(Timestamp::now().0),
            follower: None,
        };
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                ended = &mut work => {
                    self.lines_written(&mut lines);
                    return Ok(ended?);
                }
                () = pause(FOLLOW_INTERVAL) => self.lines_written(&mut lines),
            }
        }
    }

    /// Writes the events since the last call. After an error, which the end of the work reports, none
    /// is written any more: the run does not stop because its events cannot be shown.
    fn lines_written(&self, lines: &mut EventLines) {
        let mut lost = self.lines_lost.borrow_mut();
        if lost.is_none() {
            *lost = lines.write(self).err();
        }
    }
}

/// Returns the error of a run that has ended without a failure, but of which something cannot be
/// written.
fn lost_output(cx: &Context, end: &WorkflowEnd, error: CliError) -> CliError {
    let done = WorkDone::of(cx, end_exit(end));
    CliError::Lost(LostOutput::new(done, error))
}

/// Writes the events of a run as JSON lines.
struct EventLines {
    /// Events before that are of earlier commands.
    since: Time,
    follower: Option<RunFollower>,
}

impl EventLines {
    /// Writes the events since the last call.
    fn write(&mut self, shown: &RunShown<'_>) -> Result<(), CliError> {
        if self.follower.is_none() {
            self.follower = shown.cx.current_run().map(RunFollower::new);
        }
        let Some(follower) = &mut self.follower else {
            return Ok(());
        };
        let mut text = String::new();
        for event in follower.news(&shown.app)? {
            if event.at >= self.since {
                text.push_str(&line(&event).map_err(io::Error::from)?);
            }
        }
        Ok(stdout(&text)?)
    }
}

/// Writes the lines that calls log as JSON lines. The log of the run has everything else.
struct LoggedLines;

impl Events for LoggedLines {
    fn event(&self, reported: ReportedEvent) {
        let written = logged_line(&reported).map(|event| line(&event));
        if let Some(Ok(text)) = written {
            // If stdout cannot be written, the document at the end reports it.
            let _ = stdout(&text);
        }
    }
}
