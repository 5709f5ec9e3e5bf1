//! Shows the events of a use case while it runs, line by line on stderr.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sedge_app::types::{CachePart, Lineage, LogLevel, LogLine, Moment, RunId, StepPath, pause};
use sedge_app::{DefinitionUpgrade, Event, Events, ReportedEvent};

use crate::guest_text::{self, INDENT};
use crate::run_lines::RunLines;
use crate::screen::{Screen, stderr_folded, stderr_sentence, transient_columns};
use crate::{show, user_folders};

/// Shows events to the user.
#[derive(Debug)]
pub(crate) struct Progress {
    screen: Arc<Screen>,
    /// The call and the resource of the wait that was shown last. Without a terminal, each wait
    /// is shown once.
    last_wait: Mutex<Option<(Lineage, String)>>,
    /// The runs of nested workflows.
    runs: Mutex<RunLines>,
    ticker: Ticker,
}

/// How long an operation may take before its progress is shown.
const FIRST_REPORT_AFTER: Duration = Duration::from_secs(1);

/// How often the progress is shown.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);

/// Shows the progress of a slow operation in a transient line, if stderr is a terminal.
#[derive(Debug)]
pub(crate) struct Ticker {
    screen: Arc<Screen>,
    since: Moment,
    /// The width of the terminal; `None` if no progress is shown.
    columns: Option<usize>,
}

impl Ticker {
    pub(crate) fn new(screen: &Arc<Screen>, is_silent: bool) -> Self {
        Self {
            screen: Arc::clone(screen),
            since: Moment::now(),
            columns: transient_columns().filter(|_| !is_silent),
        }
    }

    /// Reports how many items were processed.
    pub(crate) fn count(&self, n: u64, unit: &str) {
        self.report(n, None, unit);
    }

    /// Reports how many bytes of how many are done.
    pub(crate) fn bytes(&self, done: u64, of: u64) {
        self.report(done, Some(of), "byte");
    }

    fn report(&self, done: u64, of: Option<u64>, unit: &str) {
        if !self.is_due(REPORT_INTERVAL) {
            return;
        }
        let amount = |n| match unit {
            "byte" => show::bytes(n),
            unit => show::count(n, unit),
        };
        let of = of.map(|of| format!(" of {}", amount(of)));
        let line = format!("{}{}", amount(done), of.unwrap_or_default());
        self.show(&line);
    }

    /// Shows from time to time that the operation is still running, unless other output shows it.
    pub(crate) async fn tick(&self) {
        loop {
            pause(FIRST_REPORT_AFTER).await;
            if self.is_due(FIRST_REPORT_AFTER + REPORT_INTERVAL) {
                self.show(&format!(
                    "Working for {}",
                    show::duration(self.since.elapsed())
                ));
            }
        }
    }

    fn is_due(&self, quiet: Duration) -> bool {
        self.columns.is_some()
            && self.since.elapsed() >= FIRST_REPORT_AFTER
            && self.screen.stderr_is_quiet(quiet)
    }

    fn show(&self, line: &str) {
        if let Some(columns) = self.columns {
            self.screen.stderr_in_place(line, columns);
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        if let Some(columns) = self.columns {
            self.screen.stderr_in_place("", columns);
        }
    }
}

/// Ignores all events.
#[derive(Debug)]
pub(crate) struct Silence;

impl Events for Silence {
    fn event(&self, _: ReportedEvent) {}
}

impl Events for Progress {
    fn event(&self, reported: ReportedEvent) {
        self.show(reported.event);
    }
}

impl Progress {
    /// Shows an event.
    pub(crate) fn show(&self, event: Event) {
        match event {
            Event::LockWaiting { .. } => self.lock_waiting(event),
            Event::LockWaitEnded => {
                if let Some(columns) = transient_columns() {
                    self.screen.stderr_in_place("", columns);
                }
            }
            Event::CallRolledBack { call, ours, theirs } => self.screen.stderr(&format!(
                "Call {call}: rolled back and retried: {} would wait for {}, which waits for it.",
                ours.join(" > "),
                theirs.join(" > ")
            )),
            Event::ObservationRetried { call, reason } => self.screen.stderr(&format!(
                "Call {call}: rolled back and retried alone: {reason}."
            )),
            Event::CallStarted { .. } | Event::CallEnded { .. } => {}
            Event::Logged {
                step,
                model,
                method,
                line,
                ..
            } => {
                let step = step.map(|step| step.to_string());
                let from = log_origin(step.as_deref(), model.as_str(), method.as_str());
                self.log_line(&from, &line);
            }
            Event::Progress { done, of, unit } => self.ticker.report(done, of, unit),
            Event::DefinitionUpgraded(upgrade) => self.definition_upgraded(&upgrade),
            Event::PluginCompiled { type_name, elapsed } => self.screen.stderr(&format!(
                "Compiled {type_name} in {}.",
                show::duration(elapsed)
            )),
            Event::CacheUnusable { part, reason } => self.cache_unusable(part, &reason),
            Event::PluginLogged { line } => self.log_line("description", &line),
            of_run @ (Event::RunStarted { .. }
            | Event::RunResumed { .. }
            | Event::RunCancelling { .. }
            | Event::RunDeadlinePassed { .. }
            | Event::WorkflowEdited { .. }
            | Event::JobSatisfied { .. }
            | Event::StepExpanded { .. }
            | Event::StepStarted { .. }
            | Event::ChildStarted { .. }
            | Event::CalledRunStarted { .. }
            | Event::StepRetried { .. }
            | Event::StepEnded { .. }
            | Event::StepSatisfied { .. }
            | Event::StepSkipped { .. }
            | Event::GateOpened { .. }
            | Event::GateDecided { .. }
            | Event::GateExpired { .. }
            | Event::GateReopened { .. }) => {
                let line = self.run_lines().line(of_run);
                if let Some(line) = line {
                    self.screen.stderr(&stderr_sentence(&line));
                }
            }
        }
    }

    /// Remembers what later lines need of an event that is not shown.
    pub(crate) fn note(&self, event: Event) {
        // The line itself is not needed.
        drop(self.run_lines().line(event));
    }

    /// Shows how the items of a step with `forEach` have ended.
    pub(crate) fn items_ended(&self, run: &RunId, step: &StepPath, counts: &str) {
        let line = self.run_lines().items_ended(run, step, counts);
        self.screen.stderr(&stderr_sentence(&line));
    }

    fn run_lines(&self) -> MutexGuard<'_, RunLines> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn definition_upgraded(&self, upgrade: &DefinitionUpgrade) {
        let DefinitionUpgrade {
            model,
            type_name,
            from,
            to,
        } = upgrade;
        let named = from.as_ref().map(|it| format!("version {it}"));
        let named = named.as_deref().unwrap_or("no version");
        self.screen.stderr(&format!(
            "The definition of {model} names {named} of {type_name}, and is used as upgraded to {to}; `sedge model upgrade {model}` saves that."
        ));
    }

    pub(crate) fn new(screen: &Arc<Screen>) -> Self {
        Self {
            screen: Arc::clone(screen),
            last_wait: Mutex::default(),
            runs: Mutex::default(),
            ticker: Ticker::new(screen, false),
        }
    }

    fn lock_waiting(&self, event: Event) {
        let Event::LockWaiting {
            call,
            resource,
            blockers,
            waited,
            n_others,
        } = event
        else {
            return;
        };
        let holders = holders_text(&blockers);
        let others = match n_others {
            0 => String::new(),
            n => format!("; {} also waiting", show::count(n, "other call")),
        };
        match transient_columns() {
            Some(columns) => {
                let waited = show::duration(waited);
                let line = format!("Waiting for {resource} ({waited}){holders}{others}");
                self.screen.stderr_in_place(&line, columns);
            }
            None => {
                let line = format!("Waiting for {resource}{holders}{others}");
                self.show_wait_once((call, resource), &line);
            }
        }
    }

    fn cache_unusable(&self, part: CachePart, reason: &str) {
        let variable = user_folders::variable_of(part);
        self.screen.stderr(&format!(
            "warning: the cache of compiled code cannot be used: {reason}; set {variable} to a \
             folder that only you may write to"
        ));
    }

    fn log_line(&self, from: &str, line: &LogLine) {
        if line.level >= LogLevel::Info {
            let fields = line.fields.iter();
            let fields: String = fields
                .map(|(key, value)| format!(" {key}={value}"))
                .collect();
            let text = log_text(line.level.as_str(), &line.message, &fields, INDENT);
            let text = format!("  {from}: {text}");
            self.screen.stderr(&stderr_folded(&text, "      "));
        }
    }

    /// Shows a wait, unless it is the one that was shown last.
    fn show_wait_once(&self, wait: (Lineage, String), line: &str) {
        let mut last = self
            .last_wait
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&wait) {
            self.screen.stderr(line);
            *last = Some(wait);
        }
    }
}

/// Returns the holders of a lock, as the end of a sentence.
fn holders_text(blockers: &[String]) -> String {
    match blockers {
        [] => String::new(),
        [one] => format!(", which is locked by {one}"),
        [one, rest @ ..] => format!(
            ", which is locked by {one} and {}",
            show::count(rest.len(), "other")
        ),
    }
}

/// Returns what logged a line: `model.method`, behind its step if it has one.
pub(crate) fn log_origin(step: Option<&str>, model: &str, method: &str) -> String {
    match step {
        Some(step) => format!("{step} {model}.{method}"),
        None => format!("{model}.{method}"),
    }
}

/// Returns a log line as text: its level unless that is `info`, its message and its fields.
///
/// Further lines of the message begin with `indent`.
pub(crate) fn log_text(level: &str, message: &str, fields: &str, indent: &str) -> String {
    let text = guest_text::block(&format!("{message}{fields}"), indent);
    match level {
        "info" => text,
        level => format!("{level}: {text}"),
    }
}
